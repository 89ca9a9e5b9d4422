"""Spans of mentions in texts whose format gives no offsets."""

from collections import Counter

from .example import Span

ABSENT: Span = (-1, -1)


def is_overlap(first: Span, second: Span) -> bool:
    """Return whether two spans share a character; `ABSENT` shares none."""
    return max(first[0], second[0]) < min(first[1], second[1])


def find_mention(text: str, mention: str, counts: Counter[str]) -> list[Span]:
    """Return the spans of all occurrences, overlapping ones included; [ABSENT] without any.

    Counted: `mention not found` and `mention found more than once`.

    >>> find_mention("Ann met Anna.", "Ann", Counter())
    [(0, 3), (8, 11)]
    """
    spans, start = [], text.find(mention) if mention else -1
    while start != -1:
        spans.append((start, start + len(mention)))
        start = text.find(mention, start + 1)
    if len(spans) != 1:
        counts["mention found more than once" if spans else "mention not found"] += 1
    return spans or [ABSENT]


def locate_mentions(text: str, head: str, tail: str, counts: Counter[str]) -> tuple[Span, Span]:
    """Return the spans of head and tail: the first pair that does not overlap.

    Counted: what `find_mention` counts, once per mention, and `mentions overlap`.

    >>> locate_mentions("Ann met Anna.", "Ann", "Anna", Counter())
    ((0, 3), (8, 12))
    """
    heads, tails = find_mention(text, head, counts), find_mention(text, tail, counts)
    for head_span in heads:
        for tail_span in tails:
            if not is_overlap(head_span, tail_span):
                return head_span, tail_span
    counts["mentions overlap"] += 1
    return heads[0], tails[0]
