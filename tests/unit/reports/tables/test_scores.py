"""Tables worked by hand, their Markdown, and the faults that must not come back."""

import math
from pathlib import Path

import pandas as pd
import pytest
from docutils.core import publish_doctree
from jinja2 import Environment, StrictUndefined

from mixtune.errors import UserError
from mixtune.evaluation.scoring import score
from mixtune.reports.tables import scores as tables
from mixtune.reports.tables.files import read_table

SETUP = {
    "models": ["small", "large"],
    "mixtures": {
        "mixtune": {"benchmarks": ["tacred", "gids", "pg_fiction"]},
        "gentune": {"benchmarks": ["tacred", "gids"]},
        "littune": {"benchmarks": ["pg_fiction"]},
    },
    "shots": [0],
    "seeds": [42],
    "conditions": ["generic", "schema"],
    "benchmarks": {
        "tacred": {"title": "TACRED", "domain": "general"},
        "gids": {"title": "GIDS", "domain": "general"},
        "pg_fiction": {"title": "PG-Fiction", "domain": "literary"},
    },
    "headline_condition": "schema",
    "caps": {"test_rows": None, "max_rows": {"mixtune": 2000}},
    "sample": [],
}
F1 = {"tacred": 0.5, "gids": 0.75, "pg_fiction": 0.25}  # general 0.625, overall 0.5
BASE = {"tacred": 0.25, "gids": 0.25, "pg_fiction": 0.0}  # general 0.25, overall 1/6


def one(f1, **more):
    rates = dict.fromkeys(["precision", "recall", "micro_f1", "macro_f1", "accuracy"], f1)
    return {
        "n": 8,
        "tp": 1,
        "fp": 2,
        "fn": 3,
        **rates,
        "out_of_schema": 0.0,
        "empty": 0.0,
        "per_class": {},
        **more,
    }


def file(mixture, f1, model="small", seed=42, conditions=("schema",), **more):
    """A score file with the same micro-F1 under each condition."""
    kind, seed = ("untuned", 0) if mixture == "untuned" else ("cell", seed)
    scores = {name: {benchmark: one(value) for benchmark, value in f1.items()} for name in conditions}
    return {
        "system": f"{model}/{mixture}/0-shot/seed-{seed}", "kind": kind, "model": model, "mixture": mixture,
        "shots": 0, "seed": seed, "negatives": "benchmark", "scores": scores, **more,
    }  # fmt: skip


def aside(kind, model, f1, seed=0):
    """A score file of what stands beside the cells."""
    system, any_condition = f"{kind}/{model}", {"any": {benchmark: one(value) for benchmark, value in f1.items()}}
    return file(kind, {}, model=model, kind=kind, system=system, seed=seed, scores=any_condition)


ASIDE = [
    aside("ceiling", "duplicates", dict.fromkeys(F1, 1.0)),
    aside("floor", "majority", dict.fromkeys(F1, 0.0)),
    aside("encoder", "roberta-large", F1, seed=42),
    aside("encoder", "roberta-base", {"tacred": 0.25, "gids": 0.25, "pg_fiction": 0.625}, seed=42),
]


def matrix(*files, setup=SETUP):
    return tables.matrix(tables.scores(files), setup)


def equal(values, expected):
    """Whether two rows of numbers are equal, NaN being equal to NaN."""
    pairs = zip(values, expected, strict=True)
    return all(a == pytest.approx(b, abs=1e-12, nan_ok=True) for a, b in pairs)


NAN = math.nan
AVERAGES = ["general_avg", "literary_avg", "overall_avg"]


def test_scores_are_those_of_the_files_whatever_their_order():
    files = [
        file("untuned", BASE),
        file("mixtune", F1, conditions=("schema", "generic")),
        file("gentune", F1),
    ]
    table = tables.scores(files)
    assert table.equals(tables.scores(files[::-1]))
    assert list(table.columns) == [
        "system", "kind", "model", "mixture", "shots", "seed", "condition", "benchmark",
        "n", "tp", "fp", "fn", "precision", "recall", "micro_f1", "macro_f1", "accuracy",
        "out_of_schema", "empty",
    ]  # fmt: skip
    assert len(table) == 4 * 3
    key = ["mixture", "condition", "benchmark"]
    assert list(table[key].itertuples(index=False)) == sorted(table[key].itertuples(index=False))
    assert table.iloc[0].to_dict() == {
        "system": "small/gentune/0-shot/seed-42", "kind": "cell", "model": "small", "mixture": "gentune",
        "shots": 0, "seed": 42, "condition": "schema", "benchmark": "gids", "n": 8, "tp": 1, "fp": 2, "fn": 3,
        "precision": 0.75, "recall": 0.75, "micro_f1": 0.75, "macro_f1": 0.75, "accuracy": 0.75,
        "out_of_schema": 0.0, "empty": 0.0,
    }  # fmt: skip


