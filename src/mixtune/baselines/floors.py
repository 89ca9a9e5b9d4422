"""Trivial baselines (floors), which ignore the text, and an upper bound (ceiling)."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ..data.audit import count_labels_by_input
from ..data.example import Example
from ..data.sampling import sampling_key


def predict_labels(
    name: str, train: Sequence[Example], test: Sequence[Example], negative: str | None, seed: int
) -> list[str]:
    """Return the labels that a floor or ceiling predicts for the test examples, in their order.

    Args:
        name: majority, majority-positive, type-pair or random, which use the train split alone; or duplicates, the
            best possible system of those that give equal inputs (text, head, tail) equal labels.
        negative: The negative label, or None.
        seed: Seed of random, which samples for each example by its id.

    >>> text = "toy", "test", "Ada met Bob", "Ada", "Bob", 0, 3, 8, 11, "", ""
    >>> rows = [Example(f"toy/test/{n}", *text, label, "g") for n, label in enumerate(["met", "met", "likes"])]
    >>> predict_labels("majority", rows, rows, None, seed=0)
    ['met', 'met', 'met']
    """
    if name == "duplicates":
        best = best_labels(test, negative)
        return [best[example.text, example.head, example.tail] for example in test]
    shares = Counter(example.relation for example in train)
    if name == "majority-positive":
        positive = {label: n for label, n in shares.items() if not _is_negative(label, negative)}
        return [_most_frequent(positive or shares)] * len(test)
    if name == "type-pair":
        pairs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for example in train:
            pairs[example.head_type, example.tail_type][example.relation] += 1
        return [_most_frequent(pairs.get((example.head_type, example.tail_type), shares)) for example in test]
    if name == "random":
        labels = sorted(shares)
        weights = [shares[label] for label in labels]
        rngs = (random.Random(sampling_key(seed, f"random/{example.id}")) for example in test)  # noqa: S311  (no secret)
        return [rng.choices(labels, weights)[0] for rng in rngs]
    return [_most_frequent(shares)] * len(test)


def _most_frequent(counts: Mapping[str, int]) -> str:
    """Return the most frequent label, of equally frequent ones the first by name.

    >>> _most_frequent({"works": 2, "lives": 2, "born": 1})
    'lives'
    """
    return min(counts, key=lambda label: (-counts[label], label))


def _is_negative(label: str, negative: str | None) -> bool:
    """Return whether a label is the negative one, whatever its case."""
    return negative is not None and label.casefold() == negative.casefold()


def best_labels(examples: Sequence[Example], negative: str | None) -> dict[tuple[str, str, str], str]:
    """Return the label of each input (text, head, tail) with which positive-class micro-F1 is the highest possible.

    Micro-F1 is 2 · correct / (positive predictions + positive golds). Let s be the share of an input's rows that its
    most frequent positive label is right on: predicting it pays where s is over half of the final F1. The best choice
    is therefore a prefix of the inputs sorted by s, and every prefix is tried.

    Returns:
        The label; where predicting none is better, the negative label, or "" if there is none.
    """
    golds = count_labels_by_input(examples)
    positive = {
        key: {label: n for label, n in labels.items() if not _is_negative(label, negative)}
        for key, labels in golds.items()
    }
    best = {key: _most_frequent(labels) for key, labels in positive.items() if labels}
    total = sum(sum(labels.values()) for labels in positive.values())
    by_share = sorted(best, key=lambda key: (-positive[key][best[key]] / golds[key].total(), key))
    correct = predicted = prefix = 0
    highest = 0.0
    for number, key in enumerate(by_share, 1):
        correct += positive[key][best[key]]
        predicted += golds[key].total()
        if (f1 := 2 * correct / (predicted + total)) > highest:
            highest, prefix = f1, number
    return dict.fromkeys(golds, negative or "") | {key: best[key] for key in by_share[:prefix]}
