"""Tables: parquet, Arrow, CSV, TSV and JSON files, as rows of named values.

CSV and TSV have a header, and an empty cell is null. CSV is quoted as in RFC 4180, and separated by commas or, as
Excel writes it in some countries, by semicolons; in TSV quotation marks are around cells as in CSV, or plain
characters, so that no cell holds a TAB or a line end (see `quoting`). JSON is one object per line, one array, or an
object that holds a list of records for each label. In it a name may also be a path into nested objects and lists
(`subject.text`, `span.0`), unless a key is spelt exactly so. Blank lines are no rows, and counted.
"""

import codecs
import csv
import io
import json
import re
import reprlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pyarrow as pa

from ..example import LONGEST, ReadError
from . import arrow
from .json_stream import array_values
from .mention_forms import is_grouped
from .parsing import ABSENT, array_records, check_text, is_json_array, json_groups, nested, utf8_lines
from .quoting import find_separator, is_header_quoted, is_quoted

# Errors that the libraries raise when a file is broken.
BROKEN = (pa.ArrowException, csv.Error, OSError, RecursionError, ValueError)


@dataclass(slots=True)
class Row:
    """One row's values by our names; each is checked when it is taken, and changes are counted.

    Attributes:
        values: None where the file has null, or may lack the column and does.
        columns: The file's names of them, for messages.
        written: Whether an integer is a string of digits.
    """

    values: dict[str, object]
    columns: Mapping[str, str]
    written: bool
    counts: Counter[str]

    def describe(self, name: str) -> str:
        """Return the file's name of a value, and the value, for messages."""
        value = self.values[name]
        return f"{self.columns[name]} is {'null' if value is None else reprlib.repr(value)}"

    def string(self, name: str) -> str:
        """Return a value that must be a string."""
        value = self.values[name]
        if not isinstance(value, str):
            raise ValueError(f"{self.describe(name)}, not a string")
        if not value.isascii():
            value.encode()  # JSON can escape half a surrogate pair, which no file could be written with
        return value

    def stripped(self, name: str, what: str) -> str:
        """Return a string without white space around it; where it had some, this is counted as `what`."""
        value = self.string(name)
        if value != value.strip():
            self.counts[f"{what} had white space around it"] += 1
        return value.strip()

    def integer(self, name: str) -> int:
        """Return a value that must be an integer."""
        value = self.values[name]
        if self.written and isinstance(value, str) and re.fullmatch("-1|[0-9]{1,9}", value):
            return int(value)
        if type(value) is not int:
            raise ValueError(f"{self.describe(name)}, not an integer")
        return value

    def key(self, name: str) -> str:
        """Return an integer as a string, or a string that is not empty: what identifies a row or a group of rows."""
        key = str(self.values[name]) if type(self.values[name]) is int else self.stripped(name, name)
        if not key:
            raise ValueError(f"{self.columns[name]} is empty")
        return key


def read_rows(
    path: Path, columns: Mapping[str, str], optional: Collection[str], counts: Counter[str], quoting: str | None = None
) -> Iterator[Row]:
    """Yield the rows of a file, in its order.

    Args:
        columns: Our names to those of the file.
        optional: The file's names of columns that it may lack.
        counts: Gets `blank lines`, and what the rows count.
        quoting: Quotation marks in CSV and TSV: "csv" (around cells) or "none" (plain characters); None: around cells
            in CSV, by the evidence of the file in TSV.

    Raises:
        ReadError: The file is broken, or lacks a column that is not optional; names file and row or line.
    """
    suffix, number = path.suffix.lower(), 0
    written, names = suffix in (".csv", ".tsv"), list(columns.values())
    try:
        if suffix in arrow.SUFFIXES:
            rows = _arrow(path, names, optional)
        elif written:
            check_text(path)
            rows = _cells(path, names, optional, counts, quoting)
        else:
            rows = _json(path, names, optional, counts)
        for cells in rows:
            yield Row(dict(zip(columns, cells, strict=True)), columns, written, counts)
            number += 1
    except ReadError:
        raise
    except BROKEN as error:
        # Files are decoded in blocks, so the broken row may follow the first one not yet read.
        raise ReadError(path, f"row {number} or later", f"broken {path.suffix} file ({error})") from None


def is_json(path: Path) -> bool:
    """Return whether a file is read as JSON, by its suffix."""
    return path.suffix.lower() not in (*arrow.SUFFIXES, ".csv", ".tsv")


def read_header(path: Path) -> list[str]:
    """Return the names of the columns of a file, of which only the start is read; [] where it is no table.

    A native file, which is no table, may be one line of 200 MB.

    Raises:
        One of BROKEN: The start of the file is broken.
    """
    suffix = path.suffix.lower()
    if suffix in arrow.SUFFIXES:
        return arrow.read_names(path)
    if suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            start = file.read(LONGEST)
            return next(csv.reader(io.StringIO(start, newline=""), delimiter=find_separator(start)), [])
    with path.open("rb") as file:
        if suffix == ".tsv":
            line = file.readline(LONGEST).decode("utf-8-sig").rstrip("\r\n")
            return next(csv.reader([line], delimiter="\t")) if is_header_quoted(line) else line.split("\t")
        start = file.read(64)
        opening = start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        if opening not in (b"[", b"{"):
            return []
        start += file.read(LONGEST)
    if opening == b"[":
        first = next(array_values(io.BytesIO(start.partition(b"[")[2])))[1]
        return list(first) if isinstance(first, dict) else []
    return list(json.loads(next(filter(bytes.strip, io.BytesIO(start)))))


