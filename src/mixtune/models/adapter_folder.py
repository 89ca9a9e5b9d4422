"""Folders of adapters in PEFT's layout: what is in them, and whether it can be used."""

import sys
from pathlib import Path
from typing import Any

from ..artifacts.manifests import read_json
from ..errors import UserError

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "run_card.json"
# What would be loaded beside the LoRA matrices, or instead of them, and is not.
UNSUPPORTED = ("modules_to_save", "trainable_token_indices", "layer_replication")


def adapter_config(folder: Path) -> dict[str, Any]:
    """The adapter_config.json of a folder that can be loaded.

    Raises:
        UserError: A file is missing, or it is another kind of adapter than LoRA.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder} holds no {' and no '.join(missing)}; give the folder of an adapter in PEFT's layout, its "
            "weights in safetensors"
        )
    config = read_json(folder / CONFIG)
    beside = [name for name in UNSUPPORTED if config.get(name)]
    if config.get("peft_type") != "LORA" or beside:
        found = f"sets {', '.join(beside)}" if beside else f"is of the type {config.get('peft_type')}"
        raise UserError(f"{folder / CONFIG} {found}; only LoRA matrices are loaded: use another adapter")
    return config


def run_card(folder: Path) -> dict[str, Any]:
    """What mixtune wrote when it tuned an adapter; empty for one made elsewhere."""
    path = folder / CARD
    return read_json(path) if path.is_file() else {}


def check_template(folder: Path, template_hash: str, template: str) -> None:
    """Refuse a chat template other than the one tuned with; warn where the adapter does not tell which that was.

    Args:
        folder: The adapter's.
        template_hash: Of the renderer of the prompts.
        template: The template itself, whose beginning the warning shows.

    Raises:
        UserError: It was tuned with another one.
    """
    trained = run_card(folder).get("template_hash")
    if trained is None:
        first = " ".join(template.split())[:60]
        print(f"warning: {folder} does not say which chat template it was tuned with; using {first!r}", file=sys.stderr)
    elif trained != template_hash:
        raise UserError(
            f"{folder} was trained with chat template {trained[:12]}, and its base model's tokenizer has another chat "
            f"template, {template_hash[:12]}; tune it again, or use the base model that it was tuned on"
        )
