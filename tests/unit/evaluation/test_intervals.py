"""Intervals and comparisons from files: joined by id, of the metric that is shown, the same in every run."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtune.errors import UserError
from mixtune.evaluation.intervals import write_intervals
from mixtune.evaluation.outcomes import counts, read_answers
from mixtune.evaluation.paired_tests import COLUMNS, compare
from mixtune.evaluation.score import score_system
from mixtune.evaluation.significance import Paired, generator, holm
from mixtune.inference.predictions import write_predictions
from mixtune.reports.markdown import markdown
from mixtune.reports.readme import format_readme
from mixtune.reports.tables import matrix as matrices
from mixtune.reports.tables import scores as tables
from mixtune.reports.tables.comparisons import format_comparisons
from mixtune.reports.tables.seeds import format_matrix

LABELS = ["a", "b", "none"]
BENCHMARKS = {"gids": "general", "tacred": "general", "pg_fiction": "literary"}
SETTINGS = {
    "benchmarks": BENCHMARKS, "negatives": "benchmark", "resamples": 400, "level": 0.95,
    "cluster": False,
}  # fmt: skip
ROWS = 60


class Files:
    """Benchmarks and predictions in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.gold = {}
        for name in BENCHMARKS:
            dice = np.random.default_rng(len(name))
            ids = [f"{name}/test/{i}" for i in range(ROWS)]
            self.gold[name] = dict(zip(ids, dice.choice(LABELS, ROWS, p=[0.2, 0.2, 0.6]).tolist(), strict=True))
            path = folder / "benchmarks" / name
            path.mkdir(parents=True)
            groups = [f"document {i // 3}" for i in range(ROWS)]
            pq.write_table(pa.table({"id": ids, "group": groups}), path / "test.parquet")
            (path / "labels.json").write_text(json.dumps({"labels": LABELS, "negative": "none"}))
        self.benchmarks = {name: folder / "benchmarks" / name for name in BENCHMARKS}

    def predict(self, system, skill, seed=0, conditions=("schema",), ids=None, order=None):
        """Write a system's predictions, right with the probability `skill`."""
        for condition in conditions:
            for name, gold in self.gold.items():
                dice = np.random.default_rng([seed, len(name)])
                right, other = dice.random(ROWS) < skill, dice.choice([*LABELS, ""], ROWS)
                answers = {id: gold[id] if ok else str(o) for id, ok, o in zip(gold, right, other, strict=True)}
                chosen = list(gold)[:ids] if order is None else [list(gold)[i] for i in order]
                path = self.folder / "predictions" / system / condition / f"{name}.parquet"
                write_predictions(path, chosen, gold, [(answers[id], None) for id in chosen], LABELS)
        return self.folder / "predictions" / system

    def scores(self, *systems):
        """The table of scores of cells."""
        files = []
        for system in systems:
            model, mixture, shots, seed = system.split("/")
            facts = {"system": system, "kind": "cell", "model": model, "mixture": mixture}
            facts |= {"shots": int(shots[0]), "seed": int(seed.removeprefix("seed-"))}
            output = self.folder / "scores.json"
            settings = {**SETTINGS, "system": facts, "conditions": ["schema"], "benchmarks": list(BENCHMARKS)}
            score_system(settings, self.folder / "predictions" / system, self.benchmarks, output)
            files.append(json.loads(output.read_text()))
        return tables.scores(files)

    def intervals(self, arm, *systems, **changes):
        """What a file tells of one arm."""
        output = self.folder / "intervals.json"
        folders = [self.folder / "predictions" / system for system in systems]
        one = {"arm": arm, "systems": systems, "conditions": ["schema"], "overall": list(BENCHMARKS)}
        one |= {key: changes.pop(key) for key in list(changes) if key in one}
        write_intervals({**SETTINGS, "arms": [one], **changes}, folders, self.benchmarks, output)
        (file,) = json.loads(output.read_text())
        return file

    def compare(self, *comparisons, systems, **changes):
        known = {"comparisons": comparisons, "systems": {system: ["schema"] for system in systems}}
        settings = {**SETTINGS, **known, **changes}
        return compare(settings, self.folder / "predictions", self.benchmarks)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


