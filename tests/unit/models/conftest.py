"""Tiny checkpoints, a base model with a tokenizer, and adapters of it."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
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
TARGETS = ["q_proj", "v_proj", "down_proj"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


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


@pytest.fixture(scope="module")
def base(tmp_path_factory, tiny_tokenizer, tiny_model):
    """The folder of a tiny base model."""
    folder = tmp_path_factory.mktemp("base")
    return tiny_model(tiny_tokenizer(), folder, initializer_range=0.2).parent


@pytest.fixture
def saved(base, tmp_path):
    """Makes adapters with random weights as plain PEFT saves them: `saved(**options of LoraConfig)`."""

    def make(**options):
        torch.manual_seed(1)
        chosen = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM"} | options
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**chosen))
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data += 0.1 * torch.randn_like(parameter)
        folder = tmp_path / "saved"
        model.save_pretrained(folder)
        return folder

    return make
