"""Configuration of commands: config.yaml with its overlays, merged by Snakemake's own functions."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import yaml

from ..errors import UserError
from .config import Config, load

BASE = Path("config.yaml")


class Profile(TypedDict, total=False):
    """The settings of a Snakemake profile, as far as they are read here."""

    executor: str
    configfile: str | list[str]
    resources: dict[str, int]


def read_profile(folder: Path | None) -> tuple[Profile, list[Path]]:
    """Return the settings of a profile, and the overlays that it names.

    Raises:
        UserError: The folder contains no profile.
    """
    if folder is None:
        return {}, []
    files = [path for path in sorted(folder.glob("*.yaml")) if path.name in ("profile.yaml", "config.yaml")]
    if not files:
        raise UserError(f"{folder}: profile.yaml not found; correct --profile")
    profile: Profile = yaml.safe_load(files[-1].read_text(encoding="utf-8")) or {}
    names = profile.get("configfile") or []
    return profile, [Path(name) for name in ([names] if isinstance(names, str) else names)]


def load_files(overlays: Iterable[Path]) -> Config:
    """Return the configuration of the current folder.

    Raises:
        UserError: A file is missing or is not a mapping, or the configuration has problems.
    """
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    raw: dict[str, object] = {}
    for path in (BASE, *overlays):
        try:
            update_config(raw, load_configfile(str(path)))
        except FileNotFoundError:
            raise UserError(f"{path} not found; type this in the folder of {BASE}, or correct --configfile") from None
        except WorkflowError as error:
            raise UserError(f"{path}: {error}") from None
    return load(raw)