ONE, TWO = "small/mixtune/0-shot/seed-1", "small/mixtune/0-shot/seed-2"
SHOTS = {"name": "shots", "vary": "shots", "of": [0, 2]}
PAIR = ("small/mixtune/0-shot/seed-1", "small/mixtune/2-shot/seed-1")


def by(rows, **key):
    (row,) = [row for row in rows if all(row[name] == value for name, value in key.items())]
    return row


# Intervals


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
        "seeds": [1, 2, 3], "conditions": ["schema"], "headline_condition": "schema",
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


# Comparisons


def test_joined_by_row_order(files):
    """The rows of one file in another order change nothing: rows are paired by their ids."""
    files.predict(PAIR[0], 0.5, 1)
    files.predict(PAIR[1], 0.7, 2)
    table = files.compare(SHOTS, systems=PAIR)
    files.predict(PAIR[1], 0.7, 2, order=list(reversed(range(ROWS))))
    pd.testing.assert_frame_equal(files.compare(SHOTS, systems=PAIR), table, check_exact=True)


def test_joined_by_prompt_hash(files):
    """Examples with one and the same text are as many pairs as there are examples, and not their square."""
    files.gold["gids"] = {id: "a" for id in files.gold["gids"]}  # equal prompts, equal gold, equal answers
    files.predict(PAIR[0], 1.0)
    files.predict(PAIR[1], 0.5)
    table = files.compare(SHOTS, systems=PAIR)
    assert by(table.to_dict("records"), benchmark="gids")["n"] == ROWS


def test_other_examples_are_refused_with_their_ids(files):
    files.predict(PAIR[0], 0.5)
    files.predict(PAIR[1], 0.5, ids=ROWS - 4)
    with pytest.raises(UserError) as told:
        files.compare(SHOTS, systems=PAIR)
    assert str(told.value) == (
        "small/mixtune/0-shot/seed-1, schema, gids and small/mixtune/2-shot/seed-1, schema, gids are not of the same "
        "examples: 4 id(s) (gids/test/56, gids/test/57, gids/test/58, …) only in the first, 0 id(s) only in the "
        "second; predict both anew with one prediction.test_rows"
    )
    files.predict(TWO, 0.5, ids=3)
    with pytest.raises(UserError, match=r"57 id\(s\)"):
        files.intervals("small/mixtune/0-shot", ONE, TWO)


def test_an_example_that_the_benchmark_lacks_is_refused(files):
    files.predict(ONE, 0.5)
    path = files.benchmarks["gids"] / "test.parquet"
    pq.write_table(pq.read_table(path).slice(2), path)
    with pytest.raises(UserError, match=r"2 id\(s\) \(gids/test/0, gids/test/1\) not among the test rows of"):
        files.intervals("small/mixtune/0-shot", ONE, cluster=True)


def test_an_example_that_is_there_twice_is_refused(files):
    files.predict(ONE, 0.5, order=[0, 1, 1, 2])
    with pytest.raises(UserError, match=r"1 id\(s\) \(gids/test/1\) more than once"):
        files.intervals("small/mixtune/0-shot", ONE)


def test_a_comparison_is_a_row_for_each_benchmark_and_average(files):
    files.predict(PAIR[0], 0.4, 1)
    files.predict(PAIR[1], 0.8, 2)
    table = files.compare(SHOTS, systems=PAIR)
    assert list(table.columns) == COLUMNS
    names = [*BENCHMARKS, "general_avg", "literary_avg", "overall_avg"]
    assert table["benchmark"].tolist() == names
    assert set(table["family"]) == {"shots/schema", "shots/schema averages"}
    assert set(table["system_a"]) == {PAIR[0]} and set(table["system_b"]) == {PAIR[1]}
    scores = files.scores(*PAIR).set_index(["system", "benchmark"])["micro_f1"]
    rows = table.set_index("benchmark")
    for name in BENCHMARKS:
        assert rows.loc[name, ["micro_f1_a", "micro_f1_b"]].tolist() == [scores[system, name] for system in PAIR]
        assert rows.loc[name, "n"] == ROWS
    assert rows["difference"].to_numpy() == pytest.approx((rows["micro_f1_b"] - rows["micro_f1_a"]).to_numpy())
    overall = rows.loc["overall_avg"]
    assert overall["difference"] == pytest.approx(rows.loc[list(BENCHMARKS), "difference"].mean())
    assert overall["low"] > 0 and overall["p_bootstrap"] < 0.01 and overall["p_randomisation"] < 0.01
    assert overall["n"] == 3 * ROWS
    assert rows["p_mcnemar"].isna().tolist() == [False] * 3 + [True] * 3


