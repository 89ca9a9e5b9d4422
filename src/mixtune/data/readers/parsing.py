"""Parsing shared by the readers: finding a split's file, lines of UTF-8, JSON arrays and JSON Lines, tokens."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..example import LONGEST, MissingSplit, ReadError, Span

_T = TypeVar("_T")
_BLOCK = 2**16  # bytes of a JSON array that are read at a time
_DECODER = json.JSONDecoder()
ABSENT = object()  # what a path finds that leads nowhere
_KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*:\s*\[', re.DOTALL)
_MARK = re.compile(r"[ \t\n\r]*(.?)", re.DOTALL)


def native_file(path: Path, split: str, names: Mapping[str, tuple[str, ...]]) -> Path:
    """Return a split's file.

    Args:
        path: The benchmark's folder, which has one of `names[split]`; or the file itself.

    Raises:
        MissingSplit: The folder has no such file, or the format has no such split.
    """
    if path.is_file():
        return path
    for name in names.get(split, ()):
        if (path / name).is_file():
            return path / name
    wanted = " or ".join(names.get(split, ())) or f"no native file is known for split {split!r}"
    raise MissingSplit(path, None, f"split {split!r} not found (looked for: {wanted})")


def utf8_lines(path: Path, counts: Counter[str] | None = None) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file without byte order mark and line ends, numbered from 1.

    Args:
        counts: Gets how many lines end in CRLF, e.g. because the file was copied on Windows.

    Raises:
        ReadError: A line is not UTF-8, or not shorter than `LONGEST`.
    """
    counts = Counter() if counts is None else counts
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            if len(line) == LONGEST:
                raise ReadError(path, number, f"a line of more than {LONGEST:,} bytes; expected one record per line")
            if line.endswith(b"\r\n"):
                counts["lines that end in CRLF"] += 1
            try:
                yield number, line.decode("utf-8" if number > 1 else "utf-8-sig").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ReadError(path, number, f"not UTF-8 ({error.reason}); convert the file to UTF-8") from None


def json_records(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the records of a file that is one JSON array, streamed and numbered from 0.

    Raises:
        ReadError: The file is not one complete JSON array with a record in it.
    """
    number = -1
    with path.open("rb") as file:
        first = file.read(1)
        while first.isspace():
            first = file.read(1)
        if first != b"[":
            raise ReadError(path, None, "expected one JSON array of records")
        text = _Text(file)
        try:
            for number, record in enumerate(_list(text)):
                yield number, record
            _check_end(text)
        except (ValueError, RecursionError) as error:
            where = f"record {number + 1}"
            raise ReadError(path, where, f"not valid JSON ({error}); is the file truncated?") from None


def json_groups(path: Path) -> Iterator[tuple[str, object]]:
    """Yield name and record of a file that is one JSON object with a list of records under each name, streamed.

    Raises:
        ReadError: The file is not one complete object of lists.
    """
    number = -1
    with path.open("rb") as file:
        text = _Text(file)
        try:
            mark = "," if text.take(_mark) == "{" else ""
            while mark == ",":
                name = text.take(_key)
                for record in _list(text):
                    number += 1
                    yield str(name), record
                mark = text.take(_mark)
            if mark != "}":
                raise ValueError("expected one object with a list of records under each name")
            _check_end(text)
        except (ValueError, RecursionError) as error:
            where = f"record {number + 1}"
            raise ReadError(path, where, f"not valid JSON ({error}); is the file truncated?") from None


def _list(text: "_Text") -> Iterator[object]:
    """Yield the values of a JSON array whose opening bracket has been read; a broken one is a ValueError."""
    mark = ","
    while mark == ",":
        yield text.take(_value)
        mark = text.take(_mark)
    if mark != "]":
        raise ValueError("expected a comma or the one closing bracket after a record")


def _check_end(text: "_Text") -> None:
    if text.take(_mark):
        raise ValueError("expected a comma or the one closing bracket after a record")


def _value(text: str, start: int) -> tuple[object, int]:
    mark, end = _mark(text, start)
    if mark == "]":
        raise ValueError("no record before the closing bracket")
    return _DECODER.raw_decode(text, end - len(mark))


def _key(text: str, start: int) -> tuple[object, int]:
    """Return the name of a list, and the end of the list's opening bracket."""
    match = _KEY.match(text, start)
    if not match:
        raise json.JSONDecodeError("expected a name and a list of records", text, start)
    return json.loads(match[1]), match.end()


def _mark(text: str, start: int) -> tuple[str, int]:
    """Return the next character that is not white space, or "" at the end of the text, and its end."""
    match = _MARK.match(text, start)
    return (match[1], match.end()) if match else ("", len(text))  # it matches every text


class _Text:
    """The text of a UTF-8 file, of which only the part being parsed is in memory.

    ijson would do this, but it replaces half a surrogate pair, with the escape after it, by `?`, and its memory grows
    with the square of the depth: 200 kB of opening brackets end the process.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8")()
        self._text, self._start = "", 0
        self._broken: ValueError | None = None

    def take(self, parse: Callable[[str, int], tuple[_T, int]]) -> _T:
        """Return the next value of `parse`. One that ends with the text may continue, so more is read first."""
        while True:
            try:
                value, end = parse(self._text, self._start)
            except json.JSONDecodeError as error:
                if self._extend():
                    continue
                raise ValueError(error.msg) from None
            if end == len(self._text) and self._extend():
                continue
            self._start = end
            return value

    def _extend(self) -> bool:
        """Append the next block to the remaining text; return whether there was one."""
        if self._broken:
            raise self._broken
        left = self._text[self._start :]
        if len(left) > LONGEST:
            raise ValueError(f"more than {LONGEST:,} characters")
        block = self._file.read(max(_BLOCK, len(left)))
        try:
            more = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:  # raised after the records before it
            more, self._broken = error.object[: error.start].decode(), ValueError(f"not UTF-8: {error.reason}")
        self._text, self._start = left + more, 0
        return bool(block or self._broken)


def json_lines(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the objects of a JSON Lines file, numbered by line from 1; blank lines are skipped.

    Raises:
        ReadError: A line is not valid JSON, or the file has none.
    """
    blank = True
    for number, line in utf8_lines(path):
        if line.strip():
            blank = False
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ReadError(path, number, f"not valid JSON ({error})") from None
    if blank:
        raise ReadError(path, None, "the file holds no record")


def nested(record: object, path: str) -> object:
    """Return the value at a path of keys and indices, which dots separate; `ABSENT` where it leads nowhere.

    >>> nested({"h": ["Ann", [0, 1]]}, "h.1.0")
    0
    """
    for key in path.split("."):
        if isinstance(record, list) and key.isdecimal() and int(key) < len(record):
            record = record[int(key)]
        elif isinstance(record, dict) and key in record:
            record = record[key]
        else:
            return ABSENT
    return record


def join_tokens(tokens: Iterable[str]) -> tuple[str, list[Span]]:
    """Return the tokens joined by blanks, with each token's character span in the result.

    >>> join_tokens(["Ann", "met", "Bo"])
    ('Ann met Bo', [(0, 3), (4, 7), (8, 10)])
    """
    tokens = list(tokens)
    ends = accumulate(len(token) + 1 for token in tokens)
    spans = [(end - len(token) - 1, end - 1) for token, end in zip(tokens, ends, strict=True)]
    return " ".join(tokens), spans
