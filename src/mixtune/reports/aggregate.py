"""The tables of scores and the README of the reports."""

import time
from collections.abc import Sequence
from pathlib import Path

from ..artifacts.manifests import read_json, write_text
from ..artifacts.run_cards import NAME, write_table_card
from ..evaluation.formats import ArmIntervals, ScoreFile
from .experiment import setup_of
from .markdown import write_table
from .readme import format_readme
from .settings import AggregateSettings
from .tables import matrix as matrices
from .tables import scores as tables
from .tables.seeds import format_matrix


def aggregate(settings: AggregateSettings, scores: Path, intervals: Sequence[Path], readme: Path) -> None:
    """Write the tables of scores as CSV and Markdown into `tables/` in the readme's folder, the readme, a run card.

    Args:
        settings: The job's settings.
        scores: Folder of all systems' scores.
        intervals: Files of their intervals.
        readme: The Markdown file to write.
    """
    begin, setup = time.monotonic(), setup_of(settings.setup)
    score_files = [scores / f"{system}.json" for system in settings.systems]
    files = [read_json(path, ScoreFile) for path in score_files]
    long = tables.scores(files)
    matrix, transfer = matrices.matrix(long, setup), matrices.transfer(long, setup)
    bounds = tables.intervals([arm for path in intervals for arm in read_json(path, list[ArmIntervals])], long)
    folder = readme.parent / "tables"
    write_table(folder / "matrix", matrix, format_matrix(matrix, setup, bounds))
    write_table(folder / "transfer", transfer, format_matrix(transfer, setup, bounds))
    write_table(folder / "scores", long)
    write_table(folder / "per_class", tables.per_class(files))
    write_table(folder / "intervals", bounds)
    write_text(readme, format_readme(setup, matrix, bounds))
    names, inputs = ("matrix", "transfer", "scores", "per_class", "intervals"), [*score_files, *intervals]
    write_table_card("aggregate", folder / NAME, names, settings, inputs, begin, seeds={"training": setup["seeds"]})