def test_per_class_holds_every_label_of_a_score():
    real = score(["A", "A", "none"], ["a", "B", ""], ["none"], ["A", "B", "none"])
    table = tables.per_class([file("gentune", {}, scores={"schema": {"gids": real}})])
    columns = ["benchmark", "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
    assert [tuple(row) for row in table[columns].itertuples(index=False)] == [
        ("gids", "A", 2, 1, 0, 1, 1.0, 0.5, 2 / 3),
        ("gids", "B", 0, 0, 1, 0, 0.0, 0.0, 0.0),
    ]


def test_a_system_with_two_files_is_refused():
    with pytest.raises(UserError, match="small/gentune/0-shot/seed-42 has two score files"):
        tables.scores([file("gentune", F1), file("mixtune", F1), file("gentune", BASE)])


def test_negatives_left_in():
    """Scores that count different words as negative do not stand in one table."""
    with pytest.raises(UserError, match=r"different negative words.*scoring\.negatives"):
        tables.scores([file("gentune", F1), file("mixtune", F1, negatives="paper")])


def test_a_matrix_worked_by_hand():
    table = matrix(*(file(name, F1) for name in ("gentune", "littune", "mixtune")), file("untuned", BASE))
    assert list(table["mixture"]) == ["untuned", "mixtune", "gentune", "littune"]
    assert list(table.columns) == [
        "model", "mixture", "shots", "seed", "condition", "tacred", "gids", "pg_fiction", *AVERAGES,
        "general_n", "literary_n", "overall_n", "missing", "flagged",
    ]  # fmt: skip
    numbers = table[[*F1, *AVERAGES, "general_n", "literary_n", "overall_n"]]
    assert equal(numbers.iloc[0], [0.25, 0.25, 0.0, 0.25, 0.0, 1 / 6, 2, 1, 3])
    assert equal(numbers.iloc[1], [0.5, 0.75, 0.25, 0.625, 0.25, 0.5, 2, 1, 3])
    assert equal(numbers.iloc[2], [0.5, 0.75, NAN, 0.625, NAN, 0.625, 2, 0, 2])
    assert equal(numbers.iloc[3], [NAN, NAN, 0.25, NAN, 0.25, 0.25, 0, 1, 1])
    assert set(table["missing"]) == set(table["flagged"]) == {""}


def test_rows_follow_the_setup_and_the_headline_condition_comes_first():
    both = ("generic", "schema")
    models = ("large", "small")
    table = matrix(
        *(file(name, F1, model, conditions=both) for name in ("littune", "mixtune") for model in models),
        *(file("gentune", F1, seed=seed) for seed in (42, 7)),
        file("untuned", F1, "large"),
    )
    assert list(table[["condition", "model", "mixture", "seed"]].itertuples(index=False, name=None)) == [
        ("schema", "small", "mixtune", 42),
        ("schema", "small", "gentune", 7),
        ("schema", "small", "gentune", 42),
        ("schema", "small", "littune", 42),
        ("schema", "large", "untuned", 0),
        ("schema", "large", "mixtune", 42),
        ("schema", "large", "littune", 42),
        ("generic", "small", "mixtune", 42),
        ("generic", "small", "littune", 42),
        ("generic", "large", "mixtune", 42),
        ("generic", "large", "littune", 42),
    ]


def test_what_stands_beside_the_cells_comes_last_and_shows_all_benchmarks():
    table = matrix(*ASIDE, file("gentune", F1, model="large", conditions=("generic", "schema")), file("untuned", BASE))
    assert list(zip(table["model"], table["mixture"], table["condition"], strict=True)) == [
        ("small", "untuned", "schema"),
        ("large", "gentune", "schema"),
        ("large", "gentune", "generic"),
        ("roberta-base", "encoder", "any"),
        ("roberta-large", "encoder", "any"),
        ("majority", "floor", "any"),
        ("duplicates", "ceiling", "any"),
    ]
    assert equal(table.iloc[3][[*F1, *AVERAGES]], [0.25, 0.25, 0.625, 0.25, 0.625, 0.375])


def test_what_stands_beside_the_cells_is_in_no_transfer_gain_or_number_of_cells():
    files = [file("gentune", F1), file("untuned", BASE)]
    table, alone = matrix(*ASIDE, *files), matrix(*files)
    assert tables.transfer(tables.scores([*ASIDE, *files]), SETUP).equals(tables.transfer(tables.scores(files), SETUP))
    assert tables.gain(table).equals(tables.gain(alone))
    text = tables.summary(SETUP, table)
    assert "Cells: 1; runs of untuned models: 1" in text
    beside = "encoder roberta-base, encoder roberta-large, floor majority, ceiling duplicates"
    assert f"- Beside the cells: {beside}\n" in text
    assert "| roberta-base | encoder | 0 | 0.2500 | 0.2500 | 0.6250 |" in text
    assert "Condition |" not in text
    assert "- Beside the cells: nothing\n" in tables.summary(SETUP, alone)


def test_a_frontier_model_stands_behind_the_cells_of_each_condition():
    both = {"conditions": ("generic", "schema")}
    asked = file("frontier", F1, model="GPT", seed=0, kind="frontier", system="frontier/GPT", **both)
    files = [*ASIDE, asked, file("gentune", F1, **both), file("untuned", BASE, **both)]
    table = matrix(*files)
    expected = [("untuned", "small"), ("gentune", "small"), ("frontier", "GPT")]
    assert [(*row[1:], row[0]) for row in table[["condition", "mixture", "model"]].itertuples(index=False)] == [
        *((*pair, condition) for condition in ("schema", "generic") for pair in expected),
        ("encoder", "roberta-base", "any"), ("encoder", "roberta-large", "any"), ("floor", "majority", "any"),
        ("ceiling", "duplicates", "any"),
    ]  # fmt: skip
    assert equal(table.iloc[2][[*F1, *AVERAGES]], [0.5, 0.75, 0.25, 0.625, 0.25, 0.5])
    text = tables.summary(SETUP, table)
    assert "Cells: 1; runs of untuned models: 1" in text
    assert "- Beside the cells: frontier GPT, encoder roberta-base" in text
    assert text.count("| GPT | frontier | 0 |") == 1
    without = [one for one in files if one is not asked]
    assert tables.gain(table).equals(tables.gain(matrix(*without)))
    assert tables.transfer(tables.scores(files), SETUP).equals(tables.transfer(tables.scores(without), SETUP))


def test_average_of_what_exists():
    table = matrix(file("mixtune", {"tacred": 0.5, "pg_fiction": 0.25}), file("littune", {"tacred": 0.5}))
    assert equal(table.loc[0, [*F1, *AVERAGES]], [0.5, NAN, 0.25, NAN, 0.25, NAN])
    assert list(table.loc[0, ["general_n", "literary_n", "overall_n"]]) == [2, 1, 3]
    assert list(table["missing"]) == ["gids", "pg_fiction"]
    assert "Missing" in tables.readable(table, SETUP)


def test_measured_value_overwritten():
    zeros = file("gentune", dict.fromkeys(F1, 0.0))
    zeros["scores"]["schema"]["gids"] = one(0.0, out_of_schema=0.25, empty=0.5)
    zeros["scores"]["schema"]["tacred"] = one(0.0, out_of_schema=0.5)
    table = matrix(zeros)
    assert equal(table.loc[0, [*F1, *AVERAGES]], [0.0, 0.0, NAN, 0.0, NAN, 0.0])
    assert table.loc[0, "flagged"] == "gids"
    assert list(tables.readable(table, SETUP)["Flagged"]) == [1]
    strange = file("mixtune", F1, model="not in the setup", conditions=("not in the setup",))
    assert equal(matrix(zeros, strange).loc[1, [*F1]], F1.values())


def test_a_benchmark_that_is_not_selected_is_in_no_average():
    setup = SETUP | {"benchmarks": {"gids": SETUP["benchmarks"]["gids"]}}
    table = matrix(file("gentune", F1), file("littune", F1), setup=setup)
    assert equal(table["general_avg"], [0.75, NAN])
    assert list(table["overall_n"]) == [1, 0]


def test_a_benchmark_of_ones_own_brings_its_domain():
    setup = SETUP | {"mixtures": {"own": {"benchmarks": ["letters"]}}}
    with pytest.raises(UserError, match=r"'letters'.*mixtures\.own"):
        matrix(file("own", F1), setup=setup)
    table = matrix(file("own", F1), setup=setup | {"domains": {"letters": "literary"}})
    assert equal(table.loc[0, [*F1]], [NAN, NAN, 0.25])


def test_source_name_typo():
    with pytest.raises(UserError, match="mixture 'gentun' has scores"):
        matrix(file("gentun", F1))


def test_transfer_holds_what_the_matrix_leaves_out_of_specialists():
    files = [file("gentune", F1), file("littune", F1), file("mixtune", F1), file("untuned", F1)]
    whole, table = matrix(*files), tables.transfer(tables.scores(files), SETUP)
    assert list(table.columns) == list(whole.columns)
    assert list(table["mixture"]) == ["gentune", "littune"]
    assert equal(table.loc[0, [*F1, *AVERAGES]], [NAN, NAN, 0.25, NAN, 0.25, 0.25])
    assert equal(table.loc[1, [*F1, *AVERAGES]], [0.5, 0.75, NAN, 0.625, NAN, 0.625])
    for _, row in table.iterrows():
        own = whole[whole["mixture"] == row["mixture"]].iloc[0]
        assert all(pd.isna(own[name]) != pd.isna(row[name]) for name in F1)


def test_transfer_is_in_no_average_of_the_matrix_nor_in_the_headline():
    files = [file("gentune", F1), file("littune", F1), file("untuned", BASE)]
    others = [file("gentune", F1 | {"pg_fiction": 0.9}), file("littune", F1 | {"tacred": 0.0, "gids": 0.1}), files[2]]
    one, two = matrix(*files), matrix(*others)
    pd.testing.assert_frame_equal(one, two)
    assert tables.summary(SETUP, one) == tables.summary(SETUP, two)
    pd.testing.assert_frame_equal(tables.gain(one), tables.gain(two))
    first, second = (tables.transfer(tables.scores(some), SETUP) for some in (files, others))
    assert not first["overall_avg"].equals(second["overall_avg"])


def test_without_specialists_transfer_is_an_empty_table():
    table = tables.transfer(tables.scores([file("mixtune", F1), file("untuned", F1)]), SETUP)
    assert len(table) == 0
    assert tables.markdown(tables.readable(table, SETUP)).count("\n") == 2


def test_gain_compares_the_same_benchmarks():
    files = [file(name, F1) for name in ("gentune", "littune", "mixtune")]
    gains = tables.gain(matrix(*files, file("untuned", BASE), file("mixtune", F1, "large")))
    assert list(gains["mixture"]) == ["mixtune", "gentune", "littune"]  # "large" has no base to compare with
    columns = ["general_gain", "literary_gain", "overall_gain"]
    assert equal(gains.loc[0, columns], [0.375, 0.25, 0.5 - 1 / 6])
    assert equal(gains.loc[1, columns], [0.375, NAN, 0.375])
    assert equal(gains.loc[2, columns], [NAN, 0.25, 0.25])
    assert len(tables.gain(matrix(*files))) == 0


def test_gain_is_blank_where_the_base_lacks_a_score():
    gains = tables.gain(matrix(file("mixtune", F1), file("untuned", {"tacred": 0.0, "pg_fiction": 0.0})))
    assert equal(gains.loc[0, ["general_gain", "literary_gain", "overall_gain"]], [NAN, 0.25, NAN])


def test_a_matrix_reads_back_as_it_was_written(tmp_path):
    models = ["NA", "1.50", "small"]
    files = [file("gentune", {"tacred": 1 / 3, "gids": 0.1 + 0.2}, model) for model in models]
    table = matrix(*files, file("littune", {}), setup=SETUP | {"models": models})
    table.to_csv(tmp_path / "matrix.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "matrix.csv"), table, check_exact=True)


def test_markdown_has_the_names_of_print_and_csv_those_of_the_config():
    table = matrix(file("gentune", F1))
    shown = tables.readable(table, SETUP | {"names": {"gentune": "GenTune", "small": "Small"}})
    assert (shown["Model"].item(), shown["Mixture"].item()) == ("Small", "GenTune")
    text = tables.summary(SETUP | {"names": {"gentune": "GenTune"}}, table)
    assert "Training mixtures: mixtune, GenTune, littune" in text
    assert table["mixture"].item() == "gentune"


def test_markdown_formats_numbers_and_leaves_blanks():
    frame = pd.DataFrame({"label": ["NA", "b"], "f1": [2 / 3, NAN], "n": [1234, 0]})
    assert tables.markdown(frame) == (
        "| label | f1 | n |\n| --- | ---: | ---: |\n| NA | 0.6667 | 1234 |\n| b |  | 0 |\n"
    )
    assert "| 0.67 |" in tables.markdown(frame, digits=2)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("org:top_members/employees", "org:top_members/employees"),
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("`code`", r"\`code\`"),
        ("two\r\nlines\u2028three\ttabs ", "two lines three tabs"),
        ("_emphasis_ *too*", r"\_emphasis\_ \*too\*"),
        ("__bold__", r"\_\_bold\_\_"),
        ("[x](y) ~~z~~ $a$", r"\[x\](y) \~\~z\~\~ \$a\$"),
    ],
)
def test_text_from_data_is_shown_literally_in_markdown(text, escaped):
    assert tables.escape(text) == escaped
    assert tables.markdown(pd.DataFrame({text: [text]})).splitlines()[::2] == [f"| {escaped} |"] * 2


