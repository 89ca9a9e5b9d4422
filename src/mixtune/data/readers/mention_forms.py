"""Forms in which files give mentions: lists of tokens with positions, starts without ends, markers in the text.

Functions from the values of a record to its text and the character offsets of its mentions. Well-known forms are
recognised by the names of their fields; a benchmark's `columns` and `markers` describe any other.
"""

import json
import re
import reprlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..example import Span
from .parsing import ABSENT, join_tokens, nested

Markers = Mapping[str, Sequence[str]]  # of head and tail: the opening and the closing one, or one placeholder

SIDES = ("head", "tail")
OFFSETS = ("head_start", "head_end", "tail_start", "tail_end")
STARTS = ("head_start", "tail_start")
POSITIONS = ("head_span", "tail_span")

_OPENNRE = {"head": "h.name", "tail": "t.name", "head_span": "h.pos", "tail_span": "t.pos", "relation": "relation"}
# Our names of columns to the fields of a form. A record with `text` has positions in characters, one with tokens has
# positions in tokens.
FORMS: Mapping[str, Mapping[str, str]] = {
    "OpenNRE (positions in tokens)": {"tokens": "token", **_OPENNRE},
    "OpenNRE (positions in characters)": {"text": "text", **_OPENNRE},
    "FewRel": {
        "tokens": "tokens",
        "head": "h.0",
        "tail": "t.0",
        "head_span": "h.2",
        "tail_span": "t.2",
        "relation": "relation",
    },
    "DeepKE": {
        "text": "sentence",
        "head": "head",
        "tail": "tail",
        "head_start": "head_offset",
        "tail_start": "tail_offset",
        "relation": "relation",
    },
}
FEWREL = "FewRel"

