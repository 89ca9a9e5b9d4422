"""Sizes of adapters, made on the meta device from a config alone."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from mixtune.errors import UserError
from mixtune.models.lora import attach, measure_adapter
from tests.unit.models.conftest import SHAPE
from tests.unit.models.tuning import LORA, TARGETS


def settings(**changed):
    return LORA.model_copy(update=changed)


@pytest.mark.parametrize("targets", [TARGETS, ["q_proj", "v_proj"], ["down_proj"], "all-linear"])
@pytest.mark.parametrize("changed", [{}, {"head_dim": 24}, {"num_key_value_heads": 4}], ids=str)
def test_the_weights_of_an_adapter_are_those_of_a_model_with_weights(tmp_path, targets, changed):
    config = AutoConfig.for_model("llama", **SHAPE | changed)
    config.save_pretrained(tmp_path)
    base = AutoModelForCausalLM.from_config(config)
    made = get_peft_model(base, LoraConfig(r=5, target_modules=targets, task_type="CAUSAL_LM"))
    expected = {name: p.shape for name, p in made.named_parameters() if p.requires_grad}
    size = measure_adapter(tmp_path, settings(r=5, targets=targets))
    assert size
    assert size.parameters == sum(shape.numel() for shape in expected.values())
    assert size.adapted == sorted({name.partition(".lora_")[0].removeprefix("base_model.model.") for name in expected})


def test_a_config_of_no_model_has_no_adapter(tmp_path):
    assert measure_adapter(tmp_path, LORA) is None
    (tmp_path / "config.json").write_text(json.dumps(SHAPE))
    assert measure_adapter(tmp_path, LORA) is None  # of no known type


def test_targets_without_a_layer_are_refused(tmp_path):
    AutoConfig.for_model("phi3", **SHAPE).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no linear layer of this model matches q_proj"):
        measure_adapter(tmp_path, LORA)


def test_no_memory_is_taken_on_the_meta_device():
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **SHAPE))
    model, layers = attach(base, LORA)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert layers.head == "lm_head"
