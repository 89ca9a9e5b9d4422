from pathlib import Path

import pytest
from snakemake.common.configfile import load_configfile

from mixtune.config import inputs
from mixtune.config.config import load
from mixtune.config.matrix import MatrixPlan, systems
from mixtune.systems import System

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def raw():
    raw = load_configfile(ROOT / "config.yaml")
    raw["matrix"] |= {
        "models": ["SmolLM3-3B"], "mixtures": ["gentune", "mixtune"], "shots": [0], "seeds": [1, 2], "untuned": True,
        "encoders": ["roberta-base"], "floors": ["majority", "duplicates"], "conditions": ["constrained", "schema"],
    }  # fmt: skip
    return raw


@pytest.fixture
def plan(raw):
    return MatrixPlan(load(raw))


def test_cells_come_first_then_untuned_models_and_baselines(plan):
    cells = [f"SmolLM3-3B/{mixture}/0-shot/seed-{seed}" for mixture in ("gentune", "mixtune") for seed in (1, 2)]
    untuned = ["SmolLM3-3B/untuned/0-shot/seed-0"]
    others = ["encoder/roberta-base/seed-1", "encoder/roberta-base/seed-2", "floor/majority", "ceiling/duplicates"]
    assert list(plan.systems) == [*cells, *untuned, *others]
    assert [str(system) for system in systems(plan.config)] == [*cells, *untuned]
    assert (plan.baselines, plan.tuned, plan.with_costs) == (others, cells, [*untuned, *cells])


def test_constrained_has_the_prompt_of_schema(plan):
    assert plan.prompts == ["schema"]
    assert plan.unconstrained == ["schema"]


def test_conditions_of_each_kind(plan):
    assert plan.conditions_of("SmolLM3-3B/gentune/0-shot/seed-1") == ["constrained", "schema"]
    assert plan.conditions_of("floor/majority") == ["any"]
    with pytest.raises(KeyError):
        plan.conditions_of("floor/other")


def test_a_series_holds_all_arms_of_a_model_and_one_of_another_system(plan):
    assert list(plan.series) == ["SmolLM3-3B", "ceiling/duplicates", "encoder/roberta-base", "floor/majority"]
    assert len(plan.series["SmolLM3-3B"]) == 5
    assert plan.series["encoder/roberta-base"] == ["encoder/roberta-base/seed-1", "encoder/roberta-base/seed-2"]


def test_a_specialist_is_averaged_over_its_domain_and_all_else_over_all(plan):
    general = plan.averaged("SmolLM3-3B/gentune/0-shot/seed-1")
    assert general == [name for name in plan.benchmarks if plan.config.domain(name) == "general"]
    assert plan.averaged("floor/majority") == plan.averaged("SmolLM3-3B/mixtune/0-shot/seed-1") == plan.benchmarks


def test_a_benchmark_that_is_only_trained_on_is_prepared(raw):
    raw["matrix"]["benchmarks"] = ["conll04"]
    plan = MatrixPlan(load(raw))
    assert plan.benchmarks == ["conll04"]
    assert set(plan.prepared) == set(plan.config.mixtures["mixtune"].benchmarks)


def test_rendered_rows_of_released_cells_are_not_needed(raw):
    raw["models"]["SmolLM3-3B"]["adapters"] = {"gentune": {0: {"origin": "path", "path": "elsewhere"}}}
    raw["matrix"]["seeds"] = [1]
    plan = MatrixPlan(load(raw))
    assert plan.mixtures == ["mixtune"]
    assert plan.rendered == [
        "results/rendered/SmolLM3-3B/prompts/0-shot/manifest.json",
        "results/rendered/SmolLM3-3B/training/mixtune/0-shot/manifest.json",
    ]
    assert inputs.adapter(plan, "SmolLM3-3B/gentune/0-shot/seed-1") == [
        "results/released/SmolLM3-3B/gentune/0-shot/manifest.json"
    ]
    assert inputs.adapter(plan, "SmolLM3-3B/untuned/0-shot/seed-0") == []


def test_systems_are_the_paths_of_results_and_back(raw):
    raw["matrix"] |= {"seeds": [1, 2], "shots": [0, 2]}
    found = systems(load(raw))
    assert len(found) == 2 * 2 * 2 + 2
    assert [System.parse(str(system)) for system in found] == found
    assert str(found[-1]) == "SmolLM3-3B/untuned/2-shot/seed-0"
