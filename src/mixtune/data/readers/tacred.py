"""TACRED (LDC2018T24): one JSON array per split, one record per (sentence, subject, object).

`subj_end` and `obj_end` are inclusive. The object often precedes the subject, and a mention's surface may
occur several times in the sentence: only the token indices identify the one that is meant. Brackets, quotes and
slashes are escaped the Penn Treebank way. Labels hold `:` and `/`, so they are no file names.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict, cast

from ..example import Example, ReadError, Span
from ..mentions import is_overlap
from .parsing import join_tokens, json_records, native_file

FILES = {"train": ("train.json",), "validation": ("dev.json",), "test": ("test.json",)}

_PLAIN = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
    "`": "'",
    r"\/": "/",
    r"\*": "*",
}
# Searched inside tokens as well: the tokenizer leaves smileys and URLs in one piece (`:-RRB-`).
_ESCAPE = re.compile("|".join(re.escape(escape) for escape in sorted(_PLAIN, key=len, reverse=True)))


class _Record(TypedDict):
    id: str
    token: list[str]
    relation: str
    subj_type: str
    obj_type: str


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per record, the subject as head, the object as tail, in plain characters.

    Counted: `examples with Penn Treebank escapes`, `mentions overlap`, and `record id seen before` (the
    example's id then ends in `#2`, `#3`, … in file order).

    Raises:
        ReadError: A record lacks a key, has a value of the wrong type or an index outside its tokens.
    """
    path = native_file(path, split, FILES)
    seen: Counter[str] = Counter()
    for number, value in json_records(path):
        record = cast(_Record, value)
        try:
            example, escaped = _example(record, split, seen)
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(path, f"record {number}", f"not a TACRED record ({error!r})") from error
        counts["examples with Penn Treebank escapes"] += escaped
        head, tail = (example.head_start, example.head_end), (example.tail_start, example.tail_end)
        counts["mentions overlap"] += is_overlap(head, tail)
        counts["record id seen before"] += seen[record["id"]] > 1
        yield example


def _example(record: _Record, split: str, seen: Counter[str]) -> tuple[Example, bool]:
    """Return the example of one record, and whether its tokens held escapes."""
    tokens = record["token"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise TypeError("token must be a list of strings")
    for key in ("id", "relation", "subj_type", "obj_type"):
        if not isinstance(record[key], str) or not record[key].strip():
            raise TypeError(f"{key} is empty or not a string")
    escaped = _ESCAPE.search("\n".join(tokens)) is not None  # one search per record: most have none
    plain = [_ESCAPE.sub(lambda match: _PLAIN[match[0]], token) for token in tokens] if escaped else tokens
    text, spans = join_tokens(plain)
    seen[record["id"]] += 1
    repeat = f"#{seen[record['id']]}" if seen[record["id"]] > 1 else ""
    example = Example.at(
        text,
        _span(record, "subj", spans),
        _span(record, "obj", spans),
        benchmark="tacred",
        split=split,
        key=f"{record['id']}{repeat}",
        relation=record["relation"],
        head_type=record["subj_type"],
        tail_type=record["obj_type"],
    )
    return example, escaped


def _span(record: Mapping[str, object], role: str, spans: list[Span]) -> Span:
    """Return the character span of the tokens `{role}_start` to `{role}_end` (inclusive)."""
    first, last = record[f"{role}_start"], record[f"{role}_end"]
    # Python would take -1, or True, as an index.
    if type(first) is not int or type(last) is not int:
        raise TypeError(f"{role}_start or {role}_end is not an integer")
    if not 0 <= first <= last < len(spans):
        raise ValueError(f"{role} {first}..{last} is outside the {len(spans)} tokens")
    return spans[first][0], spans[last][1]
