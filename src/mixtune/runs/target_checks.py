"""Checks of `lora.targets` against the layers of the models that are fetched or local."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from .. import layout
from ..config.config import Config
from ..config.matrix import systems
from ..config.training import Lora
from ..config.tuning import settings_of_cell
from ..errors import UserError
from ..models.layers import Layers, read_layers
from ..systems import DEFAULT, UNTUNED, System
from .machine_checks import FAIL, OK, Check


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


def read_matrix_layers(config: Config, project: Path) -> dict[str, Layers]:
    """Return the layers of each model of the matrix whose config.json is available."""
    read = {model: read_layers(model_folder(config, project, model)) for model in config.matrix.models}
    return {model: layers for model, layers in read.items() if layers}


def tuned_lora(config: Config, model: str) -> dict[str, Lora]:
    """Return the LoRA settings that a model is tuned with, by variant; none if none of its cells is fine-tuned."""
    cells = {cell.variant: cell for cell in tuned_cells(config, model)}
    return {name: settings_of_cell(config, cell).training.lora for name, cell in cells.items()}


def check_targets(config: Config, models: Mapping[str, Layers]) -> Iterator[Check]:
    """Check that each target matches a linear layer of each model that is fine-tuned.

    Args:
        models: As returned by `read_matrix_layers`.
    """
    for model, layers in models.items():
        subject = f"adapters of {model}"
        for targets in {str(lora.targets): lora.targets for lora in tuned_lora(config, model).values()}.values():
            try:
                chosen = layers.choose(targets)
            except UserError as error:
                fact = str(error).replace("NAME", model)
                yield Check(FAIL, subject, fact, frozenset([model]))
            else:
                names = sorted({name.rpartition(".")[2] for name in chosen})
                fact = f"on {', '.join(names)} ({len(chosen)} layer(s)){layers.describe_experts('; ')}"
                yield Check(OK, subject, fact)
