"""Example and demonstrations -> chat messages. The only place that knows the wording."""

import hashlib
import random
from collections.abc import Sequence

from ..data.example import Example
from ..errors import UserError

ROLE = "You are a relation extraction system. Be concise and direct."
GENERIC = "Output ONLY the relation type that holds between the two mentioned entities."
SCHEMA = (
    "Output ONLY ONE relation type that holds between the two mentioned entities. "
    "You MUST choose exactly one label from this allowed set:"
)
FORMAT = "Do not output any explanation, punctuation, or extra text — only the label."

ELISION = " … "

Messages = list[dict[str, str]]


def system(condition: str, labels: Sequence[str]) -> str:
    """The system prompt: generic, or with the benchmark's labels, one a line."""
    if condition == "generic":
        return f"{ROLE} {GENERIC} {FORMAT}"
    return "\n".join([f"{ROLE} {SCHEMA}", *labels, FORMAT])


def question(text: str, head: str, tail: str) -> str:
    """The user's turn. Each run of white space becomes one blank, so that the four lines stay four."""
    lines = (f"Sentence: {text}", f"Entity 1: {head}", f"Entity 2: {tail}", "Relation:")
    return "\n".join(" ".join(line.split()) for line in lines)


def messages(
    condition: str,
    labels: Sequence[str],
    demonstrations: Sequence[tuple[str, str, str, str]],
    query: tuple[str, str, str],
) -> Messages:
    """The conversation up to the answer.

    Args:
        condition: "generic" or "schema".
        labels: The benchmark's label inventory (used by "schema").
        demonstrations: (text, head, tail, relation) of each.
        query: (text, head, tail).
    """
    turns: Messages = [{"role": "system", "content": system(condition, labels)}]
    for text, head, tail, relation in demonstrations:
        turns.append({"role": "user", "content": question(text, head, tail)})
        turns.append({"role": "assistant", "content": relation})
    turns.append({"role": "user", "content": question(*query)})
    return turns


def demonstrations(example: Example, train: Sequence[Example], shots: int, seed: int) -> list[Example]:
    """Demonstrations of an example: drawn from the train split of its benchmark, never from its own group.

    The draw depends on (seed, example id) alone, given the train split: any order and machine agrees.

    Raises:
        UserError: Train holds too few examples outside the example's group.
    """
    if shots == 0:
        return []
    dice = random.Random(hashlib.sha256(f"{seed}/{example.id}".encode()).digest())  # noqa: S311  (no secret)
    chosen: list[Example] = []
    seen: set[int] = set()
    while len(chosen) < shots:
        if len(seen) == len(train):
            raise UserError(
                f"{example.id}: train of {example.benchmark} holds {len(chosen)} example(s) outside its group, but "
                f"{shots} shots are asked for; lower matrix.shots or give the benchmark more training data"
            )
        index = dice.randrange(len(train))
        if index not in seen:
            seen.add(index)
            if train[index].group != example.group:
                chosen.append(train[index])
    return chosen


def shorten(example: Example, width: int) -> str:
    """The text with at most `width` characters on either side of each mention; what is cut becomes `…`.

    A mention that is not in the text has no place; then the beginning of the text is kept.
    """
    spans = [
        (start, end)
        for start, end in (
            (example.head_start, example.head_end),
            (example.tail_start, example.tail_end),
        )
        if start >= 0
    ] or [(0, 0)]
    windows: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s - width), min(len(example.text), e + width)) for s, e in spans):
        if windows and start <= windows[-1][1] + len(ELISION):  # a shorter gap is no gain
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    parts = [example.text[start:end] for start, end in windows]
    prefix = ELISION.lstrip() if windows[0][0] > 0 else ""
    suffix = ELISION.rstrip() if windows[-1][1] < len(example.text) else ""
    return prefix + ELISION.join(parts) + suffix
