"""Sizes of adapters, made on the meta device from a config alone."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from mixtune.errors import UserError
from mixtune.models.lora import attach, measure_adapter
from tests.fixtures.models import random_model
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


DEEPSEEK = {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
            "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 8,
            "first_k_dense_replace": 1, "num_key_value_heads": 4}  # fmt: skip
NEXT = {"layer_types": ["linear_attention", "full_attention"], "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8}  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), [("deepseek_v3", DEEPSEEK), ("qwen3_next", NEXT)])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_all_linear_leaves_out_names_that_peft_takes_for_experts(tmp_path, kind, options, dropout):
    config = AutoConfig.for_model(kind, **SHAPE | options)
    config.save_pretrained(tmp_path)
    size = measure_adapter(tmp_path, settings(targets="all-linear", dropout=dropout))
    assert size
    mlp = {"gate_proj", "up_proj", "down_proj"}
    linear = {name for name in size.layers.linear if name != "lm_head"}
    assert {*size.adapted} == {name for name in linear if name.rpartition(".")[2] not in mlp}
    assert size.layers.ambiguous == sorted(mlp)
    assert "its down_proj, gate_proj, up_proj have names that PEFT takes for those of experts" in (
        size.layers.describe_others()
    )
    with pytest.raises(UserError, match=r"training\.lora\.targets: PEFT"):
        measure_adapter(tmp_path, settings(targets=["q_proj" if kind == "qwen3_next" else "q_a_proj", *sorted(mlp)]))
    base = random_model(config)
    model, layers = attach(base, settings(targets="all-linear"))
    assert layers == size.layers
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == size.parameters
    assert not [name for name, p in model.named_parameters() if p.requires_grad and ".experts." in name]


VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
          "image_size": 8, "patch_size": 4}  # fmt: skip


@pytest.mark.parametrize("targets", [["q_proj", "v_proj", "down_proj"], "all-linear"])
def test_of_a_multimodal_model_the_language_model_alone_is_adapted(tmp_path, targets):
    """Its vision tower has layers of the same names."""
    text = {"model_type": "gemma3_text", "head_dim": 8, **SHAPE}
    AutoConfig.for_model("gemma3", text_config=text, vision_config=VISION, mm_tokens_per_image=4).save_pretrained(
        tmp_path
    )
    size = measure_adapter(tmp_path, settings(targets=targets))
    assert size
    assert len(size.adapted) == 2 * (3 if targets != "all-linear" else len(TARGETS))
    assert all(name.startswith("model.language_model.layers.") for name in size.adapted)
    assert "; model.vision_tower is for other inputs than text and gets no adapter" in size.layers.describe_others()
