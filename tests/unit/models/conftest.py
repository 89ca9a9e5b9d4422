"""A tiny checkpoint for tests of models."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, SmolLM3Config

CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "smollm3": SmolLM3Config}
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Makes checkpoints in bf16, as published ones are; biases and norms are random, too."""

    def make(kind: str):
        target = tmp_path_factory.getbasetemp() / f"base-{kind}"
        if not target.exists():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(CONFIGS[kind](**SHAPE))
            for parameter in model.parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
            model.to(torch.bfloat16).save_pretrained(target)
        return target

    return make
