"""What happens to files: one change per file, to a record's values, its cells, the columns or the bytes."""

import copy
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import pyarrow as pa

from .formats import Format, cell, parquet_columns, table, written

HALF = "half of a pair\ud83d"
WORDS = HALF[:-1]  # a reader that lets these words through has put something else for the half pair
LONG = "long " * 40_000  # more than the 131,072 characters that the csv module takes of itself
OTHERS = ("x", 7, 1.5, True, [], {}, ["x"], {"x": 1}, float("nan"), 10**400)
# Below, near and beyond what Python's recursion takes; and a number that Python does not read.
HUGE = (*(written(depth, "brackets") for depth in (500, 900, 20_000)), written(5_000, "digits"))
LITERALS = ("[", "[{}]", "[None]", "{}", "0", "__import__('os').getcwd()", "[" * 3_000, "'\\ud800'", "[1,")
CHARACTERS = ('"', '""', "\n", "\r", "\0", ",", "x", "\ufeff", "\u2028", "_", "###END###")
BYTES = b"\"'\\{}[],:\t\n\r \0\xff\xc3\x80\xed<>#_0n"
LOST, TWICE = object(), object()


@dataclass(frozen=True)
class Mutant:
    """A file with one change.

    Attributes:
        changed: The records that may read otherwise than before.
        due: How many of these must be accounted for, as examples or by a reason.
        broken: Whether the file must be refused, or the change be counted.
        moved: Whether records may be at other places.
        native: The changed record, where the change is in the values of one.
    """

    what: str
    data: bytes
    changed: frozenset[int] = frozenset()
    due: int = 0
    broken: bool = False
    moved: bool = False
    native: dict[str, Any] | None = None


Natives = Sequence[dict[str, Any]]


