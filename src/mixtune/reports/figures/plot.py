"""Drawing of one figure from tables and training logs."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ..experiment import setup_of, with_variants_as_models
from ..settings import PlotSettings
from ..tables.files import read_table, training_log
from .style import save


def plot(settings: PlotSettings, tables: Sequence[Path], logs: Sequence[Path], output: Path) -> None:
    """Write `{output}.png` and `{output}.pdf`.

    Args:
        settings: The figure's name and the experiment.
        tables: CSV files of the figure.
        logs: Training logs.
        output: Path without suffix.
    """
    frames = {path.stem: read_table(path) for path in tables} | {"training_log": training_log(logs)}
    # Loaded by name, so that a change of one figure's code reruns that figure alone.
    figure = import_module(f"mixtune.reports.figures.{settings.figure}")
    save(figure.draw(*with_variants_as_models(frames, setup_of(settings.setup))), output)
