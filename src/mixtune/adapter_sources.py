"""Where adapters that were made elsewhere come from, and the base models that adapters name."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapters import CARD, CONFIG, WEIGHTS, adapter_config, run_card
from .errors import UserError
from .manifests import replacing, write_manifest
from .sources import MODEL_FILES, fetch_hub, local_folder


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
