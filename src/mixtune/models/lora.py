"""LoRA matrices on the linear layers of a base model, as PEFT makes them: of a loaded base, or of shapes alone."""

import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from ..errors import UserError
from .layers import ALL, Layers, layers_of
from .settings import LoraSettings

# PEFT reads the old name of this property, of which Transformers warns.
PreTrainedModel.is_gradient_checkpointing = PreTrainedModel.is_activation_checkpointing  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True)
class AdapterSize:
    """The adapter that a model would get.

    Attributes:
        adapted: Full names of the layers that it is on.
        parameters: Number of its weights.
        layers: Layers of the model.
    """

    adapted: list[str]
    parameters: int
    layers: Layers


def attach(base: PreTrainedModel, lora: LoraSettings) -> tuple[PeftModel, Layers]:
    """Return a base with a new adapter, and the layers of the base.

    The adapter's weights are sampled from torch's RNG; on the meta device, they have shapes alone.

    Raises:
        UserError: A target is no linear layer of this model, or PEFT adapts other layers than those.
    """
    layers = layers_of(base)
    chosen = layers.choose(lora.targets)
    if lora.targets == ALL and layers.experts:
        chosen, layers = _without_ambiguous(base, layers, chosen)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        # The names of targets may be those of layers in other parts, too.
        target_modules=chosen if lora.targets == ALL or layers.parts else sorted(lora.targets),
        task_type="CAUSAL_LM",
    )
    try:
        model = get_peft_model(base, config, low_cpu_mem_usage=base.device.type == "meta")
    except ValueError as error:
        raise UserError(f"training.lora.targets: PEFT refuses them ({one_line(error)}); name other layers") from None
    adapted = _adapted(base)
    if adapted != {*chosen}:  # in some mixtures of experts, PEFT takes a name as that of the experts' parameters
        raise UserError(
            f"training.lora.targets: PEFT adapts {', '.join(sorted(adapted.symmetric_difference(chosen))[:3])} … "
            "differently from the names, some of which are also those of experts; name other layers"
        )
    return model, layers


def _without_ambiguous(base: PreTrainedModel, layers: Layers, chosen: list[str]) -> tuple[list[str], Layers]:
    """Return the chosen layers, and the model's, without those that PEFT does not adapt by their names.

    Experts had a layer each in older checkpoints, whose names PEFT takes for those of the 3-D parameters of today; a
    dense layer or shared expert of the same name cannot be named. PEFT shows which these are on the meta device.
    """
    with torch.device("meta"):
        shapes = AutoModelForCausalLM.from_config(base.config)
    with suppress(ValueError), warnings.catch_warnings(action="ignore"):
        get_peft_model(shapes, LoraConfig(r=1, target_modules=chosen, task_type="CAUSAL_LM"), low_cpu_mem_usage=True)
    adapted = _adapted(shapes)
    ambiguous = {name.rpartition(".")[2] for name in chosen if name not in adapted}
    return [name for name in chosen if name in adapted], replace(layers, ambiguous=sorted(ambiguous))


def _adapted(base: PreTrainedModel) -> set[str]:
    """Return the full names of the layers that have LoRA matrices."""
    return {name for name, module in base.named_modules() if isinstance(module, LoraLayer)}


def measure_adapter(folder: Path, lora: LoraSettings) -> AdapterSize | None:
    """Return the adapter of the model in a folder, made on the meta device from its config.json alone.

    Returns:
        None where no model can be made of it: whether a model can be loaded is another check.

    Raises:
        UserError: As for `attach`.
    """
    base: PreTrainedModel | None = None
    with suppress(Exception), torch.device("meta"):  # whatever the code of an architecture raises
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        base = AutoModelForCausalLM.from_config(config)
    if base is None:
        return None
    model, layers = attach(base, lora)
    return AdapterSize(sorted(_adapted(base)), model.get_nb_trainable_parameters()[0], layers)


def one_line(error: Exception) -> str:
    """Return the first 300 characters of an error's message, in one line."""
    return " ".join(str(error).split())[:300]
