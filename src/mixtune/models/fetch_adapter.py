"""The job that fetches a released adapter."""

import shutil
from pathlib import Path

from ..artifacts.download import fetch_hub, local_folder
from ..artifacts.manifests import replacing, write_manifest
from .adapter_folder import CARD, CONFIG, WEIGHTS, adapter_config
from .settings import FetchAdapterSettings


def fetch_adapter(settings: FetchAdapterSettings, manifest: Path, pin: Path) -> None:
    """Fetch a released adapter from the hub or a local folder; write its manifest last.

    Its run card is copied where mixtune made it; everything else stays out, above all code and pickles.

    Args:
        manifest: File to write, in the adapter's folder, with the files' SHA-256, `commit` and `warnings`.
        pin: File that records what the first fetch got from the hub.

    Raises:
        UserError: It cannot be fetched, differs from the pin, or is no LoRA adapter.
    """
    folder, commit, names = manifest.parent, None, (CONFIG, WEIGHTS, CARD)
    for name in names:  # files of another origin would pass as this one's
        (folder / name).unlink(missing_ok=True)
    if settings.origin == "hub" and settings.hub:
        commit = fetch_hub(settings.hub, folder, pin, kind="model", key=settings.key, patterns=names)["commit"]
    else:
        source = local_folder(settings.path, key=settings.key, remedy=f"put {CONFIG} and {WEIGHTS} there")
        adapter_config(source)
        for name in names:
            if (source / name).is_file():
                with replacing(folder / name) as temporary:
                    shutil.copyfile(source / name, temporary)
    base = adapter_config(folder).get("base_model_name_or_path")
    warnings = []
    if base != settings.base:
        warnings.append(f"{settings.key}: {CONFIG} names the base model {base}, not {settings.base}")
        print(f"warning: {warnings[0]}", flush=True)
    files = [folder / name for name in names if (folder / name).is_file()]
    write_manifest(manifest, files, commit=commit, warnings=warnings)
