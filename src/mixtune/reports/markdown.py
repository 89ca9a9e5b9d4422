"""Tables as Markdown: what comes from data is shown as it is, numbers so that they are read at a glance."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..artifacts.manifests import write_text


@dataclass(frozen=True)
class Estimate:
    """A score with what is known of its uncertainty: `0.974 ± 0.004 [0.958, 0.988]`.

    Attributes:
        sd: Standard deviation over seeds; None for one seed.
        interval: Its confidence interval; None where there is none.
    """

    value: float
    sd: float | None = None
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        spread = "" if self.sd is None else f" ± {self.sd:.3f}"
        low_high = "" if self.interval is None else " [{:.3f}, {:.3f}]".format(*self.interval)
        return f"{self.value:.3f}{spread}{low_high}"


def escape(text: str) -> str:
    """Text as one line of Markdown that shows it as it is."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word is no markup, and labels are full of them.
    return re.sub(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def markdown(frame: pd.DataFrame, digits: int = 4) -> str:
    """A table in Markdown: text escaped, floats with `digits` decimals, missing values blank."""

    def cell(value: Any) -> str:
        if isinstance(value, Estimate):
            return str(value)
        if pd.isna(value):
            return ""
        return f"{value:.{digits}f}" if isinstance(value, float) else escape(str(value))

    def numbers(column: pd.Series) -> bool:
        return (
            pd.api.types.is_numeric_dtype(column.dtype) or column.map(lambda value: isinstance(value, Estimate)).any()
        )

    rule = ["---:" if numbers(frame[name]) else "---" for name in frame]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [[escape(name) for name in frame], rule, *rows])


def write_table(stem: Path, frame: pd.DataFrame, shown: pd.DataFrame | None = None) -> None:
    """Write a table as CSV with all digits, and as Markdown; `shown` is what stands in the Markdown instead."""
    write_text(stem.with_suffix(".csv"), frame.to_csv(index=False))
    write_text(stem.with_suffix(".md"), markdown(frame if shown is None else shown))
