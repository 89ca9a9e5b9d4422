"""Tables as LaTeX that any document can take in (`booktabs`, `graphicx`): escaped, marked, cut to pages."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..markdown import Estimate

LONGEST = 55  # rows of a part: more do not fit on a page
STACKED = 1.35  # what bounds, one above the other, take of a row's usual height
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
    """Text as one line of LaTeX that shows it as it is, whatever the engine and the fonts.

    A character that plain LaTeX has no sign for stands as its code point, as `[U+4E2D]`: nothing is left out.
    """
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    pieces = ["".join(map(_character, piece)) for piece in re.split("(?<=-)(?=-)", text)]
    return "{}".join(pieces)  # two hyphens side by side would become a dash


def _character(one: str) -> str:
    if one in _SPECIAL or " " <= one <= "~":
        return _SPECIAL.get(one, one)
    letter, *accents = unicodedata.normalize("NFD", one)
    if len(accents) == 1 and letter.isascii() and letter.isalpha() and accents[0] in _ACCENTS:
        return f"{_ACCENTS[accents[0]]}{{{letter}}}"
    return f"[U+{ord(one):04X}]"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: As LaTeX.
        group: A heading over the columns beside it that share it, as LaTeX.
        align: `l`, `r` or `c`.
    """

    title: str
    group: str = ""
    align: str = "r"


Block = tuple[str, Sequence[Sequence[str]]]
"""A heading ("": none) and rows of cells, all of it LaTeX."""


def upright(title: str) -> str:
    """A title of LaTeX that stands upright, so that its column is no wider than its numbers."""
    return rf"\rotatebox{{90}}{{{title}}}"


def number(value: float | Estimate | None, digits: int = 1, scale: float = 1, mark: str = "") -> str:
    """A number; of an estimate, its spread and the bounds of its interval, one above the other.

    Args:
        value: NaN and None become a dash.
        digits: After the point.
        scale: What all of it is multiplied with.
        mark: `textbf`, `underline` or nothing; it is for the number alone.
    """
    estimate = value if isinstance(value, Estimate) else None
    plain = estimate.value if estimate else value
    if plain is None or pd.isna(plain):
        return "--"
    text = _fixed(plain * scale, digits)
    text = rf"\{mark}{{{text}}}" if mark else text
    if estimate and estimate.sd is not None:
        text += rf"{{\tiny$\pm${_fixed(estimate.sd * scale, digits)}}}"
    if estimate and estimate.interval is not None:
        low, high = (f"{round(bound * scale, digits) + 0.0:.{digits}f}" for bound in estimate.interval)  # no -0.0
        text += f"$_{{{low}}}^{{{high}}}$"
    return text


def _fixed(value: float, digits: int) -> str:
    """A number in text; a minus is one, not a hyphen, and zero has none."""
    text = f"{value:,.{digits}f}"
    if text.strip("-0.,") == "":
        return text.lstrip("-")
    return f"$-${text[1:]}" if text.startswith("-") else text


def marks(values: Sequence[float], comparable: Sequence[bool], digits: int = 1) -> list[str]:
    """What marks the best (`textbf`) and second (`underline`) of values as they are printed; equal ones all get it.

    Args:
        values: Higher is better; NaN: none.
        comparable: Which of them take part.
        digits: Of the printed values.
    """
    shown = [
        round(value, digits) if taken and not pd.isna(value) else None
        for value, taken in zip(values, comparable, strict=True)
    ]
    ranked = sorted({value for value in shown if value is not None}, reverse=True)
    places = dict(zip(ranked, ("textbf", "underline"), strict=False))
    return [places.get(value, "") if value is not None else "" for value in shown]


def tabular(
    columns: Sequence[Column],
    blocks: Sequence[Block],
    notes: Sequence[str] = (),
    size: str = "footnotesize",
    stacked: bool = False,
) -> str:
    r"""A table as LaTeX, no wider than the text; one longer than a page in several `tabular`s, each with the header.

    Args:
        columns: Its columns.
        blocks: Its rows, by headings.
        notes: Lines below it, as LaTeX.
        size: Of the font, as `small` or `scriptsize`.
        stacked: Whether its numbers have bounds, which need higher rows.
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
    rows = []
    if any(column.group for column in columns):
        groups, rules, place = [], [], 1
        while place <= len(columns):
            group = columns[place - 1].group
            end = place
            while end < len(columns) and columns[end].group == group:
                end += 1
            groups.append(rf"\multicolumn{{{end - place + 1}}}{{c}}{{{group}}}")
            rules += [rf"\cmidrule(lr){{{place}-{end}}}"] if group else []
            place = end + 1
        rows += [" & ".join(groups) + r" \\", " ".join(rules)]
    rows += [" & ".join(column.title for column in columns) + r" \\"]
    return "\n".join(rows)


def _parts(blocks: Sequence[Block], width: int, longest: int) -> list[list[str]]:
    """The lines below each part's header; a block that is cut begins anew with its heading."""
    parts, used = [[]], 0
    for heading, rows in blocks:
        top = [rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{heading}}}}} \\"] if heading else []
        fresh = True
        for row in rows:
            if used >= longest or (fresh and used + len(top) + min(len(rows), 4) > longest):
                parts.append([])
                used, fresh = 0, True
            if fresh:
                parts[-1] += [r"\midrule", *top]
                used, fresh = used + len(top), False
            parts[-1].append(" & ".join(row) + r" \\")
            used += 1
    return parts
