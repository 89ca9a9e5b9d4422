"""REBEL in CROCODILE's JSON Lines: one document a line, its entities, and triples aligned to its text."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .example import Example, ReadError, json_lines, locate, native_file, occurrences

FILES = {
    "train": ("en_train.jsonl",),
    "validation": ("en_val.jsonl",),
    "test": ("en_test.jsonl", "sample_200.jsonl"),
}


def _given(text: str, entity: dict[str, Any], counts: Counter[str]) -> tuple[int, int] | None:
    """The span in `boundaries` (end exclusive), or None, counted, where it does not hold the surface form."""
    if entity["boundaries"] is None:
        counts["boundaries missing"] += 1
        return None
    start, end = entity["boundaries"]
    if not 0 <= start < end:
        raise ValueError(f"boundaries [{start}, {end}] are not a span")
    # An end beyond the text is no error: marks removed from the text after the alignment have shifted spans.
    if text[start:end] == entity["surfaceform"]:
        return start, end
    counts["boundaries do not match the mention"] += 1
    return None


def _offsets(text: str, head: dict, tail: dict, counts: Counter[str]) -> tuple[int, int, int, int]:
    """Offsets of both mentions: the file's where they are right, else by the rule of `locate`."""
    given = [_given(text, head, counts), _given(text, tail, counts)]
    if given == [None, None]:
        return locate(text, head["surfaceform"], tail["surfaceform"], counts)
    if None in given:
        known = next(span for span in given if span)
        lost = given.index(None)
        spans = occurrences(text, (head, tail)[lost]["surfaceform"])
        if len(spans) != 1:
            counts["mention found more than once" if spans else "mention not found"] += 1
        apart = (span for span in spans if span[1] <= known[0] or known[1] <= span[0])
        given[lost] = next(apart, spans[0] if spans else (-1, -1))
    (head_start, head_end), (tail_start, tail_end) = given
    # True of a date inside a name (`1964` in `1964 Summer Olympics`), so it is kept as it is.
    counts["mentions overlap"] += head_start < tail_end and tail_start < head_end
    return head_start, head_end, tail_start, tail_end


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a triple; documents without triples give none and are counted.

    The text is the whole document, paragraphs and all. An object may be a literal, whose `uri` is a dateTime
    or a number: its mention is the surface form, as for any entity. `boundaries` are wrong for about one
    mention in five; such a mention is searched in the text and counted. Relations are the predicates' English
    names, those outside the inventory included.
    """
    path = native_file(folder, split, FILES)
    for number, record in json_lines(path):
        try:
            docid, text, triples = record["docid"], record["text"], record["triples"]
            if not (isinstance(docid, str) and isinstance(text, str) and isinstance(triples, list)):
                raise TypeError("docid and text must be strings, triples a list")
            counts["documents"] += 1
            counts["documents without triples"] += not triples
            for index, triple in enumerate(triples):
                head, tail = triple["subject"], triple["object"]
                head_start, head_end, tail_start, tail_end = _offsets(text, head, tail, counts)
                yield Example(
                    id=f"rebel/{split}/{docid}/{index}",
                    benchmark="rebel",
                    split=split,
                    text=text,
                    head=head["surfaceform"],
                    tail=tail["surfaceform"],
                    head_start=head_start,
                    head_end=head_end,
                    tail_start=tail_start,
                    tail_end=tail_end,
                    head_type="",
                    tail_type="",
                    relation=triple["predicate"]["surfaceform"],
                    group=docid,
                )
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ReadError(path, number, f"not a CROCODILE document ({error!r})") from error
