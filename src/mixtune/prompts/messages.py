"""Prompt wording: example and demonstrations -> chat messages. No other module has it."""

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
    """Return the system prompt: generic, or with the benchmark's labels, one per line."""
    if condition == "generic":
        return f"{ROLE} {GENERIC} {FORMAT}"
    return "\n".join([f"{ROLE} {SCHEMA}", *labels, FORMAT])


def question(text: str, head: str, tail: str) -> str:
    """Return the user's turn. Each run of white space becomes one blank, so that the four lines stay four.

    >>> print(question("Ada  runs Acme .", "Ada", "Acme"))
    Sentence: Ada runs Acme .
    Entity 1: Ada
    Entity 2: Acme
    Relation:
    """
    lines = (f"Sentence: {text}", f"Entity 1: {head}", f"Entity 2: {tail}", "Relation:")
    return "\n".join(" ".join(line.split()) for line in lines)


def messages(
    condition: str,
    labels: Sequence[str],
    demonstrations: Sequence[tuple[str, str, str, str]],
    query: tuple[str, str, str],
) -> Messages:
    """Return the conversation up to the answer.

    Args:
        condition: "generic" or "schema".
        labels: The benchmark's label inventory (used by "schema").
        demonstrations: (text, head, tail, relation) of each.
        query: (text, head, tail).

    >>> turns = messages("generic", [], [("Bo hit Cy .", "Bo", "Cy", "Kill")], ("Ada runs Acme .", "Ada", "Acme"))
    >>> [turn["role"] for turn in turns]
    ['system', 'user', 'assistant', 'user']
    """
    turns: Messages = [{"role": "system", "content": system(condition, labels)}]
    for text, head, tail, relation in demonstrations:
        turns.append({"role": "user", "content": question(text, head, tail)})
        turns.append({"role": "assistant", "content": relation})
    turns.append({"role": "user", "content": question(*query)})
    return turns


def sample_demonstrations(example: Example, train: Sequence[Example], shots: int, seed: int) -> list[Example]:
    """Sample demonstrations of an example from the train split of its benchmark, never from its own group.

    The sample depends on (seed, example id) alone, given the train split: it is the same in any order, on any machine.

    Raises:
        UserError: The train split has too few examples outside the example's group.
    """
    if shots == 0:
        return []
    rng = random.Random(hashlib.sha256(f"{seed}/{example.id}".encode()).digest())  # noqa: S311  (no secret)
    chosen: list[Example] = []
    seen: set[int] = set()
    while len(chosen) < shots:
        if len(seen) == len(train):
            raise UserError(
                f"matrix.shots: {shots} demonstrations are required, but train of {example.benchmark} has "
                f"{len(chosen)} outside the group of {example.id}; lower it, or give the benchmark more training data"
            )
        index = rng.randrange(len(train))
        if index not in seen:
            seen.add(index)
            if train[index].group != example.group:
                chosen.append(train[index])
    return chosen


def shorten(example: Example, width: int) -> str:
    """Return the text with at most `width` characters on either side of each mention; each omission becomes `…`.

    A mention without a span in the text is ignored; without any span, the beginning of the text is kept.
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
