"""The configuration as a command sees it: config.yaml with its overlays, merged as Snakemake merges them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from .config import Config, load

BASE = Path("config.yaml")


def read_profile(folder: Path | None) -> tuple[dict[str, Any], list[Path]]:
    """What a profile sets, and the overlays that it names.

    Raises:
        UserError: There is no such profile.
    """
    if folder is None:
        return {}, []
    found = [path for path in sorted(folder.glob("*.yaml")) if path.name in ("profile.yaml", "config.yaml")]
    if not found:
        raise UserError(f"{folder} holds no profile.yaml; correct --profile")
    profile = yaml.safe_load(found[-1].read_text(encoding="utf-8")) or {}
    names = profile.get("configfile") or []
    return profile, [Path(name) for name in ([names] if isinstance(names, str) else names)]


def load_files(overlays: Iterable[Path]) -> Config:
    """The configuration of this folder.

    Raises:
        UserError: A file is missing or is no mapping, or the configuration has problems.
    """
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    raw: dict = {}
    for path in (BASE, *overlays):
        try:
            update_config(raw, load_configfile(str(path)))
        except FileNotFoundError:
            raise UserError(f"{path} not found; type this in the folder of {BASE}, or correct --configfile") from None
        except WorkflowError as error:
            raise UserError(f"{path}: {error}") from None
    return load(raw)
