"""The closing summary of a run, from tables as a run writes them."""

import os
import time
from pathlib import Path

import pandas as pd
import pytest

from mixtune import layout
from mixtune.errors import UserError
from mixtune.reports.closing import describe_reports, summarise
from mixtune.reports.tables.matrix import KEYS
from tests.unit.reports.score_files import BASE, F1, SETUP, baseline_file, experiment, file_of, matrix_of

WORSE = dict.fromkeys(F1, 0.125)
FLOORS = [baseline_file("floor", "majority", WORSE), baseline_file("floor", "type-pair", BASE)]


def comparisons(*rows):
    """Paired differences of an untuned model and a cell: mixture, seed, difference, low, high."""
    common = {"condition_a": "schema", "condition_b": "schema", "benchmark": "overall_avg"}
    return pd.DataFrame(
        [
            {
                "system_a": "small/untuned/0-shot/seed-0", "system_b": f"small/{mixture}/0-shot/seed-{seed}",
                "difference": difference, "low": low, "high": high, **common,
            }
            for mixture, seed, difference, low, high in rows
        ]
    )  # fmt: skip


def intervals(matrix):
    """An interval of ± 0.01 for each overall average."""
    rows = matrix[KEYS].assign(benchmark="overall_avg", metric="micro_f1")
    return rows.assign(low=matrix["overall_avg"] - 0.01, high=matrix["overall_avg"] + 0.01)


@pytest.fixture
def tables():
    """One cell that is better than its untuned model, and two floors."""
    matrix = matrix_of(file_of("mixtune", F1), file_of("untuned", BASE), *FLOORS)
    return {
        "matrix": matrix,
        "intervals": intervals(matrix),
        "comparisons": comparisons(("mixtune", 42, 1 / 3, 0.25, 0.4), ("gentune", 42, -0.1, -0.2, -0.05)),
    }


def test_the_results_are_a_short_table_with_the_paired_difference(tables):
    assert summarise(tables, SETUP) == [
        "Results: F1 × 100 and its interval, under the condition schema",
        "  Best overall average             50.0 (49.0–51.0)  small · mixtune · 0-shot",
        "  Best general average             62.5              small · mixtune · 0-shot",
        "  Best literary average            25.0              small · mixtune · 0-shot",
        "  Its untuned model, overall       16.7 (15.7–17.7)  small · 0-shot",
        "  Best trivial baseline, overall   16.7 (15.7–17.7)  type-pair",
        "Fine-tuning helped: +33.3 for the best cell (overall average; interval of the paired difference +25.0 to "
        "+40.0).",
        "Cells with such an interval above 0: 1 of 2; below 0: 1.",
    ]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "helped"), (-0.1, 0.2, "made no clear difference"), (-0.2, -0.1, "lowered the score")],
)
def test_the_verdict_is_that_of_the_interval(tables, low, high, verdict):
    tables["comparisons"] = comparisons(("mixtune", 42, 0.0, low, high))
    assert any(line.startswith(f"Fine-tuning {verdict}: ") for line in summarise(tables, SETUP))


def test_several_seeds_have_the_widest_interval(tables):
    tables["comparisons"] = comparisons(("mixtune", 42, 0.3, 0.2, 0.4), ("mixtune", 43, 0.1, -0.1, 0.3))
    (line,) = [line for line in summarise(tables, SETUP) if line.startswith("Fine-tuning")]
    assert line.startswith("Fine-tuning made no clear difference: +20.0 for the best cell")
    assert "-10.0 to +40.0, over 2 seeds)." in line


def test_what_was_not_run_is_named_with_its_key(tables):
    del tables["comparisons"]
    text = "\n".join(summarise(tables, SETUP))
    assert "untested: statistics.comparisons does not compare the best cell with an untuned model" in text
    tables["matrix"] = matrix_of(file_of("mixtune", F1))
    text = "\n".join(summarise(tables, SETUP))
    assert "no untuned model was evaluated (matrix.untuned: true does)" in text
    assert "untuned model, " not in text and "trivial baseline" not in text


def test_a_specialist_is_compared_on_benchmarks_that_both_have(tables):
    tables["matrix"] = matrix_of(file_of("gentune", {"tacred": 0.5, "gids": 0.75}), file_of("untuned", BASE))
    lines = [" ".join(line.split()) for line in summarise(tables, SETUP)]
    assert lines[1:3] == [
        "Best general average 62.5 small · gentune · 0-shot",
        "Its untuned model, general 25.0 small · 0-shot",
    ]


def test_a_variant_is_compared_with_the_untuned_model(tables):
    path = "small/mixtune/0-shot/high-rate/seed-42"
    variant = file_of("mixtune", F1, variant="high-rate", system=path)
    tables["matrix"] = matrix_of(file_of("mixtune", BASE), variant, file_of("untuned", BASE))
    tables["comparisons"] = comparisons(("mixtune", 42, 0.0, -0.1, 0.1)).assign(system_b=path)
    lines = [" ".join(line.split()) for line in summarise(tables, SETUP | {"variants": ["default", "high-rate"]})]
    assert lines[1] == "Best overall average 50.0 small · mixtune · 0-shot · high-rate"
    assert "Its untuned model, overall 16.7 (15.7–17.7) small · 0-shot" in lines
    assert any(line.startswith("Fine-tuning made no clear difference") for line in lines)


def test_sample_corpora_are_no_results_and_the_next_step_is_named(tables):
    lines = summarise(tables, SETUP | {"sample": ["gids", "tacred"]})
    assert lines[-2].startswith("The data of GIDS, TACRED are small sample corpora: these scores are no results")
    assert "mixtune doctor --configfile mine.yaml" in lines[-1]
    lines = summarise(tables, SETUP | {"sample": list(F1)})
    assert lines[-2].startswith("The data of all benchmarks are small sample corpora")


def test_a_matrix_without_cells_has_its_baselines(tables):
    tables["matrix"] = matrix_of(file_of("untuned", BASE), *FLOORS)
    assert summarise(tables, SETUP)[1].split()[:4] == ["Best", "trivial", "baseline,", "overall"]


def test_scores_of_another_condition_are_an_error(tables):
    tables["matrix"] = matrix_of(file_of("mixtune", F1, conditions=("generic",)))
    with pytest.raises(UserError, match=r"reports\.headline_condition"):
        summarise(tables, SETUP)


# The files of a run


@pytest.fixture
def written(tables, tmp_path, monkeypatch):
    """The tables as files; the path of the matrix."""
    monkeypatch.chdir(tmp_path)
    for name, table in tables.items():
        path = Path(layout.TABLE.format(table=name, ending="csv"))
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    return Path(layout.TABLE.format(table="matrix", ending="csv"))


def test_the_summary_names_what_to_open_and_to_type(written):
    Path(layout.PAGE).touch()
    lines = describe_reports(experiment(), time.time() - 60).splitlines()
    assert lines[1].startswith("Results: ")
    assert lines[-2] == "Open reports/index.html; all tables are in reports/tables."
    assert lines[-1].startswith("Type `mixtune why reports/tables/matrix.csv`")


def test_a_run_that_made_no_reports_has_no_summary(written):
    os.utime(written, (0, 0))
    assert describe_reports(experiment(), time.time() - 60) is None
    written.unlink()
    assert describe_reports(experiment(), time.time() - 60) is None


def test_tables_that_cannot_be_summarised_are_no_failure_of_the_run(written):
    written.write_text("model\nsmall\n")
    text = describe_reports(experiment(), time.time() - 60)
    assert "reports/tables: no summary of these tables (" in text
    assert "reports/README.md has the results" in text
