"""What people give to be labelled: rows of JSON Lines, CSV or TSV as they arrive, and lists of labels.

A row that cannot be read does not end the stream: it comes with what is wrong with it, and the next one follows. CSV
and TSV have a header, and are quoted as the readers of benchmarks expect it (`benchmarks/tabular.py`).
"""

import csv
import json
import os
import select
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..data.example import LONGEST, Example
from ..data.labels import normalise
from ..data.mentions import locate_mentions
from ..errors import UserError

DIALECTS = {"csv": {"strict": True}, "tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE}}
FORMATS = ("jsonl", *DIALECTS)
FIELDS = ("text", "head", "tail")
SPANS = ("head_start", "head_end", "tail_start", "tail_end")
QUERY = "input"  # benchmark, id and group of every row, so that equal rows make equal prompts

_BLOCK = 2**16  # bytes that are read at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a stream.

    Attributes:
        number: The line where it begins, from 1.
        record: Its fields as they were given.
        example: What is asked of it, or None where there is a problem.
        problem: What is wrong with it, or "".
    """

    number: int
    record: dict[str, Any] = field(default_factory=dict)
    example: Example | None = None
    problem: str = ""


class Lines:
    """Lines of a UTF-8 stream, with their ends and without byte order mark, as they arrive.

    Going on after a line that raised a ValueError gives the next one.

    Args:
        file: Not buffered, so that what has arrived is known; it has a file descriptor.

    Attributes:
        number: Of the line that was taken last, from 1.
        taken: Bytes read so far.
        size: Bytes of the file, or None where it is a pipe.
    """

    def __init__(self, file: BinaryIO):
        self._file, self._lines, self._rest, self._ended = file, deque[bytes](), bytearray(), False
        self.number = self.taken = 0
        self.size = os.fstat(file.fileno()).st_size or None

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._read()
        line = self._lines.popleft()
        self.number += 1
        if len(line) > LONGEST:
            raise ValueError(f"longer than {LONGEST:,} bytes; expected one record a line")
        try:
            return line.decode("utf-8" if self.number > 1 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 ({error.reason})") from None

    def waiting(self) -> bool:
        """Whether the next line, or the end, can be had at once; of a file on a disk it always can."""
        while not self._lines and not self._ended:
            if not select.select([self._file], [], [], 0)[0]:
                return False
            self._read()
        return True

    def _read(self) -> None:
        block = self._file.read(_BLOCK)
        self.taken += len(block)
        self._ended = not block
        *ends, rest = block.split(b"\n")
        for end in ends:
            self._lines.append(bytes(self._rest + end + b"\n"))
            self._rest.clear()
        self._rest += rest
        del self._rest[LONGEST + 1 :]  # a longer line is refused, and need not be held
        if self._ended and self._rest:
            self._lines.append(bytes(self._rest))


def read_rows(lines: Lines, form: str, name: str, *, answered: bool = False) -> Iterator[Row | None]:
    """Rows of a stream; None for a blank line, so that nobody waits for what follows it.

    Args:
        form: One of FORMATS.
        name: Of the stream, for messages.
        answered: Whether each has a `relation`, too: demonstrations.

    Raises:
        UserError: The header of CSV or TSV lacks a column, or has one twice.
    """
    take = _objects(lines) if form == "jsonl" else _cells(lines, DIALECTS[form], name, answered)
    return _rows(lines, take, answered) if take else iter(())


def _rows(lines: Lines, take: Callable[[], dict[str, Any] | None], answered: bool) -> Iterator[Row | None]:
    while True:
        number = lines.number + 1
        try:
            record = take()
            row = None if record is None else Row(number, record, as_example(record, number if answered else 0))
        except StopIteration:
            return
        except (ValueError, RecursionError, csv.Error) as error:
            row = Row(number, problem=str(error))
        yield row


def _objects(lines: Lines) -> Callable[[], dict[str, Any] | None]:
    def take() -> dict[str, Any] | None:
        line = next(lines)
        if not line.strip():
            return None
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not valid JSON ({error}); give one object a line") from None
        if not isinstance(record, dict):
            raise ValueError("expected an object")
        return record

    return take


def _cells(lines: Lines, dialect: dict, name: str, answered: bool) -> Callable[[], dict[str, Any] | None] | None:
    csv.field_size_limit(LONGEST)
    reader = csv.reader(lines, **dialect)
    try:
        names = next(reader, None)
    except (ValueError, csv.Error) as error:
        raise UserError(f"{name}: the header cannot be read ({error})") from None
    if names is None:
        return None
    wanted = (*FIELDS, *["relation"] * answered, *filter(None, names))
    wrong = [column for column in dict.fromkeys(wanted) if names.count(column) != 1]
    if wrong:
        raise UserError(f"{name}: column missing or twice: {', '.join(wrong)} (found: {', '.join(names)})")

    def take() -> dict[str, Any] | None:
        cells = next(reader)
        if not cells:
            return None
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} cells under {len(names)} column names")
        record = dict(zip(names, cells, strict=True))
        return record | {span: _number(record[span]) for span in SPANS if span in record}

    return take


def _number(cell: str) -> int | str | None:
    return int(cell) if cell.removeprefix("-").isdecimal() else cell or None


def as_example(record: dict[str, Any], number: int = 0) -> Example:
    """The example that a record describes, its mentions located where it does not say where they are.

    Args:
        number: Its line, where it is a demonstration and has a `relation`; 0: it is to be labelled.

    Raises:
        ValueError: A field is missing or wrong.
    """
    fields = (*FIELDS, "relation") if number else FIELDS
    wrong = [name for name in fields if not isinstance(record.get(name), str) or not record[name].strip()]
    if wrong:
        raise ValueError(f"expected the strings {', '.join(fields)}, none empty; look at {', '.join(wrong)}")
    text, head, tail = (record[name] for name in FIELDS)
    spans = [record.get(name) for name in SPANS]
    if spans.count(None) == len(SPANS):
        head_span, tail_span = locate_mentions(text, head, tail, Counter())
        spans = [*head_span, *tail_span]
    elif None in spans:
        raise ValueError(f"{', '.join(SPANS)} go together; {SPANS[spans.index(None)]} is missing")
    relation, group = (record["relation"], f"{QUERY} {number}") if number else ("?", QUERY)
    return Example(group, QUERY, "test", text, head, tail, *spans, "", "", relation, group)


def windows(rows: Iterator[Row | None], waiting: Callable[[], bool], size: int) -> Iterator[list[Row]]:
    """Rows in lists of at most `size`: as many as are there, so that none waits for rows that have not arrived."""
    window: list[Row] = []
    for row in rows:
        window += [row] if row else []
        if window and (len(window) == size or not waiting()):
            yield window
            window = []
    if window:
        yield window


def read_label_list(path: Path) -> list[str]:
    """Labels of a text file with one a line, or of a JSON file: a list, or a benchmark's `labels.json`.

    Raises:
        UserError: It is none of these, or holds no label, or one twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        labels = json.loads(text) if path.suffix == ".json" else list(filter(None, map(str.strip, text.splitlines())))
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error}); give a text file with one label a line") from None
    labels = labels.get("labels") if isinstance(labels, dict) else labels
    if not isinstance(labels, list) or not labels or not all(isinstance(one, str) and normalise(one) for one in labels):
        raise UserError(f"{path} holds no list of labels; give a text file with one label a line")
    twice = [label for label, count in Counter(map(normalise, labels)).items() if count > 1]
    if twice:
        raise UserError(f"{path} holds a label more than once: {', '.join(twice)} (case and quotes do not count)")
    return labels
