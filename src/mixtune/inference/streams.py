"""Input of `mixtune predict`: rows of JSON, CSV or TSV as they arrive, and lists of labels.

A row that cannot be read does not end the stream: it is yielded with its problem, and the next one follows. JSON is one
object per line, or one array. CSV and TSV have a header; separators and quotation marks are those of the readers of
benchmarks (`data/readers/tabular.py`), except that a stream of TSV is evidence of its quoting only as far as it has
been read.
"""

import csv
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import cast

from ..data.example import LONGEST, Example
from ..data.labels import describe_indistinct
from ..data.mentions import ABSENT, locate_mentions
from ..data.readers.json_stream import array_values
from ..data.readers.mention_forms import Markers, plain_record, strip_markers
from ..data.readers.parsing import describe_no_text
from ..data.readers.quoting import Unquoting, find_separator, is_header_quoted
from ..errors import UserError
from .lines import Lines

# Returns the next record, or None for a blank line; raises StopIteration at the end.
NextRecord = Callable[[], Mapping[str, object] | None]
# Returns the example in a record, given the number of a demonstration (0: none); raises ValueError.
Parse = Callable[[Mapping[str, object], int], Example]

FORMATS = ("jsonl", "csv", "tsv")
FIELDS = ("text", "head", "tail")
SPANS = ("head_start", "head_end", "tail_start", "tail_end")
QUERY = "input"  # benchmark, id and group of every row, so that equal rows have equal prompts


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


def read_rows(
    lines: Lines,
    file_format: str,
    name: str,
    *,
    has_relation: bool = False,
    quoting: str | None = None,
    markers: Markers | None = None,
) -> Iterator[InputRow | None]:
    """Yield the rows of a stream; None for a blank line, so that the rows before it need not wait for the next one.

    Args:
        file_format: One of FORMATS.
        name: Name of the stream, for messages.
        has_relation: Whether each row must have a `relation`: demonstrations.
        quoting: Quotation marks in CSV and TSV: "csv" (around cells) or "none" (plain characters); None: around cells
            in CSV, by the evidence of the rows so far in TSV.
        markers: See `parse_example`.

    Raises:
        UserError: The stream is no text; in the header of CSV or TSV, a column is missing or duplicate.
    """
    parse = partial(parse_example, markers=markers)
    if file_format == "jsonl":
        return _json_rows(lines, name, has_relation, parse)
    _check_text(lines, name)
    fields = (*(FIELDS[:1] if markers else FIELDS), *["relation"] * has_relation)
    next_record = _cell_reader(lines, file_format, name, fields, quoting)
    return _rows(lines, next_record, has_relation, parse) if next_record else iter(())


def _check_text(lines: Lines, name: str) -> bytes:
    """Return the first bytes of a stream; a UserError if it cannot be text."""
    start = lines.peek()
    form = describe_no_text(start)
    if form:
        raise UserError(f"{name}: not UTF-8 but {form}")
    return start


def _json_rows(lines: Lines, name: str, has_relation: bool, parse: Parse) -> Iterator[InputRow | None]:
    """Yield the rows of JSON Lines or of one JSON array; nothing is read before the first row is taken."""
    start = _check_text(lines, name).removeprefix(BOM_UTF8).lstrip()
    if start[:1] == b"[":
        yield from _array_rows(lines, has_relation, parse)
    else:
        yield from _rows(lines, _object_reader(lines), has_relation, parse)


def _rows(lines: Lines, next_record: NextRecord, has_relation: bool, parse: Parse) -> Iterator[InputRow | None]:
    while True:
        number = lines.number + 1
        try:
            record = next_record()
            row = None if record is None else InputRow(number, record, parse(record, number if has_relation else 0))
        except StopIteration:
            return
        except (ValueError, RecursionError, csv.Error) as error:
            row = InputRow(number, problem=str(error))
        yield row


def _array_rows(lines: Lines, has_relation: bool, parse: Parse) -> Iterator[InputRow]:
    """Yield the rows of one JSON array of objects; where it is broken, the rows end with a problem."""
    before = lines.peek().partition(b"[")[0]
    lines.skip(len(before) + 1)
    number, place = 1, 0
    try:
        for place, (number, record) in enumerate(array_values(lines, 1 + before.count(b"\n")), 1):
            try:
                if not isinstance(record, dict):
                    raise ValueError("expected an object")
                yield InputRow(number, record, parse(record, place if has_relation else 0))
            except ValueError as error:
                yield InputRow(number, problem=f"object {place} of the array: {error}")
    except (ValueError, RecursionError) as error:
        problem = f"after object {place}: not valid JSON ({error}); the rest of the array is not read"
        yield InputRow(number, problem=problem)


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


