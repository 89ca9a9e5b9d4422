"""GIDS (GDS): a head person, a tail place, institution or degree, and a snippet of one or several sentences.

No header, no quoting, six columns separated by TABs: head mid, tail mid, head, tail, relation, text. Traps: the
label `NA` is a word, not a missing value; `"` is an ordinary character; relation2id.txt spells the label
`.../degrees` and the data `.../degree`; in the text, too, the two mentions are joined by underscores
(`Windsor,_London`), and there are no offsets; the text ends in `###END###`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path

from ..example import Example, ReadError, Span
from ..mentions import ABSENT, is_overlap
from .parsing import native_file, utf8_lines

FILES = {"train": ("train.tsv",), "validation": ("dev.tsv",), "test": ("test.tsv",)}
END = "###END###"

_PARTS = re.compile(r"([_\s]*)(.*?)([_\s]*)", re.DOTALL)


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per line, in the order of the file; the id ends in the line's number, counted from 1."""
    path = native_file(path, split, FILES)
    number, end, ended = 0, None, 0
    for number, line in utf8_lines(path, counts):
        if not line.strip():
            counts["blank lines"] += 1
            continue
        columns = line.split("\t")
        if len(columns) != 6:
            raise ReadError(path, number, f"{len(columns)} columns separated by TABs, expected 6")
        body, end, rest = columns.pop().partition(END)
        if not end:
            counts[f"texts without {END}"] += 1
        elif rest.strip():
            raise ReadError(path, number, f"text continues after {END}; two lines run together?")
        ended += bool(end)
        try:
            yield _example(columns, body, split, str(number), counts)
        except ValueError as error:
            raise ReadError(path, number, f"not a row of GIDS ({error})") from error
    if end is None:
        raise ReadError(path, None, "the file holds no row")
    if ended and not end:
        raise ReadError(path, number, f"the last text has no {END}; is the file truncated?")


def _example(columns: list[str], body: str, split: str, key: str, counts: Counter[str]) -> Example:
    head_mid, tail_mid, head, tail, relation = columns
    outside = body
    for mention in sorted((head, tail), key=len, reverse=True):
        outside = outside.replace(mention, "")
    counts["texts with underscores outside the mentions"] += "_" in outside
    # Offsets are found in the text as it is in the file, and move by what is stripped at its start.
    plain = body.replace("_", " ")
    stripped = len(plain) - len(plain.lstrip())
    head_span, tail_span = (
        span if span == ABSENT else (span[0] - stripped, span[1] - stripped)
        for span in _locate_mentions(body, head, tail, counts)
    )
    if not (head_mid.strip() and tail_mid.strip()):
        raise ValueError("a mid is empty")
    return Example.at(
        plain.strip(),
        head_span,
        tail_span,
        benchmark="gids",
        split=split,
        key=key,
        relation=relation,
        head=head.replace("_", " ").strip(),
        tail=tail.replace("_", " ").strip(),
        group=f"{head_mid}|{tail_mid}",
    )


def _locate_mentions(body: str, head: str, tail: str, counts: Counter[str]) -> tuple[Span, Span]:
    """Return the spans, without blanks and underscores around them, in a text that still has its underscores.

    The first pair of occurrences that do not overlap is taken, if possible one in which the shorter mention
    is within no occurrence of the longer (`Windsor` within a second `Windsor,_London`).
    """
    heads, tails = _find_mention(body, head, counts), _find_mention(body, tail, counts)
    own_heads = [h for h in heads if not any(is_overlap(h, t) for t in tails)]
    own_tails = [t for t in tails if not any(is_overlap(h, t) for h in heads)]
    for h, t in chain(product(own_heads, tails), product(heads, own_tails), product(heads, tails)):
        if not is_overlap(h, t):
            return h, t
    counts["mentions overlap"] += 1
    return heads[0], tails[0]


def _find_mention(body: str, mention: str, counts: Counter[str]) -> list[Span]:
    """Return the spans of a mention by the strictest rule that finds any, from left to right; else [ABSENT]."""
    parts = _PARTS.fullmatch(mention)
    before, core, after = map(re.escape, parts.groups() if parts else ("", mention, ""))  # it matches every mention
    plain, plain_core = body.replace("_", " "), core.replace("_", r"\ ")
    for text, pattern, oddity in (
        # The format sets the occurrence it means off by blanks (`in Montclair , New Jersey`), other ones not.
        (body, rf"(?<!\S){before}({core}){after}(?!\S)", None),
        (body, rf"(?<!\w){before}({core}){after}(?!\w)", None),
        (plain, rf"(?<!\w)({plain_core})(?!\w)", "mention found only in the text without underscores"),
        (plain, rf"({plain_core})", "mention found only within a word"),
    ):
        spans = [match.span(1) for match in re.finditer(pattern, text)]
        if spans:
            counts["mention found more than once"] += len(spans) > 1
            if oddity:
                counts[oddity] += 1
            return spans
    counts["mention not found"] += 1
    return [ABSENT]
