"""Adapters and base models that a command names: a folder, or an id on the hub."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..artifacts.download import MODEL_FILES, network_errors
from ..artifacts.manifests import read_json
from ..errors import DISK, UserError
from .adapter_folder import CARD, CONFIG, WEIGHTS, adapter_config, run_card
from .checkpoint_files import read_header
from .compatibility import check_checkpoint
from .formats import ModelManifest

MANIFEST = "manifest.json"

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?")


def adapter_folder(name: str) -> Path:
    """Return an adapter's folder: the one named, or the hub's snapshot of `owner/name` or `owner/name@revision`.

    Raises:
        UserError: It is neither a folder nor available on the hub, or no LoRA adapter in safetensors.
    """
    folder = Path(name)
    if not folder.is_dir() and _HUB_ID.fullmatch(name):
        folder = _snapshot("--adapter", name, (CONFIG, WEIGHTS, CARD), "give its folder")
    adapter_config(folder)
    return folder


def base_folder(base: str | None, adapter: Path) -> str:
    """Return the folder of an adapter's base model: the given one, or the one that the adapter names.

    Args:
        base: Folder, also one of results/models/ or the manifest in it, or hub id; None: as the adapter names it.

    Raises:
        UserError: It is neither a model's folder nor available on the hub, or it or the adapter cannot be used.
    """
    source = "--base" if base else "the adapter's base model"
    folder = _base_folder(base, adapter, source)
    check_checkpoint(folder, key=source)
    for path in sorted(adapter.glob("*.safetensors")):
        read_header(path)
    return str(folder)


def _base_folder(base: str | None, adapter: Path, source: str) -> Path:
    config = adapter_config(adapter)  # also where the base is given: it must be an adapter
    name = base or config.get("base_model_name_or_path") or ""
    if name and Path(name).exists():
        return _local_model(Path(name))
    if not _HUB_ID.fullmatch(name):
        raise UserError(f"{source}: {name!r} is neither a folder nor a hub id; give its folder with --base")
    commit = None if base else run_card(adapter).get("base_model_commit")
    remedy = "give its folder with --base (after a run of the workflow: results/models/NAME)"
    return _snapshot(source, name, MODEL_FILES, remedy, commit)


def _local_model(path: Path) -> Path:
    """Return the folder of a local model: the one given, or the one that the manifest of a fetched model names."""
    folder = path.parent if path.name == MANIFEST and path.is_file() else path
    if not (folder / "config.json").is_file() and (folder / MANIFEST).is_file():  # of a model with origin path
        named = Path(read_json(folder / MANIFEST, ModelManifest).get("folder", ""))
        folder = named if named.is_absolute() else folder.absolute().parents[2] / named  # relative to the project
    missing = [pattern for pattern in ("config.json", "*.safetensors", "tokenizer*") if not list(folder.glob(pattern))]
    if missing:
        raise UserError(
            f"--base: {folder} holds no {' and no '.join(missing)}; give the folder of a model in safetensors, "
            "e.g. results/models/NAME after a run of the workflow"
        )
    return folder


def _snapshot(source: str, name: str, patterns: Sequence[str], remedy: str, commit: str | None = None) -> Path:
    """Return the folder of a hub snapshot; `source` is the option or model that the message names."""
    from huggingface_hub import snapshot_download

    id, _, revision = name.partition("@")
    try:
        return Path(
            snapshot_download(
                id, revision=revision or commit, allow_patterns=list(patterns), ignore_patterns=["original/*"]
            )
        )
    except (*network_errors(), ValueError) as error:
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise UserError(
            f"{source}: {name} is no folder here and cannot be fetched from the hub "
            f"({''.join(str(error).splitlines()[:1])}); {remedy}, or accept its licence and set HF_TOKEN"
        ) from None
