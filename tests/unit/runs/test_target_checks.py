"""Targets of the configuration against the layers of models at hand, before anything is queued."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from mixtune.artifacts.manifests import write_json
from mixtune.config.config import load
from mixtune.models.layers import Layers
from mixtune.models.lora import AdapterSize
from mixtune.runs.machine_checks import FAIL, OK
from mixtune.runs.target_checks import check_targets, measure_adapters
from mixtune.systems import DEFAULT

SHIPPED = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text(encoding="utf-8"))
MODEL = "SmolLM2-360M-Instruct"
PHI = {"model_type": "phi3", "vocab_size": 32, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
       "num_attention_heads": 4, "pad_token_id": 0}  # fmt: skip


SIZE = AdapterSize(["0.a"], 9, Layers(["0.a"], None, ["w"]))


def configured(**model):
    config = copy.deepcopy(SHIPPED)
    update_config(config, {"matrix": {"models": [MODEL], "mixtures": ["gentune"]}, "models": {MODEL: model}})
    return load(config)


@pytest.fixture
def project(tmp_path):
    write_json(tmp_path / f"results/models/{MODEL}/config.json", PHI)
    write_json(tmp_path / "own/config.json", PHI)
    return tmp_path


@pytest.mark.parametrize("origin", ["hub", "path"])
def test_targets_of_another_architecture_are_refused(project, origin):
    config = configured(origin=origin, path=str(project / "own"))
    [check] = check_targets(config, measure_adapters(config, project))
    assert (check.state, check.subject, check.models) == (FAIL, f"adapters of {MODEL}", {MODEL})
    assert "no linear layer of this model matches q_proj, k_proj, v_proj, gate_proj, up_proj;" in check.fact
    assert f"down_proj, gate_up_proj, lm_head, o_proj, qkv_proj; name some of these, or set it to all-linear (for one "\
        f"model: models.{MODEL}.lora.targets)" in check.fact  # fmt: skip


@pytest.mark.parametrize("targets", ["all-linear", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]])
def test_targets_of_the_model_itself_are_listed(project, targets):
    config = configured(lora={"targets": targets})
    [check] = check_targets(config, measure_adapters(config, project))
    assert (check.state, check.fact) == (OK, "on down_proj, gate_up_proj, o_proj, qkv_proj (8 layer(s))")


def test_experts_without_an_adapter_are_reported():
    [check] = check_targets(configured(), {MODEL: {DEFAULT: SIZE, "other": SIZE}})
    assert check.fact == "on a (1 layer(s)); its experts' matrices (w) are 3-D parameters and get no adapter"


def test_a_model_that_is_not_tuned_or_not_fetched_is_not_checked(project, tmp_path_factory):
    released = {"gentune": {shots: {"origin": "path", "path": "elsewhere"} for shots in (0, 2)}}
    config = configured(adapters=released)
    assert list(check_targets(config, measure_adapters(config, project))) == []
    assert measure_adapters(config, tmp_path_factory.mktemp("empty")) == {}
