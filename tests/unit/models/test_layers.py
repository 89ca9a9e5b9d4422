"""Linear layers of several architectures, and the choice among them by name."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoModelForCausalLM

from mixtune.errors import UserError
from mixtune.models.layers import ALL, Layers, layers_of
from tests.unit.models.conftest import SHAPE
from tests.unit.models.tuning import TARGETS

MIXTURE = {"num_local_experts": 4, "num_experts_per_tok": 2}
KINDS = {"llama": {}, "qwen2": {"tie_word_embeddings": True}, "phi3": {}, "gemma": {}, "gpt2": {}, "mixtral": MIXTURE}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
OTHERS = {
    "phi3": {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"},
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "mixtral": ATTENTION,
}


def model(kind):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHAPE | KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_all_linear_layers_are_those_of_peft(kind):
    made = model(kind)
    layers = layers_of(made)
    chosen = layers.choose(ALL)
    assert layers.head == "lm_head"
    assert layers.head not in chosen
    assert {name.rpartition(".")[2] for name in chosen} == OTHERS.get(kind, {*TARGETS})
    if not layers.experts:  # to which PEFT adds a mixture's router and experts, in some architectures
        get_peft_model(made, LoraConfig(r=3, target_modules=ALL, task_type="CAUSAL_LM"))
        assert {name for name, module in made.named_modules() if isinstance(module, LoraLayer)} == {*chosen}


def test_each_target_must_match():
    layers = layers_of(model("phi3"))
    with pytest.raises(UserError) as refused:
        layers.choose(TARGETS)
    assert str(refused.value) == (
        "training.lora.targets: no linear layer of this model matches q_proj, k_proj, v_proj, gate_proj, up_proj; "
        "it has down_proj, gate_up_proj, lm_head, o_proj, qkv_proj; name some of these, or set it to all-linear "
        "(for one model: models.NAME.lora.targets)"
    )
    assert layers.choose(["self_attn.o_proj", "lm_head"]) == [
        "model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj", "lm_head",
    ]  # fmt: skip
    for other in ("proj", "self_attn", "embed_tokens"):  # part of a name, a module, an embedding
        with pytest.raises(UserError, match=rf"no linear layer of this model matches {other};"):
            layers.choose([other])


def test_matrices_of_experts_are_no_linear_layers():
    layers = layers_of(model("mixtral"))
    assert layers.experts == ["down_proj", "gate_up_proj"]
    with pytest.raises(UserError, match=r"matches down_proj; .*; its experts' matrices \(down_proj, gate_up_"):
        layers.choose(["q_proj", "down_proj"])
    assert layers_of(model("llama")).describe_others() == ""


def test_a_model_without_linear_layers_has_none_to_name():
    with pytest.raises(UserError, match="q_proj; it has none;"):
        Layers([], None, []).choose(["q_proj"])