_GROUPED = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*(?=\{)')
_START = 2**16  # characters of a file in which the first record of an object of lists must end


class RejectedRecord(ValueError):
    """A record without exactly one pair of markers per mention; it is counted, and the next one follows."""


def required_columns(named: Collection[str], *, markers: bool = False) -> list[str]:
    """Return our names of the columns that a table must have, given those that are named.

    >>> required_columns(["text", "relation", "head_start"])
    ['text', 'relation', 'head_start', 'head_end', 'tail_start', 'tail_end']
    """
    required = ["tokens" if "tokens" in named else "text", "relation"]
    offsets = [name for name in OFFSETS if name in named]
    if markers:
        return required
    if any(name in named for name in POSITIONS):
        return [*required, *POSITIONS]
    if offsets == [*STARTS] and "tokens" not in named and all(side in named for side in SIDES):
        return [*required, *SIDES, *STARTS]
    return [*required, *(OFFSETS if offsets else SIDES)]


def conflicting_columns(named: Collection[str], *, markers: bool = False) -> list[str]:
    """Return the named columns that exclude each other: two texts, or two ways to give mentions.

    >>> conflicting_columns(["tokens", "relation", "head_span", "tail_span", "head_start"])
    ['head_start', 'head_span', 'tail_span']
    """
    texts, *ways = (
        [name for name in names if name in named] for names in (("text", "tokens"), OFFSETS, POSITIONS, SIDES)
    )
    if len(texts) > 1:
        return texts
    located = [name for way in ways[:2] for name in way]
    if markers:
        return located + ways[2]
    return located if all(ways[:2]) else []


def recognise(fields: Collection[str], without: Collection[str] = ()) -> str | None:
    """Return the well-known form of a record by the names of its fields, or None.

    Args:
        without: Our names of columns that the record need not have.

    Raises:
        ValueError: It has a text and tokens, and its positions may be of either.

    >>> recognise(["token", "h", "t", "relation"])
    'OpenNRE (positions in tokens)'
    """
    found = [
        form
        for form, columns in FORMS.items()
        if {path.partition(".")[0] for name, path in columns.items() if name not in without} <= set(fields)
    ]
    if len(found) > 1:
        names = " and ".join(FORMS[form].get("tokens") or FORMS[form]["text"] for form in found)
        raise ValueError(f"the fields {names} may both be the text that positions refer to")
    return found[0] if found else None


def is_grouped(path: Path) -> bool:
    """Return whether a file is in FewRel's form: one JSON object, with a list of records for each label."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = file.read(_START)
    match = _GROUPED.match(start)
    try:
        record = json.JSONDecoder().raw_decode(start, match.end())[0] if match else {}
    except (ValueError, RecursionError):
        return False
    return recognise(record, without=["relation"]) == FEWREL


def plain_record(record: Mapping[str, object]) -> dict[str, object]:
    """Return text, head, tail and offsets of a record in a well-known form, relation or not; {} of any other.

    Raises:
        ValueError: The form is ambiguous, or a position is none of its text.
    """
    form = recognise(record, without=["relation"])
    if form is None:
        return {}
    found = {name: nested(record, path) for name, path in FORMS[form].items() if name != "relation"}
    return resolve({name: None if value is ABSENT else value for name, value in found.items()}, None, Counter())


def resolve(values: Mapping[str, object], markers: Markers | None, counts: Counter[str]) -> dict[str, object]:
    """Return the values of a record with text and character offsets in place of tokens, positions and markers.

    A mention that differs from the tokens at its position in case or white space alone is taken from the text.

    Args:
        values: By our names of columns.
        counts: Gets the mentions that differ.

    Raises:
        RejectedRecord: A marker is missing, a duplicate, nested, or there is no mention between two.
        ValueError: The tokens are none, or a position is none of them.
    """
    resolved, units = dict(values), None
    if "tokens" in resolved:
        resolved["text"], units = _join(resolved.pop("tokens"))
    for side in SIDES:
        if f"{side}_span" in resolved:
            span = _parse_position(resolved.pop(f"{side}_span"), units is not None)
        elif units is not None and f"{side}_start" in resolved:
            span = _parse_position([resolved[f"{side}_start"], resolved[f"{side}_end"]], in_tokens=True)
        else:
            continue
        if units is not None:
            span = _in_characters(span, units)
        resolved |= {f"{side}_start": span[0], f"{side}_end": span[1]}
        given, text = resolved.get(side), str(resolved["text"])[slice(*span)]
        if units is not None and isinstance(given, str) and given != text and _letters(given) == _letters(text):
            counts["mention spelt otherwise than its tokens"] += 1
            resolved[side] = text
    if markers:
        text = resolved["text"]
        if not isinstance(text, str):
            raise ValueError(f"the text is {reprlib.repr(text)}, not a string")
        resolved["text"], head, tail = strip_markers(text, markers)
        resolved |= dict(zip(OFFSETS, (*head, *tail), strict=True))
    return resolved


def strip_markers(text: str, markers: Markers) -> tuple[str, Span, Span]:
    """Return a text without its markers and the white space inside them, and the spans of head and tail.

    A placeholder, which is a single marker, is the mention and stays in the text.

    Raises:
        RejectedRecord: See `resolve`.

    >>> strip_markers("<< Aspirin >> inhibits [[ COX ]] .", {"head": ["<<", ">>"], "tail": ["[[", "]]"]})
    ('Aspirin inhibits COX .', (0, 7), (17, 20))
    """
    expected = [*markers["head"], *markers["tail"]]
    longest_first = sorted({*expected}, key=len, reverse=True)
    found = list(re.finditer("|".join(map(re.escape, longest_first)), text))
    order = [match.group() for match in found]
    sides = SIDES if order == expected else SIDES[::-1]
    if order not in (expected, [*markers["tail"], *markers["head"]]):
        raise RejectedRecord(_describe_order(order, expected))
    stripped, position, matches = "", 0, iter(found)
    spans: dict[str, Span] = {}
    for side in sides:
        opening = closing = next(matches)
        mention = opening.group()
        if len(markers[side]) > 1:
            closing = next(matches)
            mention = text[opening.end() : closing.start()].strip()
        if not mention:
            raise RejectedRecord("no mention between the markers")
        stripped += text[position : opening.start()]
        spans[side] = (len(stripped), len(stripped) + len(mention))
        stripped, position = stripped + mention, closing.end()
    return stripped + text[position:], spans["head"], spans["tail"]


def _describe_order(order: Sequence[str], expected: Sequence[str]) -> str:
    found, wanted = Counter(order), Counter(expected)
    if wanted - found:
        return f"marker missing: {', '.join(sorted(wanted - found))}"
    if found - wanted:
        return f"marker found too often: {', '.join(sorted(found - wanted))}"
    return "markers nested or out of order"


def _join(tokens: object) -> tuple[str, list[Span]]:
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"the tokens are {reprlib.repr(tokens)}, not a list of strings")
    return join_tokens(tokens)


def _parse_position(position: object, in_tokens: bool) -> Span:
    """Return first and exclusive last place of `[start, end]`, or of the first list of token indices in a list."""
    match position:
        case [[int(start), *_] as indices, *_] if in_tokens and type(start) is int:
            if [*indices] == [*range(start, start + len(indices))]:
                return start, start + len(indices)
        case [int(start), int(end)] if bool not in (type(start), type(end)):
            return start, end
    expected = "[start, end] or [[index, next index, …]]" if in_tokens else "[start, end]"
    raise ValueError(f"a position is {reprlib.repr(position)}, expected {expected}")


def _in_characters(span: Span, units: Sequence[Span]) -> Span:
    start, end = span
    if span == (-1, -1):
        return span
    if not 0 <= start < end <= len(units):
        raise ValueError(f"a mention is at {start}:{end}, not a span of {len(units)} tokens")
    return units[start][0], units[end - 1][1]


def _letters(text: str) -> str:
    return "".join(text.casefold().split())
