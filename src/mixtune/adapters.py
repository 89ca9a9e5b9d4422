"""Folders of adapters in PEFT's layout: what is in them, whether they fit, and where those made elsewhere come from."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import UserError
from .manifests import read_json, replacing, write_manifest
from .sources import MODEL_FILES, fetch_hub, local_folder

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


def base_folder(given: str | None, adapter: Path) -> str:
    """Folder of an adapter's base model: as given, or the hub's snapshot of what the adapter names.

    Raises:
        UserError: It is neither a folder nor to be had from the hub, or the adapter cannot be loaded.
    """
    name = adapter_config(adapter).get("base_model_name_or_path") or ""
    if given:
        if not Path(given).is_dir():
            raise UserError(f"--base {given} is no folder; give one with the base model's safetensors")
        return given
    if "/" not in name:
        raise UserError(f"the base model {name} is no hub id; give its folder with --base")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    commit = run_card(adapter).get("base_model_commit")
    try:
        return snapshot_download(name, revision=commit, allow_patterns=MODEL_FILES, ignore_patterns=["original/*"])
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        fact = " ".join(str(error).splitlines()[:1])
        raise UserError(
            f"the base model {name} cannot be had from the hub ({fact}); give its folder with "
            "--base (after a run of the workflow: results/models/NAME), or accept its licence and set HF_TOKEN"
        ) from None


def fetch_adapter(settings: Mapping[str, Any], manifest: Path, pin: Path) -> None:
    """Bring an adapter that was made elsewhere into a folder of this run, its manifest last.

    Its run card comes along where mixtune made it; nothing else does, least of all code or pickles.

    Args:
        settings: `key` (of the config), `base` (what the model is called on the hub), `origin` and its value.
        manifest: File to write, into the adapter's folder; beside the files it tells `commit` and `warnings`.
        pin: File that keeps what the hub gave at the first fetch.

    Raises:
        UserError: It cannot be had, is not what it should be, or is no LoRA adapter.
    """
    folder, key, commit = manifest.parent, settings["key"], None
    names = (CONFIG, WEIGHTS, CARD)
    for name in names:  # of another origin, these would pass for this one's
        (folder / name).unlink(missing_ok=True)
    if settings["origin"] == "hub":
        commit = fetch_hub(settings["hub"], folder, pin, kind="model", key=key, patterns=names)["commit"]
    else:
        source = local_folder(settings["path"], key=key, remedy=f"put {CONFIG} and {WEIGHTS} there")
        for name in names:
            if (source / name).is_file():
                with replacing(folder / name) as temporary:
                    shutil.copyfile(source / name, temporary)
    named, warnings = adapter_config(folder).get("base_model_name_or_path"), []
    if named != settings["base"]:
        warnings.append(f"{CONFIG} names the base model {named}, and {key} stands under {settings['base']}")
        print(f"warning: {warnings[0]}", flush=True)
    files = [folder / name for name in names if (folder / name).is_file()]
    write_manifest(manifest, files, commit=commit, warnings=warnings)