def test_headers_say_how_many_benchmarks_an_average_is_over():
    table = matrix(file("mixtune", F1), file("gentune", F1), file("littune", F1))
    assert tables.markdown(tables.readable(table, SETUP)) == (
        "| Model | Mixture | Shots | TACRED | GIDS | PG-Fiction"
        " | General (n=2) | Literary (n=1) | Overall (n=1/2/3) |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| small | mixtune | 0 | 0.5000 | 0.7500 | 0.2500 | 0.6250 | 0.2500 | 0.5000 |\n"
        "| small | gentune | 0 | 0.5000 | 0.7500 |  | 0.6250 |  | 0.6250 |\n"
        "| small | littune | 0 |  |  | 0.2500 |  | 0.2500 | 0.2500 |\n"
    )
    several = matrix(file("mixtune", F1, conditions=("generic", "schema")))
    shown = tables.readable(several, SETUP)
    assert list(shown.columns[:4]) == ["Model", "Mixture", "Shots", "Condition"]


def test_several_seeds_are_shown_as_mean_and_sample_deviation():
    other = {"tacred": 0.7, "gids": 0.75, "pg_fiction": 0.25}  # general 0.725
    table = matrix(file("gentune", F1, seed=1), file("gentune", other, seed=2), file("untuned", BASE))
    setup = SETUP | {"seeds": [1, 2]}
    assert tables.markdown(tables.readable(table, setup)).splitlines()[2:] == [
        "| small | untuned | 0 | 1 | 0.2500 | 0.2500 | 0.0000 | 0.2500 | 0.0000 | 0.1667 |",
        "| small | gentune | 0 | 2 | 0.600 ± 0.141 | 0.750 ± 0.000 |  | 0.675 ± 0.071 |  | 0.675 ± 0.071 |",
    ]
    text = tables.summary(setup, table)
    assert "| small | gentune | 0 | 2 | 0.425 ± 0.071 |  | 0.425 ± 0.071 |\n" in text  # what tuning adds
    assert "means over 2 training seeds" in text and "In brackets" not in text


