"""Input tables of the page, and their required columns; other columns are ignored."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ...errors import UserError
from ..chart_data import COSTS
from ..tables.files import read_table
from ..tables.matrix import AVERAGES, KEYS, SIZES

SCORE = ["system", *KEYS, "benchmark"]


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        content: Description of its content.
        columns: Required columns.
        optional: Columns that are used if present.
        required: Whether the page requires the table.
    """

    content: str
    columns: list[str]
    optional: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class SourceFile:
    """A file with numbers of the page.

    Attributes:
        href: Its path relative to the page.
        label: Text of its link.
        content: Description of its content.
        is_pattern: Whether it represents several files.
    """

    href: str
    label: str
    content: str
    rows: int
    is_pattern: bool


TABLES = {
    "matrix": Table(
        "micro-F1 on the domains of the training mixture", [*KEYS, *AVERAGES, *SIZES, "flagged"], required=True
    ),
    "scores": Table(
        "precision, recall, accuracy and validity of every score",
        ["kind", *SCORE, "n", "tp", "fp", "fn", "precision", "recall", "micro_f1", "macro_f1", "accuracy",
         "out_of_schema", "empty"],
        required=True,
    ),
    "transfer": Table("micro-F1 on the domain outside the training mixture", [*KEYS, *AVERAGES]),
    "per_class": Table(
        "scores per label", [*SCORE, "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
    ),
    "intervals": Table("confidence intervals", [*SCORE, "metric", "low", "high", "level"]),
    "published": Table(
        "differences from the paper's scores", [*KEYS, "benchmark", "ours", "published", "difference"], ("note",)
    ),
    "comparisons": Table(
        "paired tests of differences between systems",
        ["family", "system_a", "condition_a", "system_b", "condition_b", "benchmark", "micro_f1_a", "micro_f1_b",
         "difference", "low", "high", "p_holm", "n"],
    ),
    "confusion": Table("confusion counts of gold and predicted labels", [*SCORE, "gold", "predicted", "count"]),
    "errors": Table(
        "wrong predictions with their texts", [*SCORE, "id", "text", "head", "tail", "gold", "predicted"],
        ("head_start", "head_end", "tail_start", "tail_end"),
    ),
    "strata": Table("scores by kind of example", [*SCORE, "stratum", "bin", "n", "micro_f1"]),
    "efficiency": Table("cost of training and prediction", ["system"], tuple(COSTS)),
    "data": Table(
        "audit of the benchmarks",
        ["benchmark", "domain", "split", "rows", "labels", "negatives", "mentions_missing", "mentions_repeated",
         "conflicting_inputs", "ceiling", "rows_in_train", "carved", "warnings", "counts"],
    ),
    "mixtures": Table("composition of the mixtures", ["mixture", "benchmark", "split", "rows", "share"]),
    "overlap": Table(
        "overlap of test and training texts",
        ["mixture", "benchmark", "test_rows", "shared_texts", "shared_rows", "share"],
    ),
    "lengths": Table(
        "prompt lengths and truncation",
        ["model", "use", "shots", "what", "rows", "p50", "p90", "p99", "max", "demonstrations_cut", "text_cut"],
    ),
}  # fmt: skip


def read_tables(files: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """Return the tables by name (their file's stem); text is kept verbatim, a blank number is NaN.

    Raises:
        UserError: A required table is missing, a table is unknown, or a column is missing.
    """
    paths = {path.stem: path for path in files}
    for name in paths.keys() - TABLES.keys():
        raise UserError(f"{paths[name]}: unknown table; must be one of {', '.join(TABLES)}")
    for name, table in TABLES.items():
        if table.required and name not in paths:
            raise UserError(f"{name}.csv: missing table, which the page requires; add it to --tables")
    return {name: _read(paths[name], table) for name, table in TABLES.items() if name in paths}


def _read(path: Path, table: Table) -> pd.DataFrame:
    frame = read_table(path)
    missing = [name for name in table.columns if name not in frame]
    if missing:
        raise UserError(f"{path}: missing column(s) {', '.join(missing)}; run the workflow again to rebuild the table")
    # Nullable integers: counts stay integers in columns with blanks.
    return frame.assign(**{str(name): frame[name].convert_dtypes() for name in frame.select_dtypes("number")})
