"""Base models: loading in NF4, adapters. One function makes the base for training and prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    prepare_model_for_kbit_training,
)
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils.logging import disable_progress_bar

from ..devices.compute import Device
from ..errors import UserError
from .dequantise import dequantised, fits, fuse, hand_on

disable_progress_bar()


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer of a local folder."""
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def load_base(folder: Path | str, device: Device) -> torch.nn.Module:
    """A frozen base model: linear layers in NF4 with double quantisation, all else in float32.

    Training and prediction both call this. Loading plainly for prediction would leave norms and embeddings in
    bf16, and move the logits.
    """
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=device.dtype,
    )
    model = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=device.dtype,
        quantization_config=quantization,
        # One job, one device: never "auto".
        device_map={"": torch.cuda.current_device() if device.name == "cuda" else "cpu"},
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if fits(model, device):
        model = dequantised(model, device.dtype)
        hand_on(model, device.dtype)
    return model


def add_adapter(base: torch.nn.Module, lora: Mapping[str, Any]) -> PeftModel:
    """A fresh adapter on a base; seed torch before, since its weights are drawn here.

    Args:
        lora: `r`, `alpha`, `dropout`, `targets`.

    Raises:
        ValueError: A target is no layer of this model.
    """
    config = LoraConfig(
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=sorted(lora["targets"]),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    fuse(model)
    return model


def load_adapter(base: torch.nn.Module, folder: Path | str) -> PeftModel:
    """A base with a saved adapter, ready for prediction.

    Raises:
        UserError: The adapter does not fit: another shape, or matrices that either lacks. PEFT only warns of the
            latter and answers as the untuned base would.
    """
    try:
        model = PeftModel.from_pretrained(base, str(folder), is_trainable=False)
    except (RuntimeError, ValueError) as error:  # a size, or a layer's name
        fact = " ".join(str(error).split())[:300]
        raise UserError(f"{folder} does not fit its base model ({fact}); use the one that it was tuned on") from None
    with safe_open(Path(folder) / "adapter_model.safetensors", "pt") as file:
        saved = set(file.keys())
    expected = get_peft_model_state_dict(model, save_embedding_layers=False).keys()
    wrong = sorted(saved ^ expected)
    if wrong:
        raise UserError(
            f"{folder} does not fit its base model: {len(wrong)} matrices are in one and not in the other, as "
            f"{wrong[0]}; use the base model that it was tuned on"
        )
    fuse(model)
    return model.eval()