def test_a_mean_over_seeds_of_which_one_lacks_the_score_is_blank():
    table = matrix(file("mixtune", F1, seed=1), file("mixtune", {"tacred": 0.5, "gids": 0.75}, seed=2))
    shown = tables.readable(table, SETUP | {"seeds": [1, 2]})
    assert shown["PG-Fiction"].isna().all() and shown["Overall (n=3)"].isna().all()
    assert list(shown["Missing"]) == ["pg_fiction"]


def bounds(*rows):
    """A table of intervals of micro-F1: mixture, benchmark, low, high."""
    columns = ["mixture", "benchmark", "low", "high"]
    facts = {"model": "small", "shots": 0, "condition": "schema", "seeds": 1, "metric": "micro_f1"}
    how = {"level": 0.9, "resampled": "groups", "resamples": 10_000}
    return pd.DataFrame([dict(zip(columns, row, strict=True)) | facts | how for row in rows])


def test_scores_stand_with_their_intervals():
    """A row of one domain shows that domain's average as its overall one, and its interval, too."""
    table = matrix(file("mixtune", F1), file("gentune", F1))
    known = bounds(
        ("mixtune", "tacred", 0.4, 0.61), ("mixtune", "overall_avg", 0.45, 0.55), ("gentune", "overall_avg", 0.1, 0.2),
        ("gentune", "general_avg", 0.6, 0.65),
    )  # fmt: skip
    shown = tables.markdown(tables.readable(table, SETUP, known)).splitlines()
    assert shown[1:] == [
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| small | mixtune | 0 | 0.500 [0.400, 0.610] | 0.7500 | 0.2500 | 0.6250 | 0.2500 | 0.500 [0.450, 0.550] |",
        "| small | gentune | 0 | 0.5000 | 0.7500 |  | 0.625 [0.600, 0.650] |  | 0.625 [0.600, 0.650] |",
    ]
    text = tables.summary(SETUP, table, known)
    assert "| 0.500 [0.400, 0.610] |" in text
    assert "90 % confidence interval" in text and "10,000 resamples of its groups" in text


