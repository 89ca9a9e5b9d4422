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
from .json_stream import array_values, grouped_values

_T = TypeVar("_T")

VALIDATION = ("validation", "valid", "val", "dev")  # names of the validation split in names of files
ABSENT = object()  # what a path finds that leads nowhere

_VALIDATION = re.compile(rf"(?<![a-z])(?:{'|'.join(VALIDATION)})(?![a-z])")

# First bytes of files that are no UTF-8 text.
_NO_TEXT = {
    codecs.BOM_UTF16_LE: "UTF-16, e.g. of Excel's 'Unicode Text'; convert the file to UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16; convert the file to UTF-8",
    b"\x1f\x8b": "compressed by gzip; decompress the file",
    b"BZh": "compressed by bzip2; decompress the file",
    b"\xfd7zXZ": "compressed by xz; decompress the file",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; decompress the file",
    b"PK\x03\x04": "a ZIP archive or a workbook; extract the file, or export the sheet as CSV in UTF-8",
    b"PAR1": "parquet; give the file the suffix .parquet",
}
NO_TEXT_BYTES = max(map(len, _NO_TEXT))


def native_file(path: Path, split: str, names: Mapping[str, tuple[str, ...]]) -> Path:
    """Return a split's file.

    Args:
        path: The benchmark's folder, which has one of `names[split]`, or else one file of such a name in another case
            or with another of VALIDATION; or the file itself.

    Raises:
        MissingSplit: The folder has no such file, or the format has no such split.
        ReadError: It has several with other names.
    """
    if path.is_file():
        return path
    for name in names.get(split, ()):
        if (path / name).is_file():
            return path / name
    words = VALIDATION if split == "validation" else (split,)
    usual = {_VALIDATION.sub(word, name).lower() for name in names.get(split, ()) for word in words}
    others = sorted(file for file in path.glob("*") if file.name.lower() in usual and file.is_file())
    if len(others) > 1:
        found = ", ".join(file.name for file in others)
        raise ReadError(path, None, f"duplicate files of split {split!r} ({found}); keep one of them")
    if others:
        return others[0]
    wanted = " or ".join(names.get(split, ())) or f"no native file is known for split {split!r}"
    raise MissingSplit(path, None, f"split {split!r} not found (looked for: {wanted})")


def describe_no_text(start: bytes) -> str:
    """Return the form of a file that cannot be text, and its remedy; "" for any other.

    Args:
        start: Its first NO_TEXT_BYTES bytes.

    >>> describe_no_text(b"\\x1f\\x8b\\x08\\x00")
    'compressed by gzip; decompress the file'
    """
    return next((form for mark, form in _NO_TEXT.items() if start.startswith(mark)), "")


def check_text(path: Path) -> None:
    """Raise a ReadError if a file cannot be text, by its first bytes."""
    with path.open("rb") as file:
        form = describe_no_text(file.read(NO_TEXT_BYTES))
    if form:
        raise ReadError(path, 1, f"not UTF-8 but {form}")


def utf8_lines(path: Path, counts: Counter[str] | None = None) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file without byte order mark and line ends, numbered from 1.

    Args:
        counts: Gets how many lines end in CRLF, e.g. because the file was copied on Windows.

    Raises:
        ReadError: A line is not UTF-8, or not shorter than `LONGEST`.
    """
    counts = Counter() if counts is None else counts
    check_text(path)
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
        ReadError: See `array_records`.
    """
    return enumerate(record for _, record in array_records(path))


def array_records(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the records of a file that is one JSON array, streamed, each with the number of its first line, from 1.

    Raises:
        ReadError: The file is not one complete JSON array with a record in it.
    """
    return _streamed(path, b"[", "expected one JSON array of records", array_values)


def json_groups(path: Path) -> Iterator[tuple[str, object]]:
    """Yield name and record of a file that is one JSON object with a list of records under each name, streamed.

    Raises:
        ReadError: The file is not one complete object of lists.
    """
    expected = "expected one JSON object with a list of records under each name"
    return _streamed(path, b"{", expected, lambda file, _: grouped_values(file))


def _streamed(
    path: Path, opening: bytes, expected: str, values: Callable[[BinaryIO, int], Iterator[_T]]
) -> Iterator[_T]:
    """Yield the values of a JSON file after its opening bracket; `values` gets the file and the bracket's line."""
    number = 0
    check_text(path)
    with path.open("rb") as file:
        found, line = _read_opening(file)
        if found != opening:
            raise ReadError(path, None, expected)
        try:
            for value in values(file, line):
                yield value
                number += 1
        except (ValueError, RecursionError) as error:
            problem = f"not valid JSON ({error}); is the file truncated?"
            raise ReadError(path, f"record {number}", problem) from None


def is_json_array(path: Path) -> bool:
    """Return whether a file begins as a JSON array, white space and byte order mark aside."""
    with path.open("rb") as file:
        return _read_opening(file)[0] == b"["


def json_values(path: Path) -> Iterator[tuple[int | str, object]]:
    """Yield the records of one JSON array or of JSON Lines, each with its place for messages.

    Raises:
        ReadError: See `json_records` and `json_lines`.
    """
    with path.open("rb") as file:
        is_lines = _read_opening(file)[0] == b"{"
    if not is_lines:
        yield from ((f"record {number}", record) for number, record in json_records(path))
    else:
        yield from json_lines(path)


def _read_opening(file: BinaryIO) -> tuple[bytes, int]:
    """Read up to the first byte that is neither byte order mark nor white space; return it and its line, from 1."""
    line = 1
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    while (opening := file.read(1)).isspace():
        line += opening == b"\n"
    return opening, line


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
