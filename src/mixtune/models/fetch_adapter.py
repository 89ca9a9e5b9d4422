"""Where adapters that were made elsewhere come from, and the base models that adapters name."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.download import MODEL_FILES, fetch_hub, local_folder
from ..artifacts.manifests import replacing, write_manifest
from ..errors import DISK, UserError
from .adapter_folder import CARD, CONFIG, WEIGHTS, adapter_config, run_card

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?")


def adapter_folder(given: str) -> Path:
    """Folder of an adapter: as given, or the hub's snapshot of `owner/name` or `owner/name@revision`.

    Raises:
        UserError: It is neither a folder nor to be had from the hub, or no LoRA adapter in safetensors.
    """
    folder = Path(given)
    if not folder.is_dir() and _HUB_ID.fullmatch(given):
        folder = _snapshot("--adapter", given, (CONFIG, WEIGHTS, CARD), "give its folder")
    adapter_config(folder)
    return folder


def base_folder(given: str | None, adapter: Path) -> str:
    """Folder of an adapter's base model: as given, or what the adapter names; either may be a hub id.

    Raises:
        UserError: It is neither a folder nor to be had from the hub, or the adapter cannot be loaded.
    """
    name = adapter_config(adapter).get("base_model_name_or_path") or ""
    if given:
        name, told, commit = given, "--base", None
    else:
        told, commit = "the base model", run_card(adapter).get("base_model_commit")
    if name and Path(name).is_dir():
        return name
    if not _HUB_ID.fullmatch(name):
        raise UserError(f"{told} {name} is no folder and no hub id; give its folder with --base")
    remedy = "give its folder with --base (after a run of the workflow: results/models/NAME)"
    return str(_snapshot(told, name, MODEL_FILES, remedy, commit))


def _snapshot(told: str, given: str, patterns: Sequence[str], remedy: str, commit: str | None = None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    name, _, revision = given.partition("@")
    wanted = {"revision": revision or commit, "allow_patterns": patterns, "ignore_patterns": ["original/*"]}
    try:
        return Path(snapshot_download(name, **wanted))
    except (*HfHubHTTPError.__bases__, OSError, ValueError) as error:
        if getattr(error, "errno", None) in DISK:
            raise
        fact = " ".join(str(error).splitlines()[:1])
        raise UserError(
            f"{told} {given} is no folder here, and cannot be had from the hub ({fact}); {remedy}, or accept its "
            "licence and set HF_TOKEN"
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
        adapter_config(source)
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
