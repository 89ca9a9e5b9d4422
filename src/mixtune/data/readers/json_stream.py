"""Values of JSON arrays, and of objects of arrays, parsed as their bytes arrive."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from ..example import LONGEST

_T = TypeVar("_T")
_BLOCK = 2**16  # bytes that are read at a time
_DECODER = json.JSONDecoder()
_KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*:\s*\[', re.DOTALL)
_MARK = re.compile(r"[ \t\n\r]*(.?)", re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]*+")


class Readable(Protocol):
    """Bytes that are read in blocks."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, at most `size`; b"" at the end."""
        ...


def array_values(file: Readable, line: int = 1) -> Iterator[tuple[int, object]]:
    """Yield the values of a JSON array whose opening bracket has been read, each with the number of its first line.

    Args:
        line: Number of the line of the bracket.

    Raises:
        ValueError: The array is broken; raised after the values before that place.
    """
    text = _Text(file, line)
    yield from _list(text)
    _check_end(text)


def grouped_values(file: Readable) -> Iterator[tuple[str, object]]:
    """Yield name and value of a JSON object of arrays whose opening brace has been read, value by value.

    Raises:
        ValueError: The object is broken, or has something other than arrays.
    """
    text, mark = _Text(file), ","
    while mark == ",":
        name = text.take(_key)
        for _, value in _list(text):
            yield name, value
        mark = text.take(_mark)
    if mark != "}":
        raise ValueError("expected one object with a list of records under each name")
    _check_end(text)


def _list(text: "_Text") -> Iterator[tuple[int, object]]:
    """Yield the values of a JSON array whose opening bracket has been read, each with the number of its first line."""
    mark = ","
    while mark == ",":
        text.take(_blank)
        line = text.line
        yield line, text.take(_value)
        mark = text.take(_mark)
    if mark != "]":
        raise ValueError("expected a comma or the one closing bracket after a record")


def _check_end(text: "_Text") -> None:
    if text.take(_mark):
        raise ValueError("expected a comma or the one closing bracket after a record")


def _blank(text: str, start: int) -> tuple[str, int]:
    match = _BLANK.match(text, start)
    return "", match.end() if match else start  # it matches every text


def _value(text: str, start: int) -> tuple[object, int]:
    mark, end = _mark(text, start)
    if mark == "]":
        raise ValueError("no record before the closing bracket")
    return _DECODER.raw_decode(text, end - len(mark))


def _key(text: str, start: int) -> tuple[str, int]:
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

    def __init__(self, file: Readable, line: int = 1) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8")()
        self.line = line  # number of the line at which the next value begins
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
            self.line += self._text.count("\n", self._start, end)
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
