"""Checks of `lora.targets` against the layers of the models that are fetched or local, and sizes of the adapters."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .. import layout
from ..config.config import Config
from ..config.matrix import systems
from ..config.training import Lora
from ..config.tuning import chosen_variants, tuning_of
from ..errors import UserError
from ..models.settings import LoraSettings
from ..systems import DEFAULT, UNTUNED, System
from .machine_checks import FAIL, OK, Check

if TYPE_CHECKING:
    from ..models.lora import AdapterSize

    Adapters = Mapping[str, AdapterSize | UserError]
    """By variant: the adapter of a model, or the reason why it cannot be made."""


def tuned_cells(config: Config, model: str) -> list[System]:
    """Return the cells of a model that are fine-tuned: those of the matrix without a released adapter."""
    return [
        system
        for system in systems(config)
        if system.model == model
        and system.mixture != UNTUNED
        and (system.variant != DEFAULT or not config.released(model, system.mixture, system.shots))
    ]


def model_folder(config: Config, project: Path, model: str) -> Path:
    """Return the folder that a model's files are in, or will be fetched to."""
    entry = config.models[model]
    if entry.origin == "path" and entry.path:
        return Path(entry.path).expanduser()
    return (project / layout.MODEL.format(model=model)).parent


def measure_adapters(config: Config, project: Path) -> "dict[str, Adapters]":
    """Return the adapters of each model of the matrix whose config.json is available, or why they cannot be made."""
    measured: dict[str, Adapters] = {}
    for model in config.matrix.models:
        folder = model_folder(config, project, model)
        if (folder / "config.json").is_file():
            by_variant = tuned_lora(config, model)
            distinct = {str(lora): lora for lora in by_variant.values()}
            sizes = {key: _measure(folder, lora) for key, lora in distinct.items()}
            found = {name: size for name, lora in by_variant.items() if (size := sizes[str(lora)])}
            measured |= {model: found} if len(found) == len(by_variant) else {}
    return measured


def _measure(folder: Path, lora: Lora) -> "AdapterSize | UserError | None":
    from ..models.lora import measure_adapter  # takes seconds

    try:
        return measure_adapter(folder, LoraSettings(**lora.model_dump()))
    except UserError as error:
        return error


def tuned_lora(config: Config, model: str) -> dict[str, Lora]:
    """Return the LoRA settings that a model is tuned with, by variant; none if none of its cells is fine-tuned."""
    variants, cells = chosen_variants(config), {cell.variant: cell for cell in tuned_cells(config, model)}
    return {name: tuning_of(config, model, cell.mixture, variants[name]).training.lora for name, cell in cells.items()}


def check_targets(config: Config, adapters: "Mapping[str, Adapters]") -> Iterator[Check]:
    """Check that the adapters of each model that is fine-tuned can be made.

    Args:
        adapters: As returned by `measure_adapters`.
    """
    for model, by_variant in adapters.items():
        checks = (_check_adapter(model, adapter) for adapter in by_variant.values())
        yield from {check.fact: check for check in checks}.values()


def _check_adapter(model: str, adapter: "AdapterSize | UserError") -> Check:
    subject = f"adapters of {model}"
    if isinstance(adapter, UserError):
        return Check(FAIL, subject, str(adapter).replace("NAME", model), frozenset([model]))
    names = ", ".join(sorted({name.rpartition(".")[2] for name in adapter.adapted}))
    return Check(OK, subject, f"on {names} ({len(adapter.adapted)} layer(s)){adapter.layers.describe_others()}")