def _cell_reader(
    lines: Lines, file_format: str, name: str, fields: Sequence[str], quoting: str | None
) -> NextRecord | None:
    """Return the reader of a table with a header; None where the stream is empty."""
    csv.field_size_limit(LONGEST)
    try:
        header = next(lines, None)
        if header is None:
            return None
        is_tsv = file_format == "tsv"
        quoted = quoting == "csv" if quoting else not is_tsv or is_header_quoted(header.rstrip("\r\n"))
        separator = "\t" if is_tsv else find_separator(header)
        kind = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        reader = csv.reader(chain([header], lines), delimiter=separator, quoting=kind, strict=quoted)
        names = next(reader)
    except (ValueError, csv.Error) as error:
        raise UserError(f"{name}: the header cannot be read ({error})") from None
    expected = (*fields, *filter(None, names))
    wrong = [column for column in dict.fromkeys(expected) if names.count(column) != 1]
    if wrong:
        raise UserError(f"{name}: column missing or duplicate: {', '.join(wrong)} (found: {', '.join(names)})")
    unquote = Unquoting() if is_tsv and not quoted and not quoting else None

    def next_record() -> Mapping[str, object] | None:
        cells = next(reader)
        if not cells:
            return None
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} cells under {len(names)} column names")
        record = dict(zip(names, unquote(cells, lines.number) if unquote else cells, strict=True))
        return record | {span: _parse_offset(record[span]) for span in SPANS if span in record}

    return next_record


def _parse_offset(cell: str) -> int | str | None:
    return int(cell) if cell.removeprefix("-").isdecimal() else cell or None


def parse_example(record: Mapping[str, object], number: int = 0, markers: Markers | None = None) -> Example:
    """Return the example in a record; mentions without offsets are located in the text.

    A record with the fields `h` and `t`, in the form of OpenNRE or FewRel, has the mentions and their positions there.

    >>> example = parse_example({"text": "Ada met Bob.", "head": "Ada", "tail": "Bob"})
    >>> example.tail_start, example.tail_end
    (8, 11)

    Args:
        number: Line number of a demonstration, which has a `relation`; 0: an example to label.
        markers: Markers of the mentions in the text, which are removed; the record's other mentions do not count.

    Raises:
        ValueError: A field is missing or wrong, or a mention without offsets is not in the text.
    """
    if markers and isinstance(marked := record.get("text"), str):
        text, *spans = strip_markers(marked, markers)
        head, tail = (text[slice(*span)] for span in spans)
        offsets = dict(zip(SPANS, (*spans[0], *spans[1]), strict=True))
        record = {**record, "text": text, "head": head, "tail": tail, **offsets}
    elif not {"head", "tail"} & record.keys() and {"h", "t"} <= record.keys():
        record = {**record, **plain_record(record)}
    fields = (*FIELDS, "relation") if number else FIELDS
    strings = {name: value for name in fields if isinstance(value := record.get(name), str) and value.strip()}
    wrong = [name for name in fields if name not in strings]
    if wrong:
        raise ValueError(f"{', '.join(fields)} must be strings, none empty; check {', '.join(wrong)}")
    text, head, tail = (strings[name] for name in FIELDS)
    spans: Sequence[object] = [record.get(name) for name in SPANS]
    if spans.count(None) == len(SPANS):
        found = locate_mentions(text, head, tail, Counter())
        absent = [f"{name} {record[name]!r}" for name, span in zip(FIELDS[1:], found, strict=True) if span == ABSENT]
        if absent:
            raise ValueError(f"{' and '.join(absent)} not found in text; correct it, or give offsets (-1: not in text)")
        spans = [*found[0], *found[1]]
    elif None in spans:
        raise ValueError(f"give all of {', '.join(SPANS)}, or none; {SPANS[spans.index(None)]} is missing")
    head_start, head_end, tail_start, tail_end = cast(Sequence[int], spans)  # Example refuses any other
    relation, group = (strings["relation"], f"{QUERY} {number}") if number else ("?", QUERY)
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
        is_json = path.suffix.lower() == ".json"
        labels = json.loads(text) if is_json else list(filter(None, map(str.strip, text.splitlines())))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a text file with one label per line") from None
    labels = labels.get("labels") if isinstance(labels, dict) else labels
    is_list = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not is_list or not labels:
        raise UserError(f"{path} is not a list of labels; give a text file with one label per line")
    if problem := describe_indistinct(labels):
        raise UserError(f"{path}: {problem}; remove it")
    return labels
