"""Example -> token ids with typed markers around the two mentions: how an encoder is asked.

The markers are punctuation, so that the vocabulary stays as it is: `@ * person * Ada @ lives in # ^ city ^ London #`
(typed entity markers of Zhou and Chen, AACL 2022); a mention without a type gets the outer ones alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.example import Example
from ..errors import UserError

MARKERS = (("@", "*"), ("#", "^"))  # of the head, of the tail: around the mention, around its type
CHUNK = 512  # examples that are tokenised at a time

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with markers.

    Attributes:
        text: The text; a mention that it lacks is appended.
        spans: Characters of head and tail with their markers, end exclusive.
        found: Whether head and tail were in the text.
    """

    text: str
    spans: tuple[Span, Span]
    found: tuple[bool, bool]


def mark(example: Example) -> Marked:
    """Put markers around the mentions of an example, where its reader found them; nested mentions are nested."""
    text, mentions = example.text, []
    for mention, start, end in (
        (example.head, example.head_start, example.head_end),
        (example.tail, example.tail_start, example.tail_end),
    ):
        if start < 0:
            start, end = len(text) + 1, len(text) + 1 + len(mention)
            text = f"{text} {mention}"
        mentions.append((start, end))
    insertions = []  # at one place closing markers come first; of two that open the longer, of two that close the inner
    for which, ((start, end), (outer, inner), kind) in enumerate(
        zip(mentions, MARKERS, (example.head_type, example.tail_type), strict=True)
    ):
        kind = " ".join(kind.replace("_", " ").lower().split())
        opening = f"{outer} {inner} {kind} {inner}" if kind else outer
        insertions += [(start, True, -end, which, opening), (end, False, -start, -which, outer)]
    marked, done, places = "", 0, {}
    for place, opens, _, which, marker in sorted(insertions):
        marked = _join(_join(marked, text[done:place]), marker)
        places[abs(which), opens] = len(marked) - len(marker) if opens else len(marked)
        done = place
    spans = tuple((places[which, True], places[which, False]) for which in range(2))
    return Marked(_join(marked, text[done:]), spans, (example.head_start >= 0, example.tail_start >= 0))


def _join(left: str, right: str) -> str:
    """Two texts with a blank between them, unless there is white space already."""
    blank = left and right and not left[-1].isspace() and not right[0].isspace()
    return f"{left} {right}" if blank else left + right


def encode(tokenizer: Any, examples: Sequence[Example], max_length: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Token ids of marked examples, in their order.

    Args:
        tokenizer: A fast tokenizer (it knows which characters a token covers).
        max_length: Limit in tokens, with the special ones. What is too long loses the tokens that are farthest
            from the mentions in the text (from the text's beginning where neither is in it); mentions and
            markers never.

    Returns:
        Rows with `input_ids` and the places in them where the markers of `head` and `tail` begin; and counts: `rows`,
        `mentions appended` (not in the text), `text cut` (rows that lost text).

    Raises:
        UserError: The mentions of an example alone are too long.
    """
    rows, counts = [], Counter({"rows": len(examples), "mentions appended": 0, "text cut": 0})
    for begin in range(0, len(examples), CHUNK):
        chunk = examples[begin : begin + CHUNK]
        marked = [mark(example) for example in chunk]
        # What a text spells like a special token stays plain text; only the tokenizer's own frame is masked.
        encoded = tokenizer(
            [one.text for one in marked], split_special_tokens=True, return_special_tokens_mask=True, verbose=False
        )
        for number, (example, one) in enumerate(zip(chunk, marked, strict=True)):
            ids = encoded["input_ids"][number]
            spans = [
                (encoded.char_to_token(number, start), encoded.char_to_token(number, end - 1) + 1)
                for start, end in one.spans
            ]
            heads = [start for start, _ in spans]
            if len(ids) > max_length:
                frame = [place for place, own in enumerate(encoded["special_tokens_mask"][number]) if own]
                needed = {*frame, *(place for span in spans for place in range(*span))}
                if len(needed) > max_length:
                    raise UserError(
                        f"{example.id}: its two mentions and their markers take {len(needed)} tokens, and the limit is "
                        f"{max_length}; raise training.encoder.max_length or use an encoder that takes more"
                    )
                near = [span for span, found in zip(spans, one.found, strict=True) if found] or [(0, 0)]
                kept = _kept(len(ids), needed, near, max_length)
                ids, heads = [ids[place] for place in kept], [kept.index(place) for place in heads]
                counts["text cut"] += 1
            counts["mentions appended"] += one.found.count(False)
            rows.append({"input_ids": ids, "head": heads[0], "tail": heads[1]})
    return rows, dict(counts)


def _kept(length: int, needed: set[int], near: Iterable[Span], room: int) -> list[int]:
    """The places, in order, of `room` tokens: those needed, then the nearest to any of these spans."""

    def distance(place: int) -> int:
        return -1 if place in needed else min(max(start - place, place - end + 1) for start, end in near)

    return sorted(sorted(range(length), key=lambda place: (distance(place), place))[:room])
