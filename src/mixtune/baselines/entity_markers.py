"""Example -> token ids with typed markers around the two mentions: the input of an encoder.

The markers are punctuation, so that the vocabulary stays unchanged: `@ * person * Ada @ lives in # ^ city ^ London #`
(typed entity markers of Zhou and Chen, AACL 2022); a mention without a type gets the outer ones alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from ..data.example import Example
from ..errors import UserError

MARKERS = (("@", "*"), ("#", "^"))  # of the head, of the tail: around the mention, around its type
CHUNK = 512  # examples per call of the tokenizer

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


class EncodedRow(TypedDict):
    """Token ids, the positions in them where the markers of `head` and `tail` begin, and a train row's class."""

    input_ids: list[int]
    head: int
    tail: int
    labels: NotRequired[int]


def mark(example: Example) -> Marked:
    """Put markers around the mentions of an example, at the offsets of its reader; nested mentions stay nested."""
    text, mentions = example.text, []
    for mention, start, end in (
        (example.head, example.head_start, example.head_end),
        (example.tail, example.tail_start, example.tail_end),
    ):
        if start < 0:
            start, end = len(text) + 1, len(text) + 1 + len(mention)
            text = f"{text} {mention}"
        mentions.append((start, end))
    # At one offset closing markers come first; of two that open the longer, of two that close the inner.
    insertions = []
    for number, ((start, end), (outer, inner), kind) in enumerate(
        zip(mentions, MARKERS, (example.head_type, example.tail_type), strict=True)
    ):
        kind = " ".join(kind.replace("_", " ").lower().split())
        opening = f"{outer} {inner} {kind} {inner}" if kind else outer
        insertions += [(start, True, -end, number, opening), (end, False, -start, -number, outer)]
    marked, done, bounds = "", 0, {}
    for offset, opens, _, number, marker in sorted(insertions):
        marked = _join(_join(marked, text[done:offset]), marker)
        bounds[abs(number), opens] = len(marked) - len(marker) if opens else len(marked)
        done = offset
    head, tail = ((bounds[number, True], bounds[number, False]) for number in range(2))
    return Marked(_join(marked, text[done:]), (head, tail), (example.head_start >= 0, example.tail_start >= 0))


def _join(left: str, right: str) -> str:
    """Return two texts joined by a blank, unless there is white space already.

    >>> _join("Ada", "@"), _join("Ada ", "@")
    ('Ada @', 'Ada @')
    """
    needs_blank = left and right and not left[-1].isspace() and not right[0].isspace()
    return f"{left} {right}" if needs_blank else left + right


def encode(tokenizer: Any, examples: Sequence[Example], max_length: int) -> tuple[list[EncodedRow], dict[str, int]]:
    """Return token ids of marked examples, in their order.

    Args:
        tokenizer: A fast tokenizer (it maps characters to tokens).
        max_length: Limit in tokens, with the special ones. A longer text loses the tokens that are farthest from the
            mentions in the text (from the text's beginning if neither is in it); mentions and markers never.

    Returns:
        The rows; and counts: `rows`, `mentions appended` (not in the text), `text cut` (rows that lost text).

    Raises:
        UserError: The mentions of an example alone are too long.
    """
    rows: list[EncodedRow] = []
    counts = Counter({"rows": len(examples), "mentions appended": 0, "text cut": 0})
    for begin in range(0, len(examples), CHUNK):
        chunk = examples[begin : begin + CHUNK]
        texts = [mark(example) for example in chunk]
        # A text that spells a special token stays plain text; only the tokenizer's own special tokens are masked.
        encoded = tokenizer(
            [marked.text for marked in texts], split_special_tokens=True, return_special_tokens_mask=True, verbose=False
        )
        for number, (example, marked) in enumerate(zip(chunk, texts, strict=True)):
            ids = encoded["input_ids"][number]
            spans = [
                (encoded.char_to_token(number, start), encoded.char_to_token(number, end - 1) + 1)
                for start, end in marked.spans
            ]
            if len(ids) > max_length:
                special = encoded["special_tokens_mask"][number]
                kept = _truncate(example.id, special, spans, marked.found, max_length)
                ids = [ids[position] for position in kept]
                heads = [kept.index(start) for start, _ in spans]
                counts["text cut"] += 1
            else:
                heads = [start for start, _ in spans]
            counts["mentions appended"] += marked.found.count(False)
            rows.append({"input_ids": ids, "head": heads[0], "tail": heads[1]})
    return rows, dict(counts)


def _truncate(
    id: str, special: Sequence[int], spans: Sequence[Span], found: Sequence[bool], max_length: int
) -> list[int]:
    """Return the positions of the tokens that are kept, in order.

    Args:
        id: Id of the example, for the message.
        special: Of each token, whether the tokenizer added it.
        spans: Tokens of head and tail with their markers.
        found: Whether head and tail are in the text.
    """
    needed = {position for position, is_special in enumerate(special) if is_special}
    needed.update(position for span in spans for position in range(*span))
    if len(needed) > max_length:
        raise UserError(
            f"{id}: its two mentions and their markers take {len(needed)} tokens, and the limit is {max_length}; raise "
            "training.encoder.max_length or use an encoder with a longer context"
        )
    near = [span for span, in_text in zip(spans, found, strict=True) if in_text] or [(0, 0)]
    return _nearest(len(special), needed, near, max_length)


def _nearest(length: int, needed: set[int], near: Iterable[Span], room: int) -> list[int]:
    """Return the positions, in order, of `room` tokens: those needed, then the nearest to any of these spans.

    >>> _nearest(9, {0}, [(5, 6)], 4)
    [0, 4, 5, 6]
    """

    def distance(position: int) -> int:
        if position in needed:
            return -1
        return min(max(start - position, position - end + 1) for start, end in near)

    return sorted(sorted(range(length), key=lambda position: (distance(position), position))[:room])
