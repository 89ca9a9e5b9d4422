"""Weights that do not fit their model: refused when it is loaded, since Transformers would only warn."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.models.qlora import load_base
from tests.fixtures.models import tiny_shape

FLOAT32 = Device("cpu", torch.float32, "a test says so")
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
UP, NORM = "model.layers.1.mlp.up_proj.weight", "model.norm.weight"


@pytest.fixture
def load(tmp_path):
    """Loads a Llama whose weights were changed: `load(change, tied=False, **config)`."""

    def run(change=lambda weights: None, *, tied=False, **config):
        LlamaForCausalLM(LlamaConfig(**tiny_shape(tie_word_embeddings=tied))).save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        change(weights)
        save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
        saved = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(saved | config))
        return load_base(tmp_path, FLOAT32)

    return run


@pytest.mark.parametrize(
    ("removed", "tied"), [(UP, False), (NORM, False), (EMBEDDING, False), (HEAD, False), (EMBEDDING, True)]
)
def test_a_missing_matrix_is_never_initialised_at_random(load, removed, tied):
    with pytest.raises(UserError, match=r"are missing, e\.g\. '(model|lm_head)\.") as error:
        load(lambda weights: weights.pop(removed), tied=tied)
    assert tied or removed in str(error.value)


def test_layers_that_only_the_config_has_are_named(load):
    with pytest.raises(UserError, match=r"9 matrices are missing, e\.g\. 'model\.layers\.2\.input_layernorm\.weight'"):
        load(num_hidden_layers=3)


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.bias", "model.layers.7.self_attn.q_proj.weight"])
def test_a_matrix_that_would_be_left_out_is_named(load, name):
    with pytest.raises(UserError, match=f"1 matrices are superfluous, e.g. '{name}'"):
        load(lambda weights: weights.update({name: torch.zeros(32)}))


@pytest.mark.parametrize(("config", "name"), [({"vocab_size": 65}, HEAD), ({"intermediate_size": 48}, "down_proj")])
def test_a_matrix_of_another_shape_is_named(load, config, name):
    with pytest.raises(UserError, match=rf"of another shape, e\.g\. '.*{name}"):
        load(**config)


def store_both(weights):
    weights[HEAD] = weights[EMBEDDING].clone()


def store_buffer(weights):
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(4)


def store_second_head(weights):
    weights["v_head.weight"] = torch.zeros(32)


def store_without_prefix(weights):
    for name in [name for name in weights if name.startswith("model.")]:
        weights[name.removeprefix("model.")] = weights.pop(name)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("change", [dict.copy, store_both, store_buffer, store_second_head, store_without_prefix])
def test_what_transformers_expects_is_no_problem(load, change, tied):
    model = load(change, tied=tied)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) is tied