def test_the_summary_tells_what_was_run_and_holds_the_headline_alone():
    both = ("generic", "schema")
    table = matrix(file("mixtune", F1, conditions=both), file("untuned", BASE, conditions=both))
    text = tables.summary(SETUP, table)
    assert "- Cells: 1; runs of untuned models: 1\n" in text
    assert "- Training rows: at most 2,000 of mixtune\n- Test rows: all\n" in text
    assert tables.markdown(tables.readable(tables.headline(table, SETUP), SETUP)) in text
    assert "| small | mixtune | 0 | 0.3750 | 0.2500 | 0.3333 |\n" in text
    assert "not benchmark results" not in text
    for name in tables.TABLES:
        assert f"(tables/{name}.csv)" in text
    assert "(figures/matrix.png)" in text and "(figures/shots.png)" in text
    capped = SETUP | {"caps": {"test_rows": 16, "max_rows": {}}, "sample": ["gids", "tacred"]}
    text = tables.summary(capped, table)
    assert "**These are not benchmark results.** The data of GIDS, TACRED are small sample corpora." in text
    assert "- Test rows: at most 16 a benchmark\n" in text


def test_a_headline_condition_without_scores_names_the_setting():
    with pytest.raises(UserError, match=r"'schema'.*reports\.headline_condition"):
        tables.summary(SETUP, matrix(file("mixtune", F1, conditions=("generic",))))