def test_holm_is_over_the_family(files):
    systems = [f"{model}/mixtune/{shots}-shot/seed-1" for model in ("small", "large") for shots in (0, 2)]
    for seed, system in enumerate(systems):
        files.predict(system, 0.5 + 0.05 * seed, seed)
    only = {**SHOTS, "name": "small", "where": {"model": ["small"]}}
    table = files.compare(SHOTS, only, systems=systems)
    sizes = {"shots/schema": 6, "shots/schema averages": 6, "small/schema": 3, "small/schema averages": 3}
    assert table["family"].value_counts().to_dict() == sizes
    for family in sizes:
        rows = table[table["family"] == family]
        assert rows["p_holm"].tolist() == holm(rows["p_randomisation"])
    one = table[(table["system_a"] == PAIR[0]) & (table["benchmark"] == "gids")]
    assert one["p_randomisation"].nunique() == 1  # what a pair draws depends on the pair, not on the family


def test_of_one_domain_no_average_is_tested_twice(files):
    for system in PAIR:
        files.predict(system, 0.5)
    table = files.compare(SHOTS, systems=PAIR, benchmarks={"gids": "general", "tacred": "general"})
    assert table["benchmark"].tolist() == ["gids", "tacred", "general_avg"]


def test_a_family_that_is_too_large_for_the_resamples_is_told(files, capsys):
    for system in PAIR:
        files.predict(system, 0.5)
    files.compare(SHOTS, systems=PAIR, resamples=100)
    assert "none" not in capsys.readouterr().out
    files.compare(SHOTS, systems=PAIR, resamples=50)
    assert "shots/schema has 3 tests, so that none can have a p_holm under 0.059; raise" in capsys.readouterr().out


def test_a_comparison_without_a_pair_is_told_and_tests_nothing(files, capsys):
    table = files.compare({"name": "sizes", "vary": "model", "of": ["x", "y"]}, systems=PAIR)
    assert len(table) == 0 and list(table.columns) == COLUMNS
    assert "sizes: no pair in this matrix" in capsys.readouterr().out
    assert markdown(format_comparisons(table)).count("\n") == 2


def test_comparisons_as_people_read_them(files):
    files.predict(PAIR[0], 0.0, 1)
    files.predict(PAIR[1], 1.0, 2)
    table = files.compare(SHOTS, systems=PAIR, resamples=20_000)
    row = by(table.to_dict("records"), benchmark="gids")
    text = markdown(format_comparisons(table)).splitlines()[2]
    assert f"| {row['difference']:.3f} [{row['low']:.3f}, {row['high']:.3f}] |" in text
    assert "| &lt; 0.0001 |" in text


def test_groups_are_swapped_and_drawn_whole(files):
    files.predict(PAIR[0], 0.5, 1)
    files.predict(PAIR[1], 0.6, 2)
    alone, grouped = (files.compare(SHOTS, systems=PAIR, cluster=cluster) for cluster in (False, True))
    assert (grouped["units"] * 3).tolist() == alone["units"].tolist() == alone["n"].tolist()
    assert (grouped["low"] != alone["low"]).all()
    assert grouped["p_mcnemar"].dropna().tolist() == alone["p_mcnemar"].dropna().tolist()


def test_a_pairs_numbers_are_those_of_its_counts(files):
    """The table says what the statistics say of the same rows, seeded by the pair and the benchmark."""
    for seed, system in enumerate(PAIR):
        files.predict(system, 0.5, seed)
    row = by(files.compare(SHOTS, systems=PAIR).to_dict("records"), benchmark="gids")
    folder = files.folder / "predictions"
    a, b = (counts(read_answers(folder / system / "schema/gids.parquet"), {"none", ""}) for system in PAIR)
    random = generator("comparison", PAIR[0], "schema", PAIR[1], "schema", "gids")
    told = Paired.of(a, b, random, SETTINGS["resamples"]).tests(0.95)
    assert {key: row[key] for key in told} == told
