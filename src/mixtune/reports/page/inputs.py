"""The tables that the page reads: what each is for and which of its columns are needed; other columns are ignored."""

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
        what: What the page shows of it.
        columns: Those that it must have.
        optional: Those that are used where they are there.
        required: Whether there is no page without it.
    """

    what: str
    columns: list[str]
    optional: tuple[str, ...] = ()
    required: bool = False


TABLES = {
    "matrix": Table(
        "micro-F1 on the domains that a mixture trains on", [*KEYS, *AVERAGES, *SIZES, "flagged"], required=True
    ),
    "scores": Table(
        "precision, recall, accuracy and validity of every score",
        ["kind", *SCORE, "n", "tp", "fp", "fn", "precision", "recall", "micro_f1", "macro_f1", "accuracy",
         "out_of_schema", "empty"],
        required=True,
    ),
    "transfer": Table("micro-F1 on the domain that a mixture does not train on", [*KEYS, *AVERAGES]),
    "per_class": Table(
        "scores of each label", [*SCORE, "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
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
    "confusion": Table("which label was taken for which", [*SCORE, "gold", "predicted", "count"]),
    "errors": Table(
        "wrong answers with their texts", [*SCORE, "id", "text", "head", "tail", "gold", "predicted"],
        ("head_start", "head_end", "tail_start", "tail_end"),
    ),
    "strata": Table("scores by kind of example", [*SCORE, "stratum", "bin", "n", "micro_f1"]),
    "efficiency": Table("what a score costs", ["system"], tuple(COSTS)),
    "data": Table(
        "the audit of the benchmarks",
        ["benchmark", "domain", "split", "rows", "labels", "negatives", "mentions_missing", "mentions_repeated",
         "conflicting_inputs", "ceiling", "rows_in_train", "carved", "warnings", "counts"],
    ),
    "mixtures": Table("what each mixture is made of", ["mixture", "benchmark", "split", "rows", "share"]),
    "overlap": Table(
        "test texts that were trained on", ["mixture", "benchmark", "test_rows", "shared_texts", "shared_rows", "share"]
    ),
    "lengths": Table(
        "lengths of prompts and what was cut",
        ["model", "use", "shots", "what", "rows", "p50", "p90", "p99", "max", "demonstrations_cut", "text_cut"],
    ),
}  # fmt: skip


def read_tables(files: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """The tables by name (their file's stem); text stays as it is written, a blank number is NaN.

    Raises:
        UserError: A required table is missing, a table is not known, or lacks a column.
    """
    paths = {path.stem: path for path in files}
    for name in paths.keys() - TABLES.keys():
        raise UserError(f"{paths[name]}: the page has no place for this table; it knows {', '.join(TABLES)}")
    for name, table in TABLES.items():
        if table.required and name not in paths:
            raise UserError(f"there is no page without the table {name!r}; give {name}.csv, too")
    return {name: _read(paths[name], table) for name, table in TABLES.items() if name in paths}


def _read(path: Path, table: Table) -> pd.DataFrame:
    frame = read_table(path)
    lacking = [name for name in table.columns if name not in frame]
    if lacking:
        raise UserError(f"{path}: the page needs the column(s) {', '.join(lacking)}, which are not there")
    # Counts stay whole beside blanks.
    return frame.assign(**{name: frame[name].convert_dtypes() for name in frame.select_dtypes("number")})