CAPTIONS = Path(__file__).parents[4] / "workflow" / "report"
CONFIG = {
    "matrix": {
        "models": ["small"], "mixtures": ["mixtune"], "shots": [0, 2], "seeds": [1, 2],
        "conditions": ["generic", "schema"], "benchmarks": ["gids"],
    },
    "benchmarks": {"gids": {"origin": "sample"}},
    "training": {"max_length": 1024, "validation_rows": 1000},
    "prediction": {"test_rows": 16, "max_length": 4096},
    "scoring": {"negatives": "benchmark"},
    "statistics": {"resamples": 10_000, "level": 0.95, "cluster": True},
    "reports": {"headline_condition": "schema", "errors": 20},
    "data_seed": 42,
}  # fmt: skip


# Errors hold texts, so that they are no part of the report that others may get; all figures share a file.
CAPTIONED = [(name, "") for name in ("workflow", *tables.TABLES) if name != "errors"]
CAPTIONED += [("figures", figure) for figure in tables.FIGURES]


@pytest.mark.parametrize(("name", "figure"), CAPTIONED)
def test_captions_are_sound_restructured_text(name, figure):
    source = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(source).render(snakemake={"config": CONFIG, "wildcards": {"figure": figure}})
    document = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    assert len(document.astext().split(". ")) >= 2
    assert ("not benchmark results" in text) == (name == "workflow")
