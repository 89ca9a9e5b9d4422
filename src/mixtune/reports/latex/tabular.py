"""Tables as LaTeX for any document with `booktabs` and `graphicx`: escaped, marked, split into pages."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from ..markdown import ScoreEstimate

LONGEST = 55  # rows of a part: more do not fit on a page
STACKED = 1.35  # height of rows with stacked bounds, relative to other rows
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''",
    "…": r"\ldots{}", "×": r"$\times$", "±": r"$\pm$", "−": "$-$", "·": r"$\cdot$", "→": r"$\rightarrow$",
    "≤": r"$\leq$", "≥": r"$\geq$",
}  # fmt: skip
_ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u",
    "\u0307": r"\.", "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c",
}  # fmt: skip


def escape(text: str) -> str:
    r"""Escape text as one line of LaTeX that renders literally with every engine and font.

    A character that plain LaTeX cannot print is written as its code point, e.g. `[U+4E2D]`: nothing is left out.

    >>> escape("a_b – 50 %")
    'a\\_b -- 50 \\%'
    """
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    pieces = ["".join(map(_escape_character, piece)) for piece in re.split("(?<=-)(?=-)", text)]
    return "{}".join(pieces)  # two adjacent hyphens would become a dash


def _escape_character(character: str) -> str:
    if character in _SPECIAL or " " <= character <= "~":
        return _SPECIAL.get(character, character)
    letter, *accents = unicodedata.normalize("NFD", character)
    if len(accents) == 1 and letter.isascii() and letter.isalpha() and accents[0] in _ACCENTS:
        return f"{_ACCENTS[accents[0]]}{{{letter}}}"
    return f"[U+{ord(character):04X}]"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: As LaTeX.
        group: A heading over adjacent columns with the same group, as LaTeX.
        align: `l`, `r` or `c`.
    """

    title: str
    group: str = ""
    align: str = "r"


Block = tuple[str, Sequence[Sequence[str]]]
"""A heading ("": none) and rows of cells, as LaTeX."""


def rotate(title: str) -> str:
    """Rotate a title of LaTeX by 90°, so that its column is no wider than its numbers."""
    return rf"\rotatebox{{90}}{{{title}}}"


def format_number(value: float | ScoreEstimate | None, digits: int = 1, scale: float = 1, mark: str = "") -> str:
    r"""Return a number as LaTeX; of an estimate also its standard deviation and stacked interval bounds.

    >>> format_number(0.8504, scale=100, mark="textbf")
    '\\textbf{85.0}'

    Args:
        value: NaN and None become a dash.
        digits: Digits after the point.
        scale: Factor of value, deviation and bounds.
        mark: `textbf`, `underline` or "", for the number alone.
    """
    estimate = value if isinstance(value, ScoreEstimate) else None
    score = value.value if isinstance(value, ScoreEstimate) else value
    if score is None or pd.isna(score):
        return "--"
    text = _fixed(score * scale, digits)
    text = rf"\{mark}{{{text}}}" if mark else text
    if estimate and estimate.sd is not None:
        text += rf"{{\tiny$\pm${_fixed(estimate.sd * scale, digits)}}}"
    if estimate and estimate.interval is not None:
        low, high = (f"{round(bound * scale, digits) + 0.0:.{digits}f}" for bound in estimate.interval)  # no -0.0
        text += f"$_{{{low}}}^{{{high}}}$"
    return text


def _fixed(value: float, digits: int) -> str:
    """Return a number with a true minus sign, and without one if it is zero."""
    text = f"{value:,.{digits}f}"
    if text.strip("-0.,") == "":
        return text.lstrip("-")
    return f"$-${text[1:]}" if text.startswith("-") else text


def rank_marks(values: Sequence[float], comparable: Sequence[bool], digits: int = 1) -> list[str]:
    """Return the marks of the best (`textbf`) and second (`underline`) of values as printed; ties are all marked.

    >>> rank_marks([85.04, 84.96, 84.9], [True, True, True])
    ['textbf', 'textbf', 'underline']

    Args:
        values: Higher is better; NaN is never marked.
        comparable: Whether each value is ranked.
        digits: Digits of the printed values.
    """
    printed = [
        round(value, digits) if is_ranked and not pd.isna(value) else None
        for value, is_ranked in zip(values, comparable, strict=True)
    ]
    ranked = sorted({value for value in printed if value is not None}, reverse=True)
    mark_of = dict(zip(ranked, ("textbf", "underline"), strict=False))
    return [mark_of.get(value, "") if value is not None else "" for value in printed]


def tabular(
    columns: Sequence[Column],
    blocks: Sequence[Block],
    notes: Sequence[str] = (),
    size: str = "footnotesize",
    stacked: bool = False,
) -> str:
    r"""Return a table as LaTeX, no wider than the text, in one `tabular` with the header per page.

    Args:
        columns: The columns.
        blocks: The rows, by headings.
        notes: Lines below the table, as LaTeX.
        size: Font size, e.g. `small` or `scriptsize`.
        stacked: Whether numbers have stacked bounds, which need higher rows.
    """
    layout = "@{}" + "".join(column.align for column in columns) + "@{}"
    fit = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    begin = [fit, rf"\begin{{tabular}}{{{layout}}}", r"\toprule", _header(columns)]
    end = [r"\bottomrule", r"\end{tabular}}"]
    longest = int(LONGEST / STACKED) if stacked else LONGEST
    parts = ["\n".join([*begin, *lines, *end]) for lines in _parts(blocks, len(columns), longest)]
    parts += [rf"{{\footnotesize {note}}}" for note in notes]
    gap, height = (2 if size == "scriptsize" else 4), (STACKED if stacked else 1)
    look = rf"\{size}\setlength{{\tabcolsep}}{{{gap}pt}}\renewcommand{{\arraystretch}}{{{height}}}"
    return f"\\begingroup{look}\n" + "\n\n\\smallskip\n".join(parts) + "\n\n\\endgroup\n"


def _header(columns: Sequence[Column]) -> str:
    """Return the header: group headings with their rules where there are groups, then titles."""
    rows = []
    if any(column.group for column in columns):
        groups, rules, end = [], [], 0
        for group, members in groupby(columns, lambda column: column.group):
            start, end = end + 1, end + len(list(members))
            groups.append(rf"\multicolumn{{{end - start + 1}}}{{c}}{{{group}}}")
            rules += [rf"\cmidrule(lr){{{start}-{end}}}"] if group else []
        rows += [" & ".join(groups) + r" \\", " ".join(rules)]
    rows += [" & ".join(column.title for column in columns) + r" \\"]
    return "\n".join(rows)


def _parts(blocks: Sequence[Block], width: int, longest: int) -> list[list[str]]:
    """Return the lines below each part's header; the heading of a split block is repeated."""
    parts: list[list[str]] = [[]]
    used = 0
    for heading, rows in blocks:
        title = [rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{heading}}}}} \\"] if heading else []
        is_new = True
        for row in rows:
            if used >= longest or (is_new and used + len(title) + min(len(rows), 4) > longest):
                parts.append([])
                used, is_new = 0, True
            if is_new:
                parts[-1] += [r"\midrule", *title]
                used, is_new = used + len(title), False
            parts[-1].append(" & ".join(row) + r" \\")
            used += 1
    return parts
