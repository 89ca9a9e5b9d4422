"""GIDS (GDS): a head person, a tail place, institution or degree, and a snippet of one or several sentences.

No header, no quoting, six columns divided by TABs: head mid, tail mid, head, tail, relation, text. Traps: the
label `NA` is a word, not a missing value; `"` is an ordinary character; relation2id.txt spells the label
`.../degrees` and the data `.../degree`; in the text, too, the two mentions are joined by underscores
(`Windsor,_London`), and there are no offsets; the text ends in `###END###`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path

from ..example import Example, ReadError, native_file, utf8_lines

FILES = {"train": ("train.tsv",), "validation": ("dev.tsv",), "test": ("test.tsv",)}
END = "###END###"


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a line, in the order of the file; the id ends in the line's number, counted from 1."""
    path = native_file(folder, split, FILES)
    number, end, ended = 0, None, 0
    for number, line in utf8_lines(path, counts):
        if not line.strip():
            counts["blank lines"] += 1
            continue
        columns = line.split("\t")
        if len(columns) != 6:
            raise ReadError(path, number, f"{len(columns)} columns divided by TABs, expected 6")
        head_mid, tail_mid, head, tail, relation, text = columns
        body, end, rest = text.partition(END)
        if not end:
            counts[f"texts without {END}"] += 1
        elif rest.strip():
            raise ReadError(path, number, f"text goes on after {END}; two lines run together?")
        ended += bool(end)
        outside = body
        for mention in sorted((head, tail), key=len, reverse=True):
            outside = outside.replace(mention, "")
        counts["texts with underscores outside the mentions"] += "_" in outside
        # Offsets are found in the text as it stands in the file, and move by what is stripped at its start.
        plain = body.replace("_", " ")
        cut = len(plain) - len(plain.lstrip())
        found = locate(body, head, tail, counts)
        head_start, head_end, tail_start, tail_end = (at - cut if at >= 0 else at for at in found)
        try:
            if not (head_mid.strip() and tail_mid.strip()):
                raise ValueError("a mid is empty")
            yield Example(
                id=f"gids/{split}/{number}",
                benchmark="gids",
                split=split,
                text=plain.strip(),
                head=head.replace("_", " ").strip(),
                tail=tail.replace("_", " ").strip(),
                head_start=head_start,
                head_end=head_end,
                tail_start=tail_start,
                tail_end=tail_end,
                head_type="",
                tail_type="",
                relation=relation,
                group=f"{head_mid}|{tail_mid}",
            )
        except ValueError as error:
            raise ReadError(path, number, f"not a row of GIDS ({error})") from error
    if end is None:
        raise ReadError(path, None, "the file holds no row")
    if ended and not end:
        raise ReadError(path, number, f"the last text has no {END}; is the file truncated?")


def locate(body: str, head: str, tail: str, counts: Counter[str]) -> tuple[int, int, int, int]:
    """Spans of two mentions in a text that still has its underscores; -1, -1 for one that is not there.

    The first pair of occurrences that do not overlap is taken, if possible one in which the shorter mention
    lies within no occurrence of the longer (`Windsor` within a second `Windsor,_London`).

    Returns:
        head_start, head_end, tail_start, tail_end, without the blanks and underscores around a mention.
    """
    heads, tails = occurrences(body, head, counts), occurrences(body, tail, counts)
    own_heads = [h for h in heads if not any(overlap(h, t) for t in tails)]
    own_tails = [t for t in tails if not any(overlap(h, t) for h in heads)]
    for h, t in chain(product(own_heads, tails), product(heads, own_tails), product(heads, tails)):
        if not overlap(h, t):
            return *h, *t
    counts["mentions overlap"] += 1
    return *heads[0], *tails[0]


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two spans share a character; -1, -1 shares none."""
    return max(a[0], b[0]) < min(a[1], b[1])


def occurrences(body: str, mention: str, counts: Counter[str]) -> list[tuple[int, int]]:
    """Spans of a mention by the strictest rule that finds any, from left to right."""
    before, core, after = map(re.escape, re.fullmatch(r"([_\s]*)(.*?)([_\s]*)", mention, re.DOTALL).groups())
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
    return [(-1, -1)]
