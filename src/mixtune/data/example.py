"""What every reader yields, and the few things that all readers need."""

import codecs
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UserError

SPLITS = ("train", "validation", "test")
LONGEST = 2**24  # bytes of a line, characters of a record in an array: what goes on longer is a broken file

_BLOCK = 2**16  # bytes of a JSON array that are read at a time
_DECODER = json.JSONDecoder()
_MARK = re.compile(r"[ \t\n\r]*(.?)", re.DOTALL)


class ReadError(UserError, ValueError):
    """A native file cannot be read; the message names file, record and remedy, and is never long."""

    def __init__(self, path: Path, where: int | str | None, problem: str):
        if len(problem) > 400:  # the remedy stands at the end
            problem = f"{problem[:300]} … {problem[-90:]}"
        problem = problem.encode("utf-8", "backslashreplace").decode()
        super().__init__(f"{path}{'' if where is None else f':{where}'}: {problem}")


class MissingSplit(ReadError):
    """The folder holds no file of the split that was asked for."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text with a head and a tail entity and one gold relation.

    Attributes:
        id: Stable across runs and machines: `benchmark/split/native id`, and the pair or triple
            where one text gives several.
        head_start: Character offset of the head in `text`; `head_end` is exclusive. Both are -1 where
            the mention is not in the text. The same holds for the tail.
        head_type: Entity type as the benchmark spells it, or "".
        relation: Never empty.
        group: What must not be divided between splits (sentence, pair, document, book).
    """

    id: str
    benchmark: str
    split: str
    text: str
    head: str
    tail: str
    head_start: int
    head_end: int
    tail_start: int
    tail_end: int
    head_type: str
    tail_type: str
    relation: str
    group: str

    def __post_init__(self) -> None:
        for name in ("id", "text", "head", "tail", "relation", "group"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is empty")
        strings = (self.text, self.head, self.tail, self.head_type, self.tail_type, self.relation, self.id, self.group)
        "".join(strings).encode()  # half a surrogate pair (`\\ud83d` in JSON) can be written to no file
        for mention, start, end in (
            (self.head, self.head_start, self.head_end),
            (self.tail, self.tail_start, self.tail_end),
        ):
            if (start, end) == (-1, -1):
                continue
            if type(start) is not int or type(end) is not int:  # Python would take true for 1
                raise ValueError(f"offsets {start!r}:{end!r} are not whole numbers")
            if not 0 <= start < end <= len(self.text) or self.text[start:end] != mention:
                raise ValueError(f"mention {mention!r} is not at {start}:{end} of the text")


def text_group(text: str) -> str:
    """A group shared by equal texts (case and white space aside), for benchmarks divided by sentence."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]


def native_file(folder: Path, split: str, names: dict[str, tuple[str, ...]]) -> Path:
    """The first of `names[split]` that exists in `folder`.

    Raises:
        MissingSplit: None does, or the format has no such split.
    """
    for name in names.get(split, ()):
        if (folder / name).is_file():
            return folder / name
    wanted = " or ".join(names.get(split, ())) or f"no native file is known for split {split!r}"
    raise MissingSplit(folder, None, f"split {split!r} not found (looked for: {wanted})")


def utf8_lines(path: Path, counts: Counter[str] | None = None) -> Iterator[tuple[int, str]]:
    """Lines of a UTF-8 file without byte order mark and line ends, numbered from 1.

    Args:
        counts: Gets how many lines end in CRLF, as copies that went through Windows do.

    Raises:
        ReadError: A line is not UTF-8, or not shorter than `LONGEST`.
    """
    counts = Counter() if counts is None else counts
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            if len(line) == LONGEST:
                raise ReadError(path, number, f"a line of more than {LONGEST:,} bytes; expected one record a line")
            if line.endswith(b"\r\n"):
                counts["lines that end in CRLF"] += 1
            try:
                yield number, line.decode("utf-8" if number > 1 else "utf-8-sig").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ReadError(path, number, f"not UTF-8 ({error.reason}); convert the file to UTF-8") from None


def json_records(path: Path) -> Iterator[tuple[int, Any]]:
    """Records of a file that is one JSON array, streamed and numbered from 0.

    Raises:
        ReadError: The file is not one whole JSON array with a record in it.
    """
    number = -1
    with path.open("rb") as file:
        first = file.read(1)
        while first.isspace():
            first = file.read(1)
        if first != b"[":
            raise ReadError(path, None, "expected one JSON array of records")
        try:
            for number, record in enumerate(_array(file)):
                yield number, record
        except (ValueError, RecursionError) as error:
            where = f"record {number + 1}"
            raise ReadError(path, where, f"not valid JSON ({error}); is the file truncated?") from None


def _array(file: BinaryIO) -> Iterator[Any]:
    """Values of a JSON array whose opening bracket has been read; one that is broken is a ValueError."""
    text, mark = _Text(file), ","
    while mark == ",":
        yield text.take(_value)
        mark = text.take(_mark)
    if mark != "]" or text.take(_mark):
        raise ValueError("expected a comma or the one closing bracket behind a record")


def _value(text: str, at: int) -> tuple[Any, int]:
    at = _MARK.match(text, at).start(1)
    if text.startswith("]", at):
        raise ValueError("no record before the closing bracket")
    return _DECODER.raw_decode(text, at)


def _mark(text: str, at: int) -> tuple[str, int]:
    """The next character that is not white space, or "" at the end of the text, and where it ends."""
    found = _MARK.match(text, at)
    return found[1], found.end()


class _Text:
    """The text of a UTF-8 file, held only from where it is being read.

    ijson would do this, but turns half a surrogate pair into `?`, with the escape behind it, and takes memory by
    the square of the depth: 200 kB of opening brackets end the process.
    """

    def __init__(self, file: BinaryIO):
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._broken = "", 0, None

    def take(self, parse: Callable[[str, int], tuple[Any, int]]) -> Any:
        """What `parse` finds next. What reaches to the end of the text may go on, so that more is read first."""
        while True:
            try:
                (value, end), problem = parse(self._text, self._at), None
            except json.JSONDecodeError as error:
                end, problem = len(self._text), ValueError(error.msg)
            if end == len(self._text) and self._more():
                continue
            if problem:
                raise problem
            self._at = end
            return value

    def _more(self) -> bool:
        """Put more of the file behind what is not yet taken; False where there is no more."""
        if self._broken:
            raise self._broken
        left = self._text[self._at :]
        if len(left) > LONGEST:
            raise ValueError(f"more than {LONGEST:,} characters")
        block = self._file.read(max(_BLOCK, len(left)))
        try:
            more = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:  # told when the records before it are read
            more, self._broken = error.object[: error.start].decode(), ValueError(f"not UTF-8: {error.reason}")
        self._text, self._at = left + more, 0
        return bool(block or self._broken)


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Objects of a JSON Lines file, numbered by line from 1; blank lines are passed over.

    Raises:
        ReadError: A line is not valid JSON, or there is none.
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


def join_tokens(tokens: Iterable[str]) -> tuple[str, list[tuple[int, int]]]:
    """Tokens joined by blanks, with each token's character span (end exclusive) in the result."""
    tokens = list(tokens)
    ends = accumulate(len(token) + 1 for token in tokens)
    spans = [(end - len(token) - 1, end - 1) for token, end in zip(tokens, ends, strict=True)]
    return " ".join(tokens), spans


def occurrences(text: str, mention: str) -> list[tuple[int, int]]:
    """Spans of all occurrences of `mention` in `text`, from left to right, overlapping ones included."""
    spans, start = [], text.find(mention) if mention else -1
    while start != -1:
        spans.append((start, start + len(mention)))
        start = text.find(mention, start + 1)
    return spans


def locate(text: str, head: str, tail: str, counts: Counter[str]) -> tuple[int, int, int, int]:
    """Offsets of two mentions in a text whose format gives none: the first pair that does not overlap.

    A mention that is not there has offsets -1, -1. Counted: `mention not found` and `mention found more
    than once`, once a mention.

    Returns:
        head_start, head_end, tail_start, tail_end.
    """
    found = []
    for mention in (head, tail):
        spans = occurrences(text, mention)
        if len(spans) != 1:
            counts["mention found more than once" if spans else "mention not found"] += 1
        found.append(spans or [(-1, -1)])
    pairs = ((h, t) for h in found[0] for t in found[1])
    for h, t in pairs:
        if h == (-1, -1) or t == (-1, -1) or h[1] <= t[0] or t[1] <= h[0]:
            return *h, *t
    counts["mentions overlap"] += 1
    return *found[0][0], *found[1][0]
