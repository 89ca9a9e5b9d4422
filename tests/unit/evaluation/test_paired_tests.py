"""Comparisons from files: joined by id, the same in every run."""

import pandas as pd
import pytest

from mixtune.errors import UserError
from mixtune.evaluation.outcomes import counts, read_predictions
from mixtune.evaluation.paired_tests import COLUMNS
from mixtune.evaluation.significance import Paired, generator, holm
from mixtune.reports.markdown import markdown
from mixtune.reports.tables.comparisons import format_comparisons
from tests.unit.evaluation.files import BENCHMARKS, ONE, PAIR, ROWS, SETTINGS, SHOTS, TWO, by


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
    with pytest.raises(UserError) as error:
        files.compare(SHOTS, systems=PAIR)
    assert str(error.value) == (
        "small/mixtune/0-shot/seed-1, schema, gids and small/mixtune/2-shot/seed-1, schema, gids: the examples differ: "
        "4 id(s) (gids/test/56, gids/test/57, gids/test/58, …) only in the first, 0 id(s) only in the second; predict "
        "both anew with one prediction.test_rows"
    )
    files.predict(TWO, 0.5, ids=3)
    with pytest.raises(UserError, match=r"57 id\(s\)"):
        files.intervals("small/mixtune/0-shot", ONE, TWO)


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


def test_a_family_that_is_too_large_for_the_resamples_is_reported(files, capsys):
    for system in PAIR:
        files.predict(system, 0.5)
    files.compare(SHOTS, systems=PAIR, resamples=100)
    assert "warning" not in capsys.readouterr().out
    files.compare(SHOTS, systems=PAIR, resamples=50)
    assert "shots/schema has 3 tests, so that no p_holm can be below 0.059; raise" in capsys.readouterr().out


def test_a_comparison_without_a_pair_is_reported_and_tests_nothing(files, capsys):
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
    a, b = (counts(read_predictions(folder / system / "schema/gids.parquet"), {"none", ""}) for system in PAIR)
    rng = generator("comparison", PAIR[0], "schema", PAIR[1], "schema", "gids")
    tests = Paired.of(a, b, rng, SETTINGS["resamples"]).tests(0.95)
    assert {key: row[key] for key in tests} == tests


def test_a_pair_is_tested_on_the_benchmarks_of_both(files):
    files.predict(PAIR[0], 0.4, 1)
    folder = files.predict(PAIR[1], 0.8, 2)
    whole = files.compare(SHOTS, systems=PAIR)
    (folder / "schema" / "gids.parquet").unlink()
    table = files.compare(SHOTS, systems=PAIR, excluded={PAIR[1]: ["gids"]})
    assert table["benchmark"].tolist() == ["tacred", "pg_fiction", "literary_avg"]
    same = whole[whole["benchmark"].isin(table["benchmark"])].reset_index(drop=True)
    assert table.drop(columns="p_holm").equals(same.drop(columns="p_holm"))  # Holm's factor is smaller
