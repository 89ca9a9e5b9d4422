"""Folders of adapters in PEFT's layout: their config, run card, and checks."""

import sys
from pathlib import Path
from typing import TypedDict

from ..artifacts.manifests import read_json
from ..errors import UserError

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "run_card.json"
# PEFT features that are refused: extra trained modules, trained tokens, replicated layers, matrices that some tokens
# alone pass through, and other products than B A.
UNSUPPORTED = (
    "modules_to_save", "trainable_token_indices", "layer_replication", "alora_invocation_tokens", "arrow_config",
    "kasa_config", "monteclora_config", "use_bdlora", "use_qalora",
)  # fmt: skip


class AdapterConfig(TypedDict, total=False):
    """The entries of an adapter_config.json that are used."""

    peft_type: str
    base_model_name_or_path: str | None


class AdapterCard(TypedDict, total=False):
    """The entries of an adapter's run_card.json that are used."""

    template_hash: str
    base_model_commit: str | None
    seeds: dict[str, int]


def adapter_config(folder: Path) -> AdapterConfig:
    """Return the adapter_config.json of a folder that can be loaded.

    Raises:
        UserError: A file is missing, or the adapter is not LoRA alone.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder} holds no {' and no '.join(missing)}; give the folder of an adapter in PEFT's layout, its "
            "weights in safetensors"
        )
    config = read_json(folder / CONFIG, AdapterConfig)
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG} is no JSON object; give the folder of an adapter in PEFT's layout")
    unsupported = [name for name in UNSUPPORTED if config.get(name)]
    if config.get("peft_type") != "LORA" or unsupported:
        raise UserError(
            f"{folder / CONFIG} has {', '.join(f'{name}={config.get(name)}' for name in ['peft_type', *unsupported])}; "
            "only LoRA matrices are loaded: use another adapter"
        )
    return config


def run_card(folder: Path) -> AdapterCard:
    """Return the run card that mixtune wrote when it tuned an adapter; empty for other adapters."""
    path = folder / CARD
    return read_json(path, AdapterCard) if path.is_file() else {}


def check_template(folder: Path, template_hash: str, template: str) -> None:
    """Check that an adapter was tuned with this chat template; warn where the adapter does not record its template.

    Args:
        folder: The adapter's folder.
        template_hash: `template_hash` of the prompts' renderer.
        template: The template itself, of which the warning quotes the start.

    Raises:
        UserError: The adapter was tuned with another template.
    """
    trained = run_card(folder).get("template_hash")
    if trained is None:
        print(
            f"warning: {folder} does not record which chat template it was tuned with; using "
            f"{' '.join(template.split())[:60]!r}",
            file=sys.stderr,
        )
    elif trained != template_hash:
        raise UserError(
            f"{folder} was tuned with chat template {trained[:12]}, and its base model's tokenizer has another chat "
            f"template, {template_hash[:12]}; tune it again, or use the base model that it was tuned on"
        )
