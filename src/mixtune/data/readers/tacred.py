"""TACRED (LDC2018T24): one JSON array a split, one record a (sentence, subject, object).

`subj_end` and `obj_end` are inclusive. The object often precedes the subject, and a mention's surface may
stand in the sentence several times: only the token indices tell which one is meant. Brackets, quotes and
slashes are escaped the Penn Treebank way. Labels hold `:` and `/`, so they are no file names.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..example import Example, ReadError, join_tokens, json_records, native_file, text_group

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


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a record, the subject as head, the object as tail, in plain characters.

    Counted: `examples with Penn Treebank escapes`, `mentions overlap`, and `record id seen before` (the
    example's id then ends in `#2`, `#3`, … in file order).

    Raises:
        ReadError: A record lacks a key, has a value of the wrong type or an index outside its tokens.
    """
    path = native_file(folder, split, FILES)
    seen: Counter[str] = Counter()
    for number, record in json_records(path):
        try:
            example, escaped = _example(record, split, seen)
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(path, f"record {number}", f"not a TACRED record ({error!r})") from error
        counts["examples with Penn Treebank escapes"] += escaped
        counts["mentions overlap"] += example.head_start < example.tail_end and example.tail_start < example.head_end
        counts["record id seen before"] += seen[record["id"]] > 1
        yield example


def _example(record: Any, split: str, seen: Counter[str]) -> tuple[Example, bool]:
    """The example of one record, and whether its tokens held escapes."""
    tokens = record["token"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise TypeError("token is not a list of strings")
    for key in ("id", "relation", "subj_type", "obj_type"):
        if not isinstance(record[key], str) or not record[key].strip():
            raise TypeError(f"{key} is empty or not a string")
    escaped = _ESCAPE.search("\n".join(tokens)) is not None  # one search a record: most have none
    plain = [_ESCAPE.sub(lambda match: _PLAIN[match[0]], token) for token in tokens] if escaped else tokens
    text, spans = join_tokens(plain)
    head_start, head_end = _characters(record, "subj", spans)
    tail_start, tail_end = _characters(record, "obj", spans)
    seen[record["id"]] += 1
    repeat = f"#{seen[record['id']]}" if seen[record["id"]] > 1 else ""
    example = Example(
        id=f"tacred/{split}/{record['id']}{repeat}",
        benchmark="tacred",
        split=split,
        text=text,
        head=text[head_start:head_end],
        tail=text[tail_start:tail_end],
        head_start=head_start,
        head_end=head_end,
        tail_start=tail_start,
        tail_end=tail_end,
        head_type=record["subj_type"],
        tail_type=record["obj_type"],
        relation=record["relation"],
        group=text_group(text),
    )
    return example, escaped


def _characters(record: dict[str, Any], role: str, spans: list[tuple[int, int]]) -> tuple[int, int]:
    """Character span (end exclusive) of the tokens `{role}_start` to `{role}_end` (inclusive)."""
    first, last = record[f"{role}_start"], record[f"{role}_end"]
    # Python would take -1, or True, as an index.
    if type(first) is not int or type(last) is not int:
        raise TypeError(f"{role}_start or {role}_end is not an integer")
    if not 0 <= first <= last < len(spans):
        raise ValueError(f"{role} {first}..{last} does not lie in the {len(spans)} tokens")
    return spans[first][0], spans[last][1]
