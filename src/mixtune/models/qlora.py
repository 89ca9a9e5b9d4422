"""Base models in NF4 and their LoRA adapters; training and prediction load the base with one function."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, prepare_model_for_kbit_training
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from ..devices.compute import Device
from ..errors import UserError
from .adapter_folder import WEIGHTS
from .compare import differences
from .dequantise import can_dequantise, cast_outputs, dequantise, fuse_lora
from .layers import layers_of
from .loading import load_pretrained
from .lora import attach, one_line
from .settings import LoraSettings

disable_progress_bar()


def load_tokenizer(folder: Path | str) -> Any:
    """Return the tokenizer of a local folder."""
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def load_base(folder: Path | str, device: Device) -> PreTrainedModel:
    """Return a frozen base model: linear layers in NF4 with double quantisation, all else in float32.

    Training and prediction both call this. A plain load for prediction would leave norms and embeddings in
    bf16, and change the logits.

    Raises:
        UserError: The checkpoint lacks weights of the model, or has others.
    """
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=device.dtype,
    )
    model = load_pretrained(
        AutoModelForCausalLM,
        folder,
        dtype=device.dtype,
        quantization_config=quantization,
        # One job, one device: never "auto".
        device_map={"": torch.cuda.current_device() if device.name == "cuda" else "cpu"},
        use_safetensors=True,
    )
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if can_dequantise(model, device):
        dequantise(model, device.dtype)
        cast_outputs(model, device.dtype)
    return model


def add_adapter(base: PreTrainedModel, lora: LoraSettings) -> PeftModel:
    """Return a base with a new adapter; its weights are sampled from torch's RNG, so seed that first.

    Raises:
        UserError: A target is no linear layer of this model, or PEFT adapts other layers than those.
    """
    model, layers = attach(base, lora)
    if others := layers.describe_others():
        print(f"the adapter is on linear layers alone{others}")
    fuse_lora(model)
    return model


def load_adapter(base: PreTrainedModel, folder: Path | str) -> PeftModel:
    """Return a base with a saved adapter, ready for prediction.

    Raises:
        UserError: The adapter does not fit the base: shapes differ, or matrices are missing in either. PEFT only
            warns of the latter, and would predict like the untuned base.
    """
    copies = _check_copies(base, Path(folder))
    try:
        model = PeftModel.from_pretrained(base, str(folder), is_trainable=False)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:  # a size, a layer's name, an option of PEFT
        raise UserError(
            f"{folder} does not fit its base model ({one_line(error)}); use the base model that it was tuned on"
        ) from None
    with safe_open(Path(folder) / WEIGHTS, "pt") as file:
        saved = set(file.keys()) - copies
    expected = get_peft_model_state_dict(model, save_embedding_layers=False).keys()
    unmatched = sorted(saved ^ expected)
    if unmatched:
        raise UserError(
            f"{folder} does not fit its base model ({len(unmatched)} matrices are missing in one of them, e.g. "
            f"{unmatched[0]}); use the base model that it was tuned on"
        )
    fuse_lora(model)
    return model.eval()


def _check_copies(base: PreTrainedModel, folder: Path) -> set[str]:
    """Return the names of matrices in an adapter's file that are the base's: PEFT adds those of adapted embeddings.

    Raises:
        UserError: One is not the base's.
    """
    copies, tensors, head = set[str](), base.state_dict(), layers_of(base).head
    with safe_open(folder / WEIGHTS, "pt") as file:
        for key in file.keys():  # noqa: SIM118
            name = key.removeprefix("base_model.model.").replace(".base_layer.", ".")
            # PEFT loads biases, but that of the head is computed with as the base has it.
            if "lora_" in key or (name.endswith(".bias") and name != f"{head}.bias"):
                continue
            tensor, known = file.get_tensor(key), tensors.get(name)
            if known is None or known.shape != tensor.shape or not torch.equal(known.cpu().to(tensor.dtype), tensor):
                raise UserError(
                    f"{folder} does not fit its base model (its {key} has other values than the base: tokens were "
                    "added, or this layer was tuned in full); use the base model that it was tuned on, and an adapter "
                    "of LoRA matrices alone"
                )
            copies.add(key)
    return copies


def check_saved(model: PeftModel, folder: Path) -> None:
    """Check that the saved adapter in a folder has, to the bit, the matrices of the model.

    Raises:
        UserError: A matrix is missing or differs.
    """
    expected = get_peft_model_state_dict(model, save_embedding_layers=False)
    differing = differences(expected, load_file(folder / WEIGHTS))
    if differing:
        raise UserError(
            f"{folder / WEIGHTS} is not what was tuned: {len(differing)} matrices differ, e.g. {differing[0]}; check "
            "the disk, and run again"
        )