def mutant(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    """A file of these records with one change, drawn at random."""
    kinds = [_value, _value, _value, _bytes, _lines]
    if format.kind == "parquet":
        kinds = [_value, _value, _column, _bytes]
    elif format.delimiter and format.columns:
        kinds.append(_header)
    found = draw.choice(kinds)(format, natives, draw)
    before, after = (re.sub(b'[^"\n]', b"", data) for data in (b"".join(format.pieces(natives)), found.data))
    if format.delimiter == "," and found.native is None and found.changed and before != after:
        # With a quotation mark more or less, a cell may hold the records behind it, and that is good CSV.
        found = replace(found, changed=frozenset(range(min(found.changed), len(natives))), due=min(found.due, 1))
    return replace(found, moved=before.count(b"\n") != after.count(b"\n") or found.moved)


# Values


def _value(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    place = draw.randrange(len(natives))
    native = copy.deepcopy(natives[place])
    path = draw.choice([*_paths(native)])
    *above, last = path
    parent: Any = native
    for step in above:
        parent = parent[step]
    changes = _cell_changes if format.kind in ("cells", "parquet") and not above else _changes
    what, broken, new = draw.choice([*changes(format, path, parent[last], draw)])
    if new is LOST:
        del parent[last]
    elif new is not TWICE:
        parent[last] = new
    elif isinstance(parent, list):
        parent.insert(last, parent[last])
    else:
        parent["another"] = "x"
    data = b"".join(format.pieces([*natives[:place], native, *natives[place + 1 :]]))
    return Mutant(f"{what}: {'.'.join(map(str, path))}", data, frozenset({place}), 1, broken, native=native)


def _paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, step)
        yield from _paths(value[step], (*path, step))


def _changes(format: Format, path: tuple, value: Any, draw: random.Random) -> Iterator[tuple[str, bool, Any]]:
    """Changes of a value of JSON or of a Python literal: what, whether it breaks the record, the new value."""
    names = [step for step in path if isinstance(step, str)]
    read = not format.ignored & {*names}
    typed = read and names[-1] not in format.loose
    needed = typed and names[-1] not in format.optional
    yield "missing", needed and path[-1] == names[-1], LOST
    yield "twice, or another key", False, TWICE
    yield "null", needed, None
    mine = str if value is None else type(value)
    yield "wrong type", typed, draw.choice([other for other in OTHERS if type(other) is not mine])
    yield "huge value", typed, draw.choice(HUGE)
    yield "list around it", typed, [value]
    if isinstance(value, str):
        blank = read and names[-1] in format.filled
        yield "empty", blank, ""
        yield "white space", blank, draw.choice((" ", "\n\t", "\u00a0", "\x1f"))
        yield "half a surrogate pair", False, value + HALF
        yield "another text", False, draw.choice(("x", value + "x", value[1:], f" {value} ", "\0", LONG))
    if type(value) is int:
        yield "negative", typed and value >= 0, draw.choice((-1, -2, -value - 1, -(10**9)))
        yield "beyond all bounds", typed and format.bounded, draw.choice((10**6, 2**31, 2**63, 10**30))
        yield "off by one", False, value + draw.choice((-1, 1))
        yield "digits", typed, str(value)
        yield "fraction", typed, draw.choice((float(value), value + 0.5))
        yield "truth value", typed, bool(value)


def _cell_changes(format: Format, path: tuple, value: Any, draw: random.Random) -> Iterator[tuple[str, bool, Any]]:
    """Changes of a cell."""
    blank = path[0] in format.filled
    yield "empty", blank, "" if format.delimiter else None
    yield "white space", blank, draw.choice((" ", "\u00a0", "\x1f"))
    if format.delimiter:
        yield "cell missing", True, LOST
        yield "another cell", True, TWICE
        yield "half a surrogate pair", True, HALF
    text = cell(value)
    at = draw.randrange(len(text) + 1)
    if format.delimiter == "\t":
        yield "TAB inside", True, f"{text[:at]}\t{text[at:]}"
    put = draw.choice(CHARACTERS)
    yield "another text", False, draw.choice((text[:at] + put + text[at:], text[:at], text[at:], "7", LONG))
    if isinstance(value, list):
        yield "another literal", False, draw.choice(LITERALS)
    for tag in re.finditer("</?e[12]>", text):
        start, end = tag.span()
        yield "tag missing", True, text[:start] + text[end:]
        yield "tag twice", True, text[:end] + text[start:]


# Columns


def _header(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    """A change of the first line of a CSV or TSV file."""
    names = [*format.columns]
    place, other = draw.sample(range(len(names)), 2)
    name = names[place]
    read = name not in format.ignored
    what = draw.choice(("no name for a column", "another name", "two columns of a name"))
    broken = what == "no name for a column" or (read and not (what == "another name" and name in format.optional))
    if what == "no name for a column":
        del names[place]
    elif what == "another name":
        names[place] = "renamed"
    else:
        names[other] = name
    everything = frozenset(range(len(natives)))
    data = format.delimiter.join(names).encode() + b"\n" + b"".join(format.pieces(natives)[1:])
    return Mutant(f"{what}: {name}", data, everything, len(natives), broken)


def _column(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    """A change of a column of a parquet file."""
    columns, size = parquet_columns(natives), len(natives)
    names = [*columns]
    place, other = draw.sample(range(len(names)), 2)
    name = names[place]
    read = name not in format.ignored
    no_utf8 = pa.array([b"\xff"] * size, pa.binary())
    what, broken, column = draw.choice(
        (
            ("column missing", read and name not in format.optional, None),
            ("another name", read and name not in format.optional, "renamed"),
            ("two columns of a name", read, name),
            ("nulls", read and name not in format.optional, pa.nulls(size, pa.string())),
            ("nulls without a type", read and name not in format.optional, pa.nulls(size)),
            ("integers", read, pa.array(range(size))),
            ("fractions", read, pa.array([0.5] * size)),
            ("truth values", read, pa.array([True] * size)),
            ("lists", read, pa.array([["x"]] * size)),
            ("structures", read, pa.array([{"x": "x"}] * size)),
            ("bytes", read, no_utf8),
            ("strings that are no UTF-8", read, pa.Array.from_buffers(pa.string(), size, no_utf8.buffers())),
            ("large strings", False, columns[name].cast(pa.large_string())),
            ("a dictionary", False, columns[name].dictionary_encode()),
        )
    )
    if column is None:
        del columns[name]
        del names[place]
    elif isinstance(column, str):
        names[place if column == "renamed" else other] = column
    else:
        columns[name] = column
    return Mutant(f"{what}: {name}", table(columns, names), frozenset(range(size)), size, broken)


# Bytes


def _bytes(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    """A file cut off, or with another byte."""
    data, spans = _layout(format, natives)
    at = draw.randrange(len(data))
    what = draw.choice(("cut off", "another byte", "byte missing", "byte too many"))
    if what == "cut off":
        left = data[:at]
        changed = {place for place, (start, end) in spans.items() if len(data[start:end].rstrip()) > at - start}
        due = any(left[start:].strip() for place, (start, _) in spans.items() if place in changed)
        broken = (format.kind in ("array", "parquet") and data[at:].strip()) or not left[spans[0][0] :].strip()
        return Mutant(f"{what}: {at}", left, frozenset(changed), int(due), bool(broken))
    byte = bytes([draw.choice((draw.choice(BYTES), draw.randrange(256)))])
    mutated = data[:at] + (b"" if what == "byte missing" else byte) + data[at + (what != "byte too many") :]
    near = {place for place, (start, end) in spans.items() if start - 1 <= at <= end}
    if format.kind == "parquet":  # which has no checksums: a value may be another, or the count of the rows
        return Mutant(f"{what}: {at}", mutated, frozenset(spans))
    if format.columns and format.delimiter and at <= spans[0][0]:
        near = {*spans}
    return Mutant(f"{what}: {at}", mutated, frozenset(near), len(near))


def _lines(format: Format, natives: Natives, draw: random.Random) -> Mutant:
    """A file with other lines, or other line ends."""
    data, spans = _layout(format, natives)
    everything = frozenset(spans)
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
    starts = [0, *accumulate(map(len, lines))]
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))

    def owners(line: int) -> set[int]:
        """The records that have a part in a line; all, if it is the header."""
        if format.columns and format.delimiter and line == 0:
            return {*spans}
        return {place for place, (start, end) in spans.items() if start < starts[line + 1] and starts[line] < end}

    def inside(line: int) -> set[int]:
        return {place for place, span in spans.items() if starts[line] <= span[0] and span[1] <= starts[line + 1]}

    def joined(order: Sequence[int]) -> bytes:
        return b"".join(lines[line] for line in order)

    inner = everything if format.delimiter == "," else frozenset()  # there are line ends within records
    order = [*range(len(lines))]
    mine, header = owners(one), bool(format.columns and format.delimiter) and one == 0
    boundary = draw.choice([end for _, end in spans.values()])
    swapped = [{one: other, other: one}.get(line, line) for line in order]
    missing, twice = joined(order[:one] + order[one + 1 :]), joined(order[: one + 1] + order[one:])
    return draw.choice(
        (
            Mutant(f"line missing: {one}", missing, frozenset(mine), len(mine - inside(one)), header, moved=True),
            Mutant(f"line twice: {one}", twice, frozenset(() if header else mine), 0 if header else 1, moved=True),
            Mutant(f"lines swapped: {one}, {other}", joined(swapped), frozenset(mine | owners(other)), 1, moved=True),
            Mutant(f"blank line: {boundary}", data[:boundary] + b"\n" + data[boundary:], moved=True),
            Mutant("CRLF", data.replace(b"\n", b"\r\n"), inner, len(inner)),
            Mutant("CR", data.replace(b"\n", b"\r"), everything, len(spans)),
            Mutant("byte order mark", b"\xef\xbb\xbf" + data),
            Mutant("UTF-16", data.decode().encode("utf-16"), everything, broken=True),
            Mutant("rubbish behind", data + b"rubbish\n", frozenset({len(natives) - 1}), 1, broken=True),
            Mutant("empty", draw.choice((b"", b"\n", b" \n\n")), everything, broken=True),
        )
    )


def _layout(format: Format, natives: Natives) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """A file, and the span of bytes of each record; of all of them in a binary file."""
    pieces = format.pieces(natives)
    if len(pieces) == 1:
        return pieces[0], dict.fromkeys(range(len(natives)), (0, len(pieces[0])))
    ends = [*accumulate(map(len, pieces))]
    return b"".join(pieces), {place: (ends[place], ends[place + 1]) for place in range(len(natives))}
