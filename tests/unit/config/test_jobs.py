"""Settings of all jobs of the shipped configuration: what is written is what is read."""

from inspect import signature
from pathlib import Path

import pytest
from snakemake.common.configfile import load_configfile

from mixtune.artifacts.settings import Settings
from mixtune.config import jobs
from mixtune.config.config import load
from mixtune.config.matrix import MatrixPlan

ROOT = Path(__file__).resolve().parents[3]
RULES = sorted(path.stem for path in (ROOT / "workflow/scripts").glob("*.py") if path.stem != "__init__")
BIG = {
    "base_url": "http://localhost/v1/", "model": "big", "key_variable": None, "price": {"input": 0, "output": 0},
    "spending_limit": 0,
}  # fmt: skip
WILDCARDS = {
    "model": "SmolLM3-3B", "mixture": "mixtune", "shots": "2", "variant": "", "seed": "42", "draw": "mixtune",
    "rows": "mixtune", "benchmark": "conll04", "frontier": "big",
    "system": "SmolLM3-3B/mixtune/2-shot/seed-42", "series": "SmolLM3-3B", "figure": "matrix",
    "released": "SmolLM3-3B/gentune/0-shot",
}  # fmt: skip


@pytest.fixture
def plan():
    """The shipped matrix, with a frontier model and a released adapter."""
    raw = load_configfile(ROOT / "config.yaml")
    raw["frontier"] = {"big": BIG}
    raw["matrix"]["frontier"] = ["big"]
    raw["models"]["SmolLM3-3B"]["adapters"] = {"gentune": {0: {"origin": "path", "path": "elsewhere"}}}
    return MatrixPlan(load(raw))


def build(plan, rule):
    function = getattr(jobs, rule)
    return function(plan, **{name: WILDCARDS[name] for name in signature(function).parameters if name != "plan"})


@pytest.mark.parametrize("rule", [*(rule for rule in RULES if rule != "gather_benchmarks"), "frontier_terms"])
def test_a_job_reads_the_settings_that_its_rule_writes(plan, rule):
    settings = build(plan, rule)
    assert isinstance(settings, Settings)
    parsed = type(settings).parse(settings.serialise("abc"))
    assert parsed == settings.model_copy(update={"code": "abc"})


def test_a_fetched_model_and_a_pretrained_encoder(plan):
    model = build(plan, "fetch_model")
    assert (model.section, model.origin, model.name) == ("models", "hub", model.hub.id)
    encoder = jobs.fetch_model(plan, plan.config.matrix.encoders[0])
    assert encoder.section == "encoders"


def test_a_released_adapter_is_evaluated_and_not_tuned(plan):
    assert build(plan, "fetch_adapter").key == "models.SmolLM3-3B.adapters.gentune.0"
    assert not any(path.startswith("SmolLM3-3B/gentune/0-shot") for path in plan.tuned)
    assert "SmolLM3-3B/gentune/0-shot/seed-42" in plan.systems
    assert jobs.experiment(plan).released == ["SmolLM3-3B/gentune/0-shot"]


def test_an_endpoint_is_one_whether_or_not_its_url_ends_in_a_slash(plan):
    assert build(plan, "predict_frontier").base_url == "http://localhost/v1"


def test_whether_a_licensed_benchmark_is_exported_changes_no_card(plan):
    export = plan.config.export.model_copy(update={"licensed": ["tacred"]})
    other = MatrixPlan(plan.config.model_copy(update={"export": export}))
    assert build(other, "card") == build(plan, "card")
    assert build(other, "export_mixture") != build(plan, "export_mixture")
