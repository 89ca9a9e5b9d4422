"""Matrices for readers: means over seeds, intervals, headers."""

import pandas as pd

from mixtune.reports.markdown import markdown
from mixtune.reports.readme import format_readme
from mixtune.reports.tables.seeds import format_matrix
from tests.unit.reports.score_files import BASE, F1, SETUP, file_of, matrix_of


def test_headers_say_how_many_benchmarks_an_average_is_over():
    table = matrix_of(file_of("mixtune", F1), file_of("gentune", F1), file_of("littune", F1))
    assert markdown(format_matrix(table, SETUP)) == (
        "| Model | Mixture | Shots | TACRED | GIDS | PG-Fiction"
        " | General (n=2) | Literary (n=1) | Overall (n=1/2/3) |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| small | mixtune | 0 | 0.5000 | 0.7500 | 0.2500 | 0.6250 | 0.2500 | 0.5000 |\n"
        "| small | gentune | 0 | 0.5000 | 0.7500 |  | 0.6250 |  | 0.6250 |\n"
        "| small | littune | 0 |  |  | 0.2500 |  | 0.2500 | 0.2500 |\n"
    )
    several = matrix_of(file_of("mixtune", F1, conditions=("generic", "schema")))
    shown = format_matrix(several, SETUP)
    assert list(shown.columns[:4]) == ["Model", "Mixture", "Shots", "Condition"]


def test_several_seeds_are_shown_as_mean_and_sample_deviation():
    other = {"tacred": 0.7, "gids": 0.75, "pg_fiction": 0.25}  # general 0.725
    table = matrix_of(file_of("gentune", F1, seed=1), file_of("gentune", other, seed=2), file_of("untuned", BASE))
    setup = SETUP | {"seeds": [1, 2]}
    assert markdown(format_matrix(table, setup)).splitlines()[2:] == [
        "| small | untuned | 0 | 1 | 0.2500 | 0.2500 | 0.0000 | 0.2500 | 0.0000 | 0.1667 |",
        "| small | gentune | 0 | 2 | 0.600 ± 0.141 | 0.750 ± 0.000 |  | 0.675 ± 0.071 |  | 0.675 ± 0.071 |",
    ]
    text = format_readme(setup, table)
    assert "| small | gentune | 0 | 2 | 0.425 ± 0.071 |  | 0.425 ± 0.071 |\n" in text  # what tuning adds
    assert "means over 2 training seeds" in text and "Brackets" not in text


def test_a_mean_over_seeds_of_which_one_lacks_the_score_is_blank():
    table = matrix_of(file_of("mixtune", F1, seed=1), file_of("mixtune", {"tacred": 0.5, "gids": 0.75}, seed=2))
    shown = format_matrix(table, SETUP | {"seeds": [1, 2]})
    assert shown["PG-Fiction"].isna().all() and shown["Overall (n=3)"].isna().all()
    assert list(shown["Missing"]) == ["pg_fiction"]


def bounds(*rows):
    """A table of intervals of micro-F1: mixture, benchmark, low, high."""
    columns = ["mixture", "benchmark", "low", "high"]
    facts = {
        "model": "small",
        "shots": 0,
        "variant": "default",
        "condition": "schema",
        "seeds": 1,
        "metric": "micro_f1",
    }
    how = {"level": 0.9, "resampled": "groups", "resamples": 10_000}
    return pd.DataFrame([dict(zip(columns, row, strict=True)) | facts | how for row in rows])


def test_scores_have_their_intervals():
    """A row of one domain shows that domain's average as its overall one, and its interval, too."""
    table = matrix_of(file_of("mixtune", F1), file_of("gentune", F1))
    known = bounds(
        ("mixtune", "tacred", 0.4, 0.61), ("mixtune", "overall_avg", 0.45, 0.55), ("gentune", "overall_avg", 0.1, 0.2),
        ("gentune", "general_avg", 0.6, 0.65),
    )  # fmt: skip
    shown = markdown(format_matrix(table, SETUP, known)).splitlines()
    assert shown[1:] == [
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| small | mixtune | 0 | 0.500 [0.400, 0.610] | 0.7500 | 0.2500 | 0.6250 | 0.2500 | 0.500 [0.450, 0.550] |",
        "| small | gentune | 0 | 0.5000 | 0.7500 |  | 0.625 [0.600, 0.650] |  | 0.625 [0.600, 0.650] |",
    ]
    text = format_readme(SETUP, table, known)
    assert "| 0.500 [0.400, 0.610] |" in text
    assert "90 % confidence interval" in text and "10,000 resamples of its groups" in text
