"""Intervals from files: of the metric that is shown, the same in every run."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtune.errors import UserError
from mixtune.inference.predictions import write_predictions
from mixtune.reports.markdown import markdown
from mixtune.reports.readme import format_readme
from mixtune.reports.tables import matrix as matrices
from mixtune.reports.tables import scores as tables
from mixtune.reports.tables.comparisons import format_comparisons
from mixtune.reports.tables.seeds import format_matrix
from tests.unit.evaluation.files import BENCHMARKS, LABELS, ONE, PAIR, ROWS, SHOTS, TWO, by


def test_ci_of_another_metric(files):
    """With a negative label on most rows, accuracy is far above micro-F1: its interval would not hold the score."""
    truth, said = ["none"] * 50 + ["a"] * 10, ["none"] * 50 + ["a"] * 4 + [""] * 6
    for name in BENCHMARKS:
        files.gold[name] = dict(zip(files.gold[name], truth, strict=True))
        path = files.folder / "predictions" / ONE / "schema" / f"{name}.parquet"
        write_predictions(path, list(files.gold[name]), files.gold[name], [(word, None) for word in said], LABELS)
    scores = files.scores(ONE)
    file = files.intervals("small/mixtune/0-shot", ONE)
    table = tables.intervals([file], scores)
    for _, row in scores.iterrows():
        for metric in ("micro_f1", "macro_f1"):
            found = table[(table["benchmark"] == row["benchmark"]) & (table["metric"] == metric)].iloc[0]
            assert found["value"] == pytest.approx(row[metric], abs=1e-12)
            assert found["low"] < row[metric] < found["high"]
    accuracies = scores.set_index("benchmark")["accuracy"]
    micro = table[table["metric"] == "micro_f1"].set_index("benchmark")
    assert all(micro.loc[name, "high"] < accuracies[name] for name in BENCHMARKS)
    by(file["intervals"], benchmark="gids", metric="micro_f1")["value"] = accuracies["gids"]
    with pytest.raises(UserError, match=r"gids: the interval is of the value 0\.\d+, but micro_f1 is"):
        tables.intervals([file], scores)


def test_an_average_has_the_interval_of_a_mean_of_independent_benchmarks(files):
    files.predict(ONE, 0.6)
    rows = files.intervals("small/mixtune/0-shot", ONE, resamples=4000)["intervals"]
    parts = [by(rows, benchmark=name, metric="micro_f1") for name in ("gids", "tacred")]
    average = by(rows, benchmark="general_avg")
    assert average["value"] == pytest.approx(np.mean([part["value"] for part in parts]))
    widths = [part["high"] - part["low"] for part in parts]
    assert average["high"] - average["low"] == pytest.approx(np.hypot(*widths) / 2, rel=0.05)
    assert (average["n"], average["units"]) == (2 * ROWS, 2 * ROWS)
    alone, literary = by(rows, benchmark="literary_avg"), by(rows, benchmark="pg_fiction", metric="micro_f1")
    assert [alone[key] for key in ("value", "low", "high")] == [literary[key] for key in ("value", "low", "high")]
    assert by(rows, benchmark="overall_avg")["n"] == 3 * ROWS


def test_the_overall_average_of_a_specialist_is_over_its_own_domain(files):
    files.predict(ONE, 0.6)
    rows = files.intervals("small/mixtune/0-shot", ONE, overall=["gids", "tacred"])["intervals"]
    general, overall = by(rows, benchmark="general_avg"), by(rows, benchmark="overall_avg")
    assert overall == {**general, "benchmark": "overall_avg"}


def test_groups_are_those_of_the_prepared_benchmark(files):
    files.predict(ONE, 0.6)
    rows = files.intervals("small/mixtune/0-shot", ONE, cluster=True)
    assert rows["cluster"] is True
    assert {row["units"] for row in rows["intervals"] if row["benchmark"] in BENCHMARKS} == {ROWS // 3}
    assert rows["intervals"] != files.intervals("small/mixtune/0-shot", ONE)["intervals"]


def test_one_group_has_a_score_and_no_interval(files):
    files.predict(ONE, 0.6)
    files.predict("small/mixtune/2-shot/seed-1", 0.7)
    path = files.benchmarks["gids"] / "test.parquet"
    ids = pq.read_table(path)["id"]
    pq.write_table(pa.table({"id": ids, "group": ["book"] * ROWS}), path)
    file = files.intervals("small/mixtune/0-shot", ONE, cluster=True)
    table = tables.intervals([file], files.scores(ONE))
    blank = table.loc[table["low"].isna() & table["high"].isna(), "benchmark"]
    assert set(blank) == {"gids", "general_avg", "overall_avg"}
    assert table["value"].notna().all()
    compared = files.compare(SHOTS, systems=PAIR, cluster=True)
    assert set(compared.loc[compared["p_bootstrap"].isna(), "benchmark"]) == set(blank)
    assert compared["p_holm"].notna().all()
    shown = format_comparisons(compared).set_index("benchmark")
    assert str(shown.loc["gids", "difference"]) == f"{shown.loc['gids', 'difference'].value:.3f}"
    assert shown.loc["gids", "p_bootstrap"] == ""


def test_the_same_settings_give_the_same_file(files):
    files.predict(ONE, 0.6)
    first = files.intervals("small/mixtune/0-shot", ONE)
    files.predict(ONE, 0.6, order=list(reversed(range(ROWS))))
    assert files.intervals("small/mixtune/0-shot", ONE) == first
    assert files.intervals("another/arm/0-shot", ONE)["intervals"] != first["intervals"]


def test_a_higher_level_is_a_wider_interval(files):
    files.predict(ONE, 0.6)
    whole = files.intervals("small/mixtune/0-shot", ONE, level=0.95)["intervals"]
    narrow = files.intervals("small/mixtune/0-shot", ONE, level=0.5)["intervals"]
    assert all(a["low"] < b["low"] and b["high"] < a["high"] for a, b in zip(whole, narrow, strict=True))


# Several seeds


def test_several_seeds_have_a_mean_a_deviation_and_intervals(files):
    for seed, system in ((1, ONE), (2, TWO)):
        files.predict(system, 0.6, seed)
    file = files.intervals("small/mixtune/0-shot", ONE, TWO, resamples=4000)
    table = tables.intervals([file], files.scores(ONE, TWO))
    gids = table[(table["benchmark"] == "gids") & (table["metric"] == "micro_f1")]
    assert gids["system"].tolist() == [ONE, TWO, "small/mixtune/0-shot"]
    assert gids["seed"].astype(object).where(gids["seed"].notna(), None).tolist() == [1, 2, None]
    assert gids["seeds"].tolist() == [1, 1, 2]
    one, two, mean = gids["value"]
    assert mean == pytest.approx((one + two) / 2)
    assert gids["sd"].iloc[2] == pytest.approx(abs(one - two) / np.sqrt(2))
    assert gids["sd"].iloc[:2].isna().all()
    # Seeds that err on other rows: their mean is surer than each of them.
    width = (gids["high"] - gids["low"]).tolist()
    assert width[2] < min(width[:2])


def test_seeds_that_answer_alike_are_no_more_test_rows(files):
    """The interval of the mean over equal seeds is that of one of them: rows are drawn for all seeds at once."""
    for system in (ONE, TWO):
        files.predict(system, 0.6)
    rows = files.intervals("small/mixtune/0-shot", ONE, TWO)["intervals"]
    mean, one = (by(rows, benchmark="gids", metric="micro_f1", system=system) for system in (None, ONE))
    assert [mean[key] for key in ("value", "low", "high")] == [one[key] for key in ("value", "low", "high")]
    assert (mean["sd"], mean["seeds"]) == (0, 2)


def test_three_seeds_in_the_shown_matrix(files):
    systems = [f"small/mixtune/0-shot/seed-{seed}" for seed in (1, 2, 3)]
    for seed, system in enumerate(systems):
        files.predict(system, 0.6, seed)
    scores = files.scores(*systems)
    setup = {
        "models": ["small"], "mixtures": {"mixtune": {"benchmarks": list(BENCHMARKS)}}, "shots": [0],
        "variants": ["default"], "seeds": [1, 2, 3], "conditions": ["schema"], "headline_condition": "schema",
        "benchmarks": {name: {"title": name, "domain": domain} for name, domain in BENCHMARKS.items()},
        "caps": {"test_rows": None, "max_rows": {}}, "sample": [],
    }  # fmt: skip
    matrix = matrices.matrix(scores, setup)
    assert len(matrix) == 3
    intervals = tables.intervals([files.intervals("small/mixtune/0-shot", *systems)], scores)
    shown = format_matrix(matrix, setup, intervals)
    assert shown[["Model", "Mixture", "Shots", "Seeds"]].to_numpy().tolist() == [["small", "mixtune", 0, 3]]
    for column, name in (("gids", "gids"), ("General (n=2)", "general_avg"), ("Overall (n=3)", "overall_avg")):
        mean = intervals[(intervals["benchmark"] == name) & (intervals["seeds"] == 3)].iloc[0]
        wanted = f"{matrix[name].mean():.3f} ± {matrix[name].std():.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"
        assert str(shown[column].iloc[0]) == wanted
        assert f"| {wanted} |" in markdown(shown)
        assert mean["sd"] == pytest.approx(matrix[name].std())
    text = format_readme(setup, matrix, intervals)
    assert "means over 3 training seeds ± their sample standard deviation" in text
    assert "95 % confidence interval" in text and "400 resamples of its rows" in text
    assert "It does not cover other training runs." in text


def test_a_benchmark_that_an_arm_is_not_evaluated_on_has_no_interval_and_no_average(files):
    folder = files.predict(ONE, 0.6)
    whole = files.intervals("small/mixtune/0-shot", ONE)["intervals"]
    (folder / "schema" / "gids.parquet").unlink()
    rows = files.intervals("small/mixtune/0-shot", ONE, excluded=["gids"])["intervals"]
    left_out = ("gids", "general_avg", "overall_avg")
    assert rows == [row for row in whole if row["benchmark"] not in left_out]
    assert {row["benchmark"] for row in rows} == {"tacred", "pg_fiction", "literary_avg"}