def _arrow(path: Path, columns: Sequence[str], optional: Collection[str]) -> Iterator[tuple[object, ...]]:
    _check(path, columns, optional, arrow.read_names(path))
    for rows, values in arrow.read_columns(path, list(dict.fromkeys(columns))):
        yield from zip(*(values.get(name, repeat(None, rows)) for name in columns), strict=True)


def _cells(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str], quoting: str | None
) -> Iterator[tuple[object, ...]]:
    is_tsv = path.suffix.lower() == ".tsv"
    quoted = quoting == "csv" if quoting else not is_tsv or is_quoted(path, utf8_lines(path))
    yield from (_quoted if quoted else _plain)(path, columns, optional, counts, "\t" if is_tsv else None)


def _quoted(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str], separator: str | None
) -> Iterator[tuple[object, ...]]:
    csv.field_size_limit(2**31 - 1)  # a text can pass the default of 131,072 characters
    with path.open(encoding="utf-8-sig", newline="") as file:
        separator = separator or find_separator(file.readline(LONGEST))
        file.seek(0)
        lines = csv.reader(file, delimiter=separator, strict=True)
        names = next(lines, [])
        indices = _indices(path, columns, optional, names)
        for cells in lines:
            if len(cells) != len(names):
                if not cells:
                    counts["blank lines"] += 1
                    continue
                raise ValueError(f"{len(cells)} cells under {len(names)} column names, in line {lines.line_num}")
            cells.append("")
            yield tuple([cells[index] or None for index in indices])


def _plain(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str], separator: str | None
) -> Iterator[tuple[object, ...]]:
    lines = utf8_lines(path)
    header = next(lines, (1, ""))[1]
    separator = separator or find_separator(header)
    names = header.split(separator)
    indices = _indices(path, columns, optional, names)
    for number, line in lines:
        cells = line.split(separator)
        if len(cells) != len(names):
            if not line:
                counts["blank lines"] += 1
                continue
            raise ReadError(path, number, f"{len(cells)} cells under {len(names)} column names")
        cells.append("")
        yield tuple([cells[index] or None for index in indices])


def _indices(path: Path, columns: Sequence[str], optional: Collection[str], names: list[str]) -> list[int]:
    """Return the index in a row of each of `columns`; after the row's end where the file lacks it."""
    _check(path, columns, optional, names)
    return [names.index(name) if name in names else len(names) for name in columns]


def _json(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str]
) -> Iterator[tuple[object, ...]]:
    for where, record in _objects(path, counts):
        row = tuple([record[name] if name in record else nested(record, name) for name in columns])
        if ABSENT in row:
            absent = dict.fromkeys(name for name, value in zip(columns, row, strict=True) if value is ABSENT)
            _refuse(path, where, [name for name in absent if name not in optional], [*_paths(record)])
            row = tuple([None if value is ABSENT else value for value in row])
        yield row


def _objects(path: Path, counts: Counter[str]) -> Iterator[tuple[int | str, dict[str, object]]]:
    """Yield the objects of a JSON file, each with its place: the number of its first line, or of a record of groups."""
    if is_grouped(path):
        for number, (label, record) in enumerate(json_groups(path)):
            if not isinstance(record, dict):
                raise ReadError(path, f"record {number} (of {label[:80]!r})", "expected a JSON object")
            yield f"record {number}", {**record, "relation": label}
    elif is_json_array(path):
        for line, record in array_records(path):
            if not isinstance(record, dict):
                raise ReadError(path, line, "expected one JSON object per line, or one array of objects")
            yield line, record
    else:
        yield from _lines(path, counts)


def _lines(path: Path, counts: Counter[str]) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in utf8_lines(path):
        if not line.strip():
            counts["blank lines"] += 1
            continue
        if not line.lstrip().startswith("{"):
            raise ReadError(path, number, "expected one JSON object per line")
        try:
            yield number, json.loads(line)
        except ValueError as error:
            raise ReadError(path, number, f"not valid JSON ({error})") from None


def _paths(record: dict[str, object]) -> Iterator[str]:
    for key, value in record.items():
        yield from (f"{key}.{path}" for path in _paths(value)) if isinstance(value, dict) and value else (key,)


def _check(path: Path, columns: Sequence[str], optional: Collection[str], names: list[str]) -> None:
    wanted = dict.fromkeys(columns)
    wrong = [name for name in wanted if names.count(name) > 1 or (name not in names and name not in optional)]
    _refuse(path, None, wrong, names)


def _refuse(path: Path, line: int | str | None, wrong: list[str], names: list[str]) -> None:
    if wrong:
        problem = f"column missing or duplicate: {', '.join(wrong)} (found: {', '.join(names)})"
        raise ReadError(path, line, f"{problem}; name the columns in benchmarks.<name>.columns")
