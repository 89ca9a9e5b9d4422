"""Input of `mixtune predict`: rows of JSON Lines, CSV or TSV as they arrive, and lists of labels.

A row that cannot be read does not end the stream: it is yielded with its problem, and the next one follows. CSV and TSV
have a header, and are quoted as in the readers of benchmarks (`data/readers/tabular.py`).
"""

import csv
import json
import os
import select
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict

from ..data.example import LONGEST, Example
from ..data.labels import describe_indistinct
from ..data.mentions import ABSENT, locate_mentions
from ..data.readers.mention_forms import plain_record
from ..errors import UserError


class Dialect(TypedDict, total=False):
    """Options of `csv.reader`."""

    strict: bool
    delimiter: str
    quoting: Literal[3]  # csv.QUOTE_NONE


# Returns the next record, or None for a blank line; raises StopIteration at the end.
NextRecord = Callable[[], Mapping[str, object] | None]

DIALECTS: dict[str, Dialect] = {"csv": {"strict": True}, "tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE}}
FORMATS = ("jsonl", *DIALECTS)
FIELDS = ("text", "head", "tail")
SPANS = ("head_start", "head_end", "tail_start", "tail_end")
QUERY = "input"  # benchmark, id and group of every row, so that equal rows have equal prompts

_BLOCK = 2**16  # bytes per read


@dataclass(frozen=True, slots=True)
class InputRow:
    """One record of a stream.

    Attributes:
        number: Number of its first line, from 1.
        record: Its fields, unchanged.
        example: The example to label, or None where there is a problem.
        problem: The reason why it cannot be labelled, or "".
    """

    number: int
    record: Mapping[str, object] = field(default_factory=dict)
    example: Example | None = None
    problem: str = ""


class Lines:
    """Lines of a UTF-8 stream, with their line ends and without byte order mark, as they arrive.

    After a line that raised a ValueError, iteration can continue with the next one.

    Args:
        file: Unbuffered, so that `is_ready` is right about the bytes that have arrived; it has a file descriptor.

    Attributes:
        number: Number of the last line returned, from 1.
        taken: Bytes read so far.
        size: Bytes of the file, or None for a pipe.
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
            raise ValueError(f"longer than {LONGEST:,} bytes; expected one record per line")
        try:
            return line.decode("utf-8" if self.number > 1 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 ({error.reason})") from None

    def is_ready(self) -> bool:
        """Return whether the next line, or the end, is available without waiting; always true of a file on disk."""
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
        del self._rest[LONGEST + 1 :]  # a longer line is rejected, and need not be stored
        if self._ended and self._rest:
            self._lines.append(bytes(self._rest))


def read_rows(lines: Lines, file_format: str, name: str, *, has_relation: bool = False) -> Iterator[InputRow | None]:
    """Yield the rows of a stream; None for a blank line, so that the rows before it need not wait for the next one.

    Args:
        file_format: One of FORMATS.
        name: Name of the stream, for messages.
        has_relation: Whether each row must have a `relation`: demonstrations.

    Raises:
        UserError: In the header of CSV or TSV, a column is missing or duplicate.
    """
    if file_format == "jsonl":
        next_record = _object_reader(lines)
    else:
        next_record = _cell_reader(lines, DIALECTS[file_format], name, has_relation)
    return _rows(lines, next_record, has_relation) if next_record else iter(())


def _rows(lines: Lines, next_record: NextRecord, has_relation: bool) -> Iterator[InputRow | None]:
    while True:
        number = lines.number + 1
        try:
            record = next_record()
            if record is None:
                row = None
            else:
                row = InputRow(number, record, parse_example(record, number if has_relation else 0))
        except StopIteration:
            return
        except (ValueError, RecursionError, csv.Error) as error:
            row = InputRow(number, problem=str(error))
        yield row


def _object_reader(lines: Lines) -> NextRecord:
    def next_record() -> Mapping[str, object] | None:
        line = next(lines)
        if not line.strip():
            return None
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not valid JSON ({error}); give one object per line") from None
        if not isinstance(record, dict):
            raise ValueError("expected an object")
        return record

    return next_record


def _cell_reader(lines: Lines, dialect: Dialect, name: str, has_relation: bool) -> NextRecord | None:
    """Return the reader of a table with a header; None where the stream is empty."""
    csv.field_size_limit(LONGEST)
    reader = csv.reader(lines, **dialect)
    try:
        names = next(reader, None)
    except (ValueError, csv.Error) as error:
        raise UserError(f"{name}: the header cannot be read ({error})") from None
    if names is None:
        return None
    expected = (*FIELDS, *["relation"] * has_relation, *filter(None, names))
    wrong = [column for column in dict.fromkeys(expected) if names.count(column) != 1]
    if wrong:
        raise UserError(f"{name}: column missing or duplicate: {', '.join(wrong)} (found: {', '.join(names)})")

    def next_record() -> Mapping[str, object] | None:
        cells = next(reader)
        if not cells:
            return None
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} cells under {len(names)} column names")
        record = dict(zip(names, cells, strict=True))
        return record | {span: _parse_offset(record[span]) for span in SPANS if span in record}

    return next_record


def _parse_offset(cell: str) -> int | str | None:
    return int(cell) if cell.removeprefix("-").isdecimal() else cell or None


def parse_example(record: Mapping[str, Any], number: int = 0) -> Example:
    """Return the example in a record; mentions without offsets are located in the text.

    A record with the fields `h` and `t`, in the form of OpenNRE or FewRel, has the mentions and their positions there.

    >>> example = parse_example({"text": "Ada met Bob.", "head": "Ada", "tail": "Bob"})
    >>> example.tail_start, example.tail_end
    (8, 11)

    Args:
        number: Line number of a demonstration, which has a `relation`; 0: an example to label.

    Raises:
        ValueError: A field is missing or wrong, or a mention without offsets is not in the text.
    """
    if not {"head", "tail"} & record.keys() and {"h", "t"} <= record.keys():
        record = {**record, **plain_record(record)}
    fields = (*FIELDS, "relation") if number else FIELDS
    wrong = [name for name in fields if not isinstance(record.get(name), str) or not record[name].strip()]
    if wrong:
        raise ValueError(f"{', '.join(fields)} must be strings, none empty; check {', '.join(wrong)}")
    text, head, tail = (record[name] for name in FIELDS)
    spans: Sequence[Any] = [record.get(name) for name in SPANS]
    if spans.count(None) == len(SPANS):
        found = locate_mentions(text, head, tail, Counter())
        absent = [f"{name} {record[name]!r}" for name, span in zip(FIELDS[1:], found, strict=True) if span == ABSENT]
        if absent:
            raise ValueError(f"{' and '.join(absent)} not found in text; correct it, or give offsets (-1: not in text)")
        spans = [*found[0], *found[1]]
    elif None in spans:
        raise ValueError(f"give all of {', '.join(SPANS)}, or none; {SPANS[spans.index(None)]} is missing")
    head_start, head_end, tail_start, tail_end = spans
    relation, group = (record["relation"], f"{QUERY} {number}") if number else ("?", QUERY)
    return Example(
        group, QUERY, "test", text, head, tail, head_start, head_end, tail_start, tail_end, "", "", relation, group
    )


def windows(rows: Iterator[InputRow | None], is_ready: Callable[[], bool], size: int) -> Iterator[list[InputRow]]:
    """Yield lists of at most `size` rows: those that have arrived, so that none waits for later rows.

    >>> rows = iter([InputRow(1), InputRow(2), None, InputRow(4)])
    >>> [[row.number for row in window] for window in windows(rows, lambda: True, size=2)]
    [[1, 2], [4]]
    """
    window: list[InputRow] = []
    for row in rows:
        window += [row] if row else []
        if window and (len(window) == size or not is_ready()):
            yield window
            window = []
    if window:
        yield window


def read_label_list(path: Path) -> list[str]:
    """Read labels from a text file with one per line, or a JSON file: a list, or a benchmark's `labels.json`.

    Raises:
        UserError: It is none of these, contains no label, or a duplicate.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        labels = json.loads(text) if path.suffix == ".json" else list(filter(None, map(str.strip, text.splitlines())))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a text file with one label per line") from None
    labels = labels.get("labels") if isinstance(labels, dict) else labels
    is_list = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not is_list or not labels:
        raise UserError(f"{path} is not a list of labels; give a text file with one label per line")
    if problem := describe_indistinct(labels):
        raise UserError(f"{path}: {problem}; remove it")
    return labels
