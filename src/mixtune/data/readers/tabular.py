"""Tables: parquet, CSV, TSV and JSON Lines files, as rows of named values.

CSV and TSV have a header, and an empty cell is null. CSV is quoted as in RFC 4180; in TSV quotation marks are
plain characters, so that no cell holds a TAB or a line end. In JSON Lines a name may also be a path into nested
objects and lists (`subject.text`, `span.0`), unless a key is spelt exactly so. A JSON object that holds a list of
records for each label is read, too. Blank lines are no rows, and counted.
"""

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
import pyarrow.parquet as pq

from ..example import LONGEST, ReadError
from .mention_forms import is_grouped
from .parsing import ABSENT, json_groups, nested, utf8_lines

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


def read_rows(path: Path, columns: Mapping[str, str], optional: Collection[str], counts: Counter[str]) -> Iterator[Row]:
    """Yield the rows of a file, in its order.

    Args:
        columns: Our names to those of the file.
        optional: The file's names of columns that it may lack.
        counts: Gets `blank lines`, and what the rows count.

    Raises:
        ReadError: The file is broken, or lacks a column that is not optional; names file and row or line.
    """
    read = {".parquet": _parquet, ".csv": _csv, ".tsv": _tsv}.get(path.suffix, _json)
    written, number = path.suffix in (".csv", ".tsv"), 0
    try:
        if read is _json and is_grouped(path):
            read = _grouped
        for cells in read(path, list(columns.values()), optional, counts):
            yield Row(dict(zip(columns, cells, strict=True)), columns, written, counts)
            number += 1
    except ReadError:
        raise
    except BROKEN as error:
        # Files are decoded in blocks, so the broken row may follow the first one not yet read.
        raise ReadError(path, f"row {number} or later", f"broken {path.suffix} file ({error})") from None


def read_header(path: Path) -> list[str]:
    """Return the names of the columns of a file, of which only the start is read; [] where it is no table.

    A native file, which is no table, may be one line of 200 MB.

    Raises:
        One of BROKEN: The start of the file is broken.
    """
    if path.suffix == ".parquet":
        return pq.read_schema(path).names
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(io.StringIO(file.read(LONGEST), newline="")), [])
    with path.open("rb") as file:
        if path.suffix == ".tsv":
            return file.readline(LONGEST).decode("utf-8-sig").rstrip("\r\n").split("\t")
        if file.read(64).lstrip()[:1] != b"{":
            return []
        file.seek(0)
        return list(json.loads(next(filter(bytes.strip, io.BytesIO(file.read(LONGEST))))))


def _parquet(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str]
) -> Iterator[tuple[object, ...]]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        _check(path, columns, optional, names)
        wanted = [name for name in dict.fromkeys(columns) if name in names]
        for batch in file.iter_batches(1024, columns=wanted):
            values = {name: batch.column(name).to_pylist() for name in wanted}
            yield from zip(*(values.get(name, repeat(None, batch.num_rows)) for name in columns), strict=True)


def _csv(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str]
) -> Iterator[tuple[object, ...]]:
    csv.field_size_limit(2**31 - 1)  # a text can pass the default of 131,072 characters
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
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


def _tsv(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str]
) -> Iterator[tuple[object, ...]]:
    lines = utf8_lines(path)
    names = next(lines, (1, ""))[1].split("\t")
    indices = _indices(path, columns, optional, names)
    for number, line in lines:
        cells = line.split("\t")
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
    for number, line in utf8_lines(path):
        if not line.strip():
            counts["blank lines"] += 1
            continue
        if not line.lstrip().startswith("{"):  # before it is parsed: a JSON array may be one line of 200 MB
            raise ReadError(path, number, "expected one JSON object per line")
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ReadError(path, number, f"not valid JSON ({error})") from None
        yield _values(path, number, record, columns, optional)


def _grouped(
    path: Path, columns: Sequence[str], optional: Collection[str], counts: Counter[str]
) -> Iterator[tuple[object, ...]]:
    for number, (label, record) in enumerate(json_groups(path)):
        if not isinstance(record, dict):
            raise ReadError(path, f"record {number} (of {label[:80]!r})", "expected a JSON object")
        yield _values(path, f"record {number}", {**record, "relation": label}, columns, optional)


def _values(
    path: Path, where: int | str, record: dict[str, object], columns: Sequence[str], optional: Collection[str]
) -> tuple[object, ...]:
    """Return the values of a JSON object at these names or paths."""
    row = tuple([record[name] if name in record else nested(record, name) for name in columns])
    if ABSENT in row:
        absent = dict.fromkeys(name for name, value in zip(columns, row, strict=True) if value is ABSENT)
        _refuse(path, where, [name for name in absent if name not in optional], [*_paths(record)])
        row = tuple([None if value is ABSENT else value for value in row])
    return row


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
