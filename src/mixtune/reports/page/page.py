"""HTML page of all tables and charts, in one file without external resources."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...artifacts.manifests import write_text
from ..experiment import setup_of
from ..settings import PageSettings
from ..tables.files import training_log
from ..tables.matrix import KEYS
from .inputs import TABLES, SourceFile, read_tables
from .writing import render_page


def page(settings: PageSettings, tables: Sequence[Path], logs: Sequence[Path], output: Path) -> None:
    """Write `index.html`.

    Args:
        settings: The experiment.
        tables: CSV files, named as in `inputs.TABLES`; the page lists tables that are not given as missing.
        logs: `training_log.csv` in the folder of each cell's adapter.
        output: The page; its links to the files are relative to its folder.

    Raises:
        UserError: A required table is missing, a table is unknown, or a column is missing.
    """
    frames = read_tables(tables)
    frames["matrix"] = _with_systems(frames["matrix"], frames["scores"])
    paths = {path.stem: path for path in tables}
    files = {name: _source_file(paths[name], output, TABLES[name].content, len(frames[name])) for name in frames}
    if logs:
        frames["training_log"] = losses = training_log(logs)
        path = logs[0] if len(logs) == 1 else Path(os.path.commonpath(logs)) / "…" / "training_log.csv"
        content = "training and validation losses"
        files["training_log"] = _source_file(path, output, content, len(losses), is_pattern=len(logs) > 1)
    write_text(output, render_page(setup_of(settings.setup), frames, files))


def _with_systems(matrix: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with `system` and `kind` of each row, from the scores."""
    systems = scores[["system", "kind", *KEYS]].drop_duplicates()
    return matrix.merge(systems, on=KEYS, how="left", validate="one_to_one").fillna({"system": "", "kind": "cell"})


def _source_file(path: Path, output: Path, content: str, rows: int, *, is_pattern: bool = False) -> SourceFile:
    href = Path(os.path.relpath(path, output.parent)).as_posix()
    return SourceFile(href, href.removeprefix("../"), content, rows, is_pattern)
