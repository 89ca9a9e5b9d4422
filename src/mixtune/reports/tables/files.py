"""Reading of the tables of reports/tables/, and of training logs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...systems import System

TEXTS = frozenset(
    ["system", "kind", "model", "mixture", "variant", "condition", "benchmark", "label", "metric", "note", "family",
     "system_a", "condition_a", "system_b", "condition_b", "gold", "predicted", "id", "text", "head", "tail", "stratum",
     "bin", "domain", "split", "carved", "warnings", "counts", "use", "what", "missing", "flagged", "differs",
     "not_compared"]
)  # fmt: skip
"""Columns that are text even where every value looks like a number or like a missing one."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a table from its CSV file: text is kept as written, a blank number is NaN."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.assign(**{name: _number(frame[name]) for name in frame.columns if name not in TEXTS})


def _number(column: pd.Series) -> pd.Series:
    """Convert text to numbers; return it unchanged where some of it is no number."""
    blank = column == ""
    numbers = pd.to_numeric(column.mask(blank), errors="coerce")
    return column if (numbers.isna() & ~blank).any() else numbers


def training_log(logs: Sequence[Path]) -> pd.DataFrame:
    """Return training logs as one table: the cell, `step`, `epoch`, `what` (training or validation) and its `loss`.

    Args:
        logs: `training_log.csv` in the folder of each cell's adapter.
    """
    fields = [field.name for field in dataclasses.fields(System)]
    frames = [pd.DataFrame(columns=["step", "epoch", "what", "loss", *fields])] if not logs else []
    for path in logs:
        cell = System.of_folder(path.parent)
        log = pd.read_csv(path).rename(columns={"loss": "training", "eval_loss": "validation"})
        long = log.melt(["step", "epoch"], ["training", "validation"], "what", "loss").dropna(subset="loss")
        frames.append(long.assign(**vars(cell)))
    return pd.concat(frames, ignore_index=True)
