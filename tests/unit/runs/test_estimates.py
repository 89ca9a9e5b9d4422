"""What a matrix will take: rates from run cards, sizes from shapes."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from mixtune.artifacts.manifests import write_json
from mixtune.config.config import load
from mixtune.errors import UserError
from mixtune.models.layers import Layers
from mixtune.models.lora import AdapterSize
from mixtune.runs.estimates import (
    CHECKPOINTS,
    WEIGHT_BYTES,
    Rate,
    TimeEstimate,
    checkpoint_bytes,
    estimate_disk,
    read_rates,
)
from mixtune.runs.target_checks import measure_adapters
from mixtune.systems import DEFAULT, System

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
MODEL = "SmolLM2-360M-Instruct"
TARGETS = SHIPPED["training"]["lora"]["targets"]
CELL = System(MODEL, "gentune", 0, 42)


def configured(**changes):
    config = copy.deepcopy(SHIPPED)
    update_config(config, {"matrix": {"models": [MODEL]}} | changes)
    return load(config)


def card(**facts):
    common = {"examples_per_second": 2.0, "loading_seconds": 7.0, "peak_rss_bytes": 5, "device": "here"}
    return common | facts


@pytest.fixture
def project(tmp_path):
    """A project folder with the cards of one finished cell."""
    write_json(tmp_path / f"results/adapters/{CELL}/run_card.json", card())
    conditions = {"generic": card(), "schema": card(examples_per_second=1.0)}
    write_json(tmp_path / f"results/predictions/{CELL}/run_card.json", card(conditions=conditions))
    return tmp_path


def test_rates_are_read_from_run_cards(project):
    place = (MODEL, 0)
    assert read_rates(project) == [
        Rate("finetune", *place, "", "here", 2.0, 7.0, 5),
        Rate("predict", *place, "generic", "here", 2.0, 7.0, 5),
        Rate("predict", *place, "schema", "here", 1.0, 7.0, 5),
    ]


def test_a_card_without_a_rate_gives_none(tmp_path):
    write_json(tmp_path / f"results/adapters/{CELL}/run_card.json", {"seconds": 3})
    assert read_rates(tmp_path) == []


def test_the_cap_bounds_what_is_not_rendered_and_rendered_rows_count(project):
    config = configured()
    estimate = TimeEstimate(config, project, read_rates(project))
    assert estimate.finetune(CELL) == 200_000 * 2 / 2.0 + 7.0
    manifest = project / f"results/rendered/{MODEL}/training/gentune/0-shot/manifest.json"
    write_json(manifest, {"rendered": {"train": {"rows": 50}}})
    assert estimate.finetune(CELL) == 50 * 2 / 2.0 + 7.0


def test_prediction_is_the_sum_over_conditions(project):
    config = configured(prediction={"test_rows": 10})
    assert TimeEstimate(config, project, read_rates(project)).predict(CELL) == 90 / 2.0 + 90 / 1.0 + 7.0
    names = [f"{condition}/{name}" for condition in ("generic", "schema") for name in config.matrix.benchmarks]
    manifest = project / f"results/rendered/{MODEL}/prompts/0-shot/manifest.json"
    write_json(manifest, {"rendered": {name: {"rows": 4} for name in names}})
    assert TimeEstimate(config, project, read_rates(project)).predict(CELL) == 36 / 2.0 + 36 / 1.0 + 7.0


@pytest.mark.parametrize(
    "system", [System(MODEL, "gentune", 2, 42), System("Qwen2.5-0.5B-Instruct", "gentune", 0, 42)], ids=str
)
def test_nothing_is_inferred_from_other_models_or_shots(project, system):
    estimate = TimeEstimate(configured(), project, read_rates(project))
    assert estimate.finetune(system) is None
    assert estimate.predict(system) is None


def test_another_mixture_or_seed_of_the_same_model_has_the_same_rate(project):
    estimate = TimeEstimate(configured(), project, read_rates(project))
    assert estimate.finetune(System(MODEL, "littune", 0, 7)) == 200_007.0


def test_rates_of_another_device_do_not_count(project):
    assert TimeEstimate(configured(), project, read_rates(project), device="there").finetune(CELL) is None
    assert TimeEstimate(configured(), project, read_rates(project), device="here").finetune(CELL)


def test_an_untuned_model_is_not_tuned(project):
    untuned = System(MODEL, "untuned", 0, 0)
    assert TimeEstimate(configured(), project, []).finetune(untuned) == 0.0


def test_test_rows_of_unknown_number_are_not_guessed(project):
    config = configured(benchmarks={"rebel": {"origin": "sample"}})
    assert TimeEstimate(config, project, read_rates(project)).predict(CELL) is None


def shape(**changed):
    """The shape of a Llama of three layers."""
    return {
        "vocab_size": 32,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    } | changed


def test_a_target_without_a_layer_has_no_size(tmp_path):
    adapters = {MODEL: {DEFAULT: UserError("training.lora.targets: no linear layer of this model matches k_proj")}}
    assert estimate_disk(configured(), tmp_path, "cpu", adapters) == (0, [MODEL])


def test_the_documented_sizes_are_computed(tmp_path):
    """Of SmolLM3-3B, whose shape is the default of transformers' own config."""
    model = "SmolLM3-3B"
    write_json(tmp_path / f"results/models/{model}/config.json", {"model_type": "smollm3"})
    parameters = measure_adapters(configured(matrix={"models": [model]}), tmp_path)[model][DEFAULT].parameters
    adapter, checkpoint = WEIGHT_BYTES * parameters, checkpoint_bytes(parameters, "cuda")
    page = " ".join((ROOT / "docs/operate.md").read_text(encoding="utf-8").split())
    for figure in (
        f"P = {parameters:,}, so {adapter / 2**20:.0f} MiB per adapter",
        f"{checkpoint / 2**20:.0f} MiB per checkpoint on CUDA",
        f"{CHECKPOINTS * checkpoint / 2**30:.1f} GiB at most while a cell is tuned",
        f"below {-(-30 * adapter // 2**30)} GiB",
    ):
        assert figure in page


def test_the_disk_that_adapters_will_take(tmp_path):
    config = configured()
    assert estimate_disk(config, tmp_path, "cpu", measure_adapters(config, tmp_path)) == (0, [MODEL])
    write_json(tmp_path / f"results/models/{MODEL}/config.json", shape() | {"model_type": "llama"})
    (tmp_path / f"results/models/{MODEL}/tokenizer.json").write_bytes(b"x" * 100)
    adapters = measure_adapters(config, tmp_path)
    parameters = adapters[MODEL][DEFAULT].parameters
    checkpoints = 3 * checkpoint_bytes(parameters, "cpu")
    assert estimate_disk(config, tmp_path, "cpu", adapters) == (2 * 6 * (4 * parameters + 100) + checkpoints, [])
    write_json(tmp_path / f"results/adapters/{CELL}/manifest.json", {})
    assert estimate_disk(config, tmp_path, "cpu", adapters) == (2 * 5 * (4 * parameters + 100) + checkpoints, [])


def test_a_released_adapter_takes_no_disk_of_tuning(tmp_path):
    config = configured(models={MODEL: {"adapters": {"gentune": {0: {"origin": "path", "path": "elsewhere"}}}}})
    adapters = {MODEL: {DEFAULT: AdapterSize(TARGETS, 100, Layers(TARGETS, None, []))}}
    needed = 2 * 5 * 4 * 100 + 3 * checkpoint_bytes(100, "cpu")
    assert estimate_disk(config, tmp_path, "cpu", adapters) == (needed, [])
