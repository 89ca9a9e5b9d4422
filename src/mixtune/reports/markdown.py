"""Tables as Markdown: text from data is escaped, numbers are rounded."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..artifacts.manifests import write_text


@dataclass(frozen=True)
class ScoreEstimate:
    """A score with its standard deviation and confidence interval, as far as they are known.

    >>> str(ScoreEstimate(0.974, 0.004, (0.958, 0.988)))
    '0.974 ± 0.004 [0.958, 0.988]'

    Attributes:
        sd: Standard deviation over seeds; None for one seed.
        interval: Confidence interval; None: not computed.
    """

    value: float
    sd: float | None = None
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        spread = "" if self.sd is None else f" ± {self.sd:.3f}"
        low_high = "" if self.interval is None else " [{:.3f}, {:.3f}]".format(*self.interval)
        return f"{self.value:.3f}{spread}{low_high}"


def escape(text: str) -> str:
    r"""Escape text as one line of Markdown that renders literally.

    >>> print(escape("per:age | _x_"))
    per:age \| \_x\_
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word is no markup, and labels are full of them.
    return re.sub(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def markdown(frame: pd.DataFrame, digits: int = 4) -> str:
    """Return a table in Markdown: text escaped, floats with `digits` decimals, missing values blank.

    >>> print(markdown(pd.DataFrame({"label": ["age"], "f1": [2 / 3]})), end="")
    | label | f1 |
    | --- | ---: |
    | age | 0.6667 |
    """

    def format_cell(value: object, is_missing: bool) -> str:
        if is_missing:
            return ""
        if isinstance(value, ScoreEstimate):
            return str(value)
        return f"{value:.{digits}f}" if isinstance(value, float) else escape(str(value))

    def is_numeric(column: pd.Series) -> bool:
        is_estimate = column.map(lambda value: isinstance(value, ScoreEstimate))
        return pd.api.types.is_numeric_dtype(column.dtype) or bool(is_estimate.any())

    rule = ["---:" if is_numeric(frame[name]) else "---" for name in frame]
    cells = zip(frame.itertuples(index=False), frame.isna().itertuples(index=False), strict=True)
    rows = [list(map(format_cell, *row)) for row in cells]
    return "".join(f"| {' | '.join(row)} |\n" for row in [[escape(str(name)) for name in frame.columns], rule, *rows])


def write_table(stem: Path, frame: pd.DataFrame, for_readers: pd.DataFrame | None = None) -> None:
    """Write a table as CSV with all digits, and it or its version `for_readers` as Markdown."""
    write_text(stem.with_suffix(".csv"), frame.to_csv(index=False))
    write_text(stem.with_suffix(".md"), markdown(frame if for_readers is None else for_readers))
