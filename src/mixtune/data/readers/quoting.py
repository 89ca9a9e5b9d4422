"""Quotation marks and separators of CSV and TSV files.

CSV is quoted, and separated by commas or semicolons. In TSV quotation marks are plain characters, or around cells as in
CSV, and nothing in a file names its dialect: programs that quote (pandas, Excel, R) write `He said "x".` as
`"He said ""x""."`, others write it as it is. The cells with marks are the evidence, and it must agree.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from ..example import LONGEST, ReadError

# The meaning of marks: plain characters, or around cells as in CSV; "unclear": either.
Evidence = Literal["none", "csv", "unclear"]

_QUOTED = r'"[^"]*+(?:""[^"]*+)*+"'
_CELL = rf'(?:{_QUOTED}|[^"\t\n]*+)'
_FIRST_OR_NEXT = re.compile(rf"(?:\A|\t)({_CELL})")
_RECORD = re.compile(rf"{_CELL}(?:\t{_CELL})*+")


def find_separator(header: str) -> str:
    """Return the separator of a CSV file, by its header: a semicolon in some countries' Excel, else a comma.

    >>> find_separator("text;head;tail")
    ';'
    """
    line = header.partition("\n")[0]
    return ";" if ";" in line and "," not in line else ","


def is_header_quoted(line: str) -> bool:
    """Return whether a header has marks around every name, as programs write it that quote all strings.

    >>> is_header_quoted('"text"\\t"head"'), is_header_quoted('text\\t"head"')
    (True, False)
    """
    return all(len(name) > 1 and name.startswith('"') and name.endswith('"') for name in line.split("\t"))


def find_evidence(cells: Iterable[str]) -> set[Evidence]:
    """Return the possible meanings of the marks in cells whose header has none; empty without marks.

    "csv": a mark within a cell is doubled, or the cell has a TAB or a line end. "none": a mark is within another
    cell, or around one that no program needs to quote. "unclear": the marks are around a text with a comma, which
    Excel quotes.

    >>> [find_evidence([cell]) for cell in ['"He said ""x""."', 'He said "x".', '"Yes."', '"Yes, he did."']]
    [{'csv'}, {'none'}, {'none'}, {'unclear'}]
    """
    return {_cell_evidence(cell) for cell in cells if '"' in cell}


def _cell_evidence(cell: str) -> Evidence:
    if not re.fullmatch(_QUOTED, cell):
        return "none"
    if re.search(r'""|[\t\r\n]', cell[1:-1]):
        return "csv"
    return "unclear" if re.search("[,;]", cell) else "none"


class Unquoting:
    """Rows of TSV, without the marks around cells where the rows so far are evidence of these.

    >>> Unquoting()(['"He said ""x""."', "x"], 2)
    ['He said "x".', 'x']
    """

    def __init__(self) -> None:
        self._first: dict[Evidence, int] = {}

    def __call__(self, cells: list[str], line: int) -> list[str]:
        """Return the cells of a row.

        Args:
            line: Its number.

        Raises:
            ValueError: The evidence of the row contradicts itself, or that of earlier rows, or is unclear.
        """
        found = find_evidence(cells)
        if not found:
            return cells
        remedy = "set --quoting csv (marks are around cells) or none (they are plain characters)"
        certain = found - {"unclear"}
        if len(certain | {*self._first}) > 1:
            other = next((number for kind, number in self._first.items() if kind not in certain), line)
            raise ValueError(f"quotation marks both as in CSV and as plain characters (see line {other}); {remedy}")
        self._first |= dict.fromkeys(certain - {*self._first}, line)
        if not self._first:
            raise ValueError(f"quotation marks around a cell, which its text may contain or not; {remedy}")
        return [_unquote(cell) for cell in cells] if "csv" in self._first else cells


def _unquote(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, cell) else cell


def is_quoted(path: Path, lines: Iterable[tuple[int, str]]) -> bool:
    """Return whether marks are around cells in a TSV file, all lines of which are read.

    Args:
        lines: Number and text of each line, without line ends.

    Raises:
        ReadError: The evidence contradicts itself, or is unclear; names a line.
    """
    lines = iter(lines)
    start, header = next(lines, (1, ""))
    if is_header_quoted(header):
        return True
    first: dict[Evidence, int] = {}
    for number, evidence in _scan(start, header, lines):
        for kind in evidence:
            first.setdefault(kind, number)
    remedy = "set benchmarks.<name>.quoting to csv (marks are around cells) or none (they are plain characters)"
    if {"csv", "none"} <= {*first}:
        problem = f"quotation marks as in CSV, but plain ones in line {first['none']}"
        raise ReadError(path, first["csv"], f"{problem}; {remedy}")
    if {*first} == {"unclear"}:
        problem = "quotation marks around a cell, which its text may contain or not"
        raise ReadError(path, first["unclear"], f"{problem}; {remedy}")
    return "csv" in first


def _scan(start: int, header: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, set[Evidence]]]:
    """Yield the evidence of each record with marks, with the number of its first line.

    A record extends to the line at which the number of its marks is even. If it is no row, its first line is one of
    plain cells, and the next record begins with the second line.
    """
    width = header.count("\t") + 1
    waiting = deque([(start, header)])
    while waiting or _read_on(waiting, lines):
        number, text = waiting.popleft()
        if '"' not in text:
            continue
        rest = _find_rest(len(text), waiting, lines) if text.count('"') % 2 else []
        evidence = _record_evidence([text, *rest], width)
        if evidence is None:
            yield number, {"none"}
        else:
            for _ in rest:
                waiting.popleft()
            yield number, evidence


def _find_rest(size: int, waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]]) -> list[str]:
    """Return the lines that follow one with an odd number of marks, up to the next such line; [] without one.

    Args:
        size: Characters of the line.
        waiting: The lines that follow and have been read; gets those that are read here.
    """
    rest: list[str] = []
    while size <= LONGEST and (len(rest) < len(waiting) or _read_on(waiting, lines)):
        rest.append(waiting[len(rest)][1])
        size += len(rest[-1])
        if rest[-1].count('"') % 2:
            return rest
    return []


def _read_on(waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]]) -> bool:
    """Read one more line; return whether there was one."""
    before = len(waiting)
    waiting.extend(islice(lines, 1))
    return len(waiting) > before


def _record_evidence(lines: Sequence[str], width: int) -> set[Evidence] | None:
    """Return the evidence of a record of `width` cells; None if its marks are not around cells."""
    # A quotation over several sentences, one per line, looks like a cell of several lines, except for its TABs.
    if len(lines) > 1 and all(line.count("\t") == width - 1 for line in lines):
        return None
    record = "\n".join(lines)
    if not _RECORD.fullmatch(record):
        return None
    cells = _FIRST_OR_NEXT.findall(record)
    return find_evidence(cells) if len(cells) == width else set()
