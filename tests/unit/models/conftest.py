"""Tiny checkpoints, a base model with a tokenizer, and adapters of it."""

import functools

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, Qwen2Config, SmolLM3Config

from tests.fixtures.checkpoints import write_tokenizer
from tests.fixtures.models import random_model

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
            write_tokenizer(target, words=SHAPE["vocab_size"])
        return target

    return make


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, tiny_tokenizer):
    """Makes folders of base models with a tokenizer: `tiny(kind="llama", **config)`; biases are random, too."""

    @functools.cache
    def make(kind="llama", **config):
        tokenizer, folder = tiny_tokenizer(), tmp_path_factory.mktemp(kind)
        special = {f"{part}_token_id": getattr(tokenizer, f"{part}_token_id") for part in ("bos", "eos", "pad")}
        options = SHAPE | {"vocab_size": len(tokenizer), **special, **config}
        random_model(AutoConfig.for_model(kind, **options)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def base(tiny):
    """The folder of a tiny base model."""
    return tiny()


@pytest.fixture(scope="module")
def mixture_of_experts(tiny):
    """The folder of a tiny base model whose experts' matrices are 3-D parameters."""
    return tiny("mixtral", num_local_experts=2, num_experts_per_tok=1)


@pytest.fixture
def saved(base, tmp_path):
    """Makes adapters with random weights as plain PEFT saves them: `saved(base, **options of LoraConfig)`."""

    def make(base=base, **options):
        torch.manual_seed(1)
        chosen = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM"} | options
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**chosen))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        folder = tmp_path / "saved"
        model.save_pretrained(folder)
        return folder

    return make
