"""Variants: what cells are tuned with, side by side."""

import csv
import json

import pytest

from tests.workflow.test_caching import ALL_FIGURES, CELLS

LOW = {"variants": {"low": {"training": {"learning_rate": 1e-5}}}, "matrix": {"variants": ["default", "low"]}}


def test_a_new_variant_plans_its_own_cells_only(project):
    project.configure(LOW)
    assert project.planned() == {**CELLS, **ALL_FIGURES}


@pytest.fixture(scope="module")
def varied(whole_run, tmp_path_factory):
    """A small matrix of three variants, two of which differ in their rows."""
    project = whole_run[0].copy(tmp_path_factory.mktemp("variants") / "project")
    chosen = {
        "mixtures": ["littune"], "shots": [0], "benchmarks": ["pg_fiction"], "encoders": [], "floors": ["majority"],
        "conditions": ["generic"], "variants": ["default", "rates", "few"],
    }  # fmt: skip
    project.configure(
        {
            "matrix": chosen,
            "variants": {
                "rates": {"grid": {"training.learning_rate": [1e-5]}},
                "few": {"mixture": {"max_rows": 8}, "models": ["t*"]},
            },
            "reports": {"headline_condition": "generic"},
            "statistics": {"resamples": 100, "comparisons": [{"name": "v", "vary": "variant", "of": ["default", "*"]}]},
        }
    )
    return project, project.snakemake()


NAMES = ["default", "few", "rates.learning_rate-1e-05"]
FEW, RATES = (f"tiny/littune/0-shot/{name}/seed-42" for name in NAMES[1:])


def test_a_variant_reuses_what_it_shares(varied):
    project, run = varied
    assert (run.output.count("(Rule: finetune)"), run.output.count("(Rule: render_training)")) == (2, 1)
    mixtures = {path.name for path in (project / "results/mixtures").iterdir()}
    assert mixtures == {"gentune", "littune", "mixtune", "littune@max_rows-8"}
    card = json.loads((project / f"results/adapters/{FEW}/run_card.json").read_text())
    assert card["examples"] == 8


def test_variants_are_rows_of_every_table(varied):
    project, _ = varied
    for name in ("matrix", "scores", "intervals", "per_class", "confusion", "errors", "efficiency"):
        with (project / f"reports/tables/{name}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["model"] == "tiny"]
        assert {row["variant"] for row in rows} == set(NAMES), name
    text = (project / "reports/tables/matrix.md").read_text()
    assert text.startswith("| Model | Mixture | Shots | Variant |")
    assert "| tiny | LitTune | 0 | few |" in text
    assert "tiny, few" in (project / "reports/tables/matrix.tex").read_text()


def test_variants_are_compared_in_pairs(varied):
    with (varied[0] / "reports/tables/comparisons.csv").open(newline="") as file:
        pairs = {(row["system_a"], row["system_b"]) for row in csv.DictReader(file)}
    assert pairs == {("tiny/littune/0-shot/seed-42", other) for other in (FEW, RATES)}


def test_the_card_of_a_variant_names_it(varied):
    card = (varied[0] / f"results/adapters/{FEW}/README.md").read_text()
    assert "few" in card and "tiny-re_littune-0-shot-few" in card


def test_a_variant_that_goes_makes_nothing_stale(varied, tmp_path):
    project = varied[0].copy(tmp_path / "project")
    project.configure({"matrix": {"variants": ["default", "few"]}})
    assert not {"finetune", "predict", "score", "build_mixture"} & set(project.planned())
