"""The README of the reports, and the captions of the report of Snakemake."""

from pathlib import Path

import pytest
from docutils.core import publish_doctree
from jinja2 import Environment, StrictUndefined

from mixtune.errors import UserError
from mixtune.reports.markdown import markdown
from mixtune.reports.readme import FIGURES, TABLES, format_readme
from mixtune.reports.tables.matrix import headline
from mixtune.reports.tables.seeds import format_matrix
from tests.unit.reports.score_files import BASE, F1, SETUP, file_of, matrix_of


def test_markdown_has_the_names_of_print_and_csv_those_of_the_config():
    table = matrix_of(file_of("gentune", F1))
    shown = format_matrix(table, SETUP | {"names": {"gentune": "GenTune", "small": "Small"}})
    assert (shown["Model"].item(), shown["Mixture"].item()) == ("Small", "GenTune")
    text = format_readme(SETUP | {"names": {"gentune": "GenTune"}}, table)
    assert "Training mixtures: mixtune, GenTune, littune" in text
    assert table["mixture"].item() == "gentune"


def test_the_summary_says_what_was_run_and_holds_the_headline_alone():
    both = ("generic", "schema")
    table = matrix_of(file_of("mixtune", F1, conditions=both), file_of("untuned", BASE, conditions=both))
    text = format_readme(SETUP, table)
    assert "- Cells: 1; runs of untuned models: 1\n" in text
    assert "- Training rows: at most 2,000 of mixtune\n- Test rows: all\n" in text
    assert markdown(format_matrix(headline(table, SETUP), SETUP)) in text
    assert "| small | mixtune | 0 | 0.3750 | 0.2500 | 0.3333 |\n" in text
    assert "not benchmark results" not in text
    for name in TABLES:
        assert f"(tables/{name}.csv)" in text
    assert "(figures/matrix.png)" in text and "(figures/shots.png)" in text
    capped = SETUP | {"caps": {"test_rows": 16, "max_rows": {}}, "sample": ["gids", "tacred"]}
    text = format_readme(capped, table)
    assert "**These are not benchmark results.** The data of GIDS, TACRED are small sample corpora." in text
    assert "- Test rows: at most 16 per benchmark\n" in text


def test_a_headline_condition_without_scores_names_the_setting():
    with pytest.raises(UserError, match=r"'schema'.*reports\.headline_condition"):
        format_readme(SETUP, matrix_of(file_of("mixtune", F1, conditions=("generic",))))


CAPTIONS = Path(__file__).parents[3] / "workflow" / "report"
CONFIG = {
    "matrix": {
        "models": ["small"], "mixtures": ["mixtune"], "shots": [0, 2], "variants": ["default"], "seeds": [1, 2],
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
CAPTIONED = [(name, "") for name in ("workflow", *TABLES) if name != "errors"]
CAPTIONED += [("figures", figure) for figure in FIGURES]


@pytest.mark.parametrize(("name", "figure"), CAPTIONED)
def test_captions_are_sound_restructured_text(name, figure):
    source = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(source).render(snakemake={"config": CONFIG, "wildcards": {"figure": figure}})
    document = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    assert len(document.astext().split(". ")) >= 2
    assert ("not benchmark results" in text) == (name == "workflow")
