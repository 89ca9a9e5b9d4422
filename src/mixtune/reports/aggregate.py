"""From scores and audits on disk to the folder that people read."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.manifests import read_json, write_text
from ..artifacts.run_cards import NAME, write_table_card
from .markdown import write_table
from .tables import data as audits
from .tables import scores as tables
from .tables.matrix import setup_of


def write_tables(settings: Mapping[str, Any], scores: Sequence[Path], intervals: Sequence[Path], readme: Path) -> None:
    """Write the tables of scores as CSV and Markdown into `tables/` beside the readme, the readme, and a run card.

    Args:
        settings: `setup`.
        scores: Score files of all systems.
        intervals: Files of their intervals.
        readme: Where the text goes that opens the reports.
    """
    begin, setup = time.monotonic(), setup_of(settings["setup"])
    files = [read_json(path) for path in scores]
    long = tables.scores(files)
    matrix, transfer = tables.matrix(long, setup), tables.transfer(long, setup)
    bounds = tables.intervals([arm for path in intervals for arm in read_json(path)], long)
    folder = readme.parent / "tables"
    write_table(folder / "matrix", matrix, tables.readable(matrix, setup, bounds))
    write_table(folder / "transfer", transfer, tables.readable(transfer, setup, bounds))
    write_table(folder / "scores", long)
    write_table(folder / "per_class", tables.per_class(files))
    write_table(folder / "intervals", bounds)
    write_text(readme, tables.summary(setup, matrix, bounds))
    names, inputs = ("matrix", "transfer", "scores", "per_class", "intervals"), [*scores, *intervals]
    write_table_card("aggregate", folder / NAME, names, settings, inputs, begin, seeds={"training": setup["seeds"]})


def write_audit(
    settings: Mapping[str, Any],
    benchmarks: Sequence[Path],
    mixtures: Sequence[Path],
    rendered: Sequence[Path],
    folder: Path,
) -> None:
    """Write the tables of data as CSV and Markdown, and a run card.

    Args:
        settings: `domains` of the benchmarks.
        benchmarks: Manifests of the prepared benchmarks.
        mixtures: Manifests of the mixtures.
        rendered: Manifests of the rendered rows.
        folder: Where to write.
    """
    begin, prepared = time.monotonic(), [path.parent for path in benchmarks]
    write_table(folder / "data", audits.data(prepared, settings["domains"]))
    write_table(folder / "mixtures", audits.mixtures(mixtures))
    write_table(folder / "overlap", audits.overlap([path.parent for path in mixtures], prepared))
    write_table(folder / "lengths", audits.lengths(rendered))
    names, inputs = ("data", "mixtures", "overlap", "lengths"), [*benchmarks, *mixtures, *rendered]
    write_table_card("audit", folder / "run_card_data.json", names, settings, inputs, begin)
