import pandas as pd

from mixtune.reports import chart_data

SETUP = {
    "mixtures": {"gentune": {"benchmarks": ["gids"]}, "mixtune": {"benchmarks": ["gids", "pg_fiction"]}},
    "variants": ["default"],
    "seeds": [42],
    "headline_condition": "schema",
}


def matrix(models, **more):
    rows = [
        {"model": model, "mixture": "mixtune", "shots": 0,
        "variant": "default", "seed": 42, "condition": "schema", "general_avg": average,
         "literary_avg": average, "overall_avg": average, "overall_n": 2, "system": model, **more}
        for model, average in models.items()
    ]  # fmt: skip
    return {"matrix": pd.DataFrame(rows)}


def test_without_both_domains_nothing_balances():
    found = matrix({"a": 0.5, "b": 0.4})
    found["matrix"]["literary_avg"] = None
    assert chart_data.domains(found, SETUP)[0].empty


def test_families_follow_from_the_names_of_models():
    models = {
        "SmolLM2-360M-Instruct": 0.5,
        "SmolLM3-3B": 0.6,
        "Qwen2.5-0.5B-Instruct": 0.5,
        "Llama-3.2-3B": 0.7,
        "B": 0.1,
    }
    rows = chart_data.sizes(chart_data.systems(matrix(models), SETUP))
    assert rows[["family", "millions"]].values.tolist() == [["SmolLM", 360.0], ["SmolLM", 3000.0]]


def test_the_frontier_is_what_nothing_cheaper_reaches():
    found = matrix({"a": 0.5, "b": 0.4, "c": 0.6, "d": 0.6, "e": 0.9})
    costs = {"a": 1, "b": 2, "c": 3, "d": 4, "e": None}
    found["efficiency"] = pd.DataFrame({"system": list(costs), "seconds": list(costs.values())})
    rows = chart_data.efficiency(found, SETUP)
    assert dict(zip(rows["model"], rows["pareto"], strict=True)) == {"a": "yes", "b": "", "c": "yes", "d": ""}
    assert set(rows["cost"]) == {"Seconds of fine-tuning"}


def test_a_pair_is_identified_by_what_differs():
    first, second, base = "m/mixtune/0-shot/seed-42", "m/mixtune/2-shot/seed-42", "m/untuned/0-shot/seed-0"
    keys = ["system_a", "condition_a", "system_b", "condition_b", "p_holm", "benchmark"]
    rows = [
        [first, "schema", second, "schema", 0.01, "overall_avg"],
        [base, "schema", first, "schema", None, "overall_avg"],
        ["encoder/e/seed-42", "any", first, "schema", 0.01, "overall_avg"],
        ["a", "generic", "b", "generic", 0.01, "overall_avg"],
        ["a", "schema", "b", "schema", 0.01, "gids"],
    ]
    rows = pd.DataFrame(rows, columns=keys).assign(family="all averages", difference=0.5, low=0.4, high=0.6)
    found = chart_data.tests({"comparisons": rows}, SETUP)
    assert found["family"].tolist() == ["all"] * 3
    assert found[["pair", "verdict"]].values.tolist() == [
        ["m · mixtune · 0-shot → 2-shot", "p < 0.05"],
        ["m · untuned → mixtune · 0-shot", "p ≥ 0.05"],
        ["encoder/e · → m/mixtune/0-shot", "p < 0.05"],
    ]
    several = chart_data.tests({"comparisons": rows}, {**SETUP, "seeds": [42, 43]})
    assert several["pair"][1] == "m · untuned → mixtune · 0-shot · seed-0 → seed-42"
    assert found["difference"].tolist() == [50, 50, 50]
    literary = rows.assign(benchmark=rows["benchmark"].replace("overall_avg", "literary_avg"))
    assert len(chart_data.tests({"comparisons": literary}, SETUP)) == 3
    assert chart_data.tests({"comparisons": rows[rows["benchmark"] == "gids"]}, SETUP).empty
