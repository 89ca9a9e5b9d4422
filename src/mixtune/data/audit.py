"""Audit of examples: frequency of labels, mentions and inputs, and texts that splits share."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from .example import Example, text_group
from .formats import DuplicateInputs, SharedTexts, SplitNumbers


def describe_split(examples: Sequence[Example], negative: str | None, inventory: Collection[str]) -> SplitNumbers:
    """Return the numbers of one split, ready for JSON.

    Args:
        negative: The negative label, or None.
        inventory: The benchmark's labels.

    Returns:
        `rows`, `groups`, `labels` (rows of each), `negatives`, `outside the inventory`; `mentions` (heads and
        tails that the text lacks, or holds more than once) and `inputs` (see `count_duplicates`).
    """
    relations = Counter(example.relation for example in examples)
    mentions: Counter[int] = Counter()
    for example in examples:
        for mention in (example.head, example.tail):
            mentions[min(example.text.count(mention), 2)] += 1
    word = (negative or "").casefold()
    return {
        "rows": len(examples),
        "groups": len({example.group for example in examples}),
        "labels": dict(sorted(relations.items())),
        "negatives": sum(rows for label, rows in relations.items() if label.casefold() == word),
        "outside the inventory": sum(rows for label, rows in relations.items() if label not in inventory),
        "mentions": {"not in the text": mentions[0], "in the text more than once": mentions[2]},
        "inputs": count_duplicates(examples),
    }


def count_duplicates(examples: Sequence[Example]) -> DuplicateInputs:
    """Count duplicate inputs, and the accuracy ceiling that they set for any deterministic classifier.

    Returns:
        `different` inputs (text, head, tail); those with `conflicting` labels; `rows in conflict`; `ceiling`,
        the highest accuracy (0..1) of a system that predicts one label per input, or None without rows.
    """
    golds = count_labels_by_input(examples)
    conflicting = [gold for gold in golds.values() if len(gold) > 1]
    best = sum(max(gold.values()) for gold in golds.values())
    return {
        "different": len(golds),
        "conflicting": len(conflicting),
        "rows in conflict": sum(gold.total() for gold in conflicting),
        "ceiling": round(best / len(examples), 6) if examples else None,
    }


def count_labels_by_input(examples: Sequence[Example]) -> dict[tuple[str, str, str], Counter[str]]:
    """Count the gold labels of each input (text, head, tail)."""
    golds: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for example in examples:
        golds[example.text, example.head, example.tail][example.relation] += 1
    return golds


def count_texts(examples: Sequence[Example]) -> Counter[str]:
    """Count the rows of each text; texts are equal whatever their case and white space."""
    groups: dict[str, str] = {}  # a text of many rows is hashed once
    return Counter(groups.get(e.text) or groups.setdefault(e.text, text_group(e.text)) for e in examples)


def count_shared_texts(earlier: Collection[str], later: Mapping[str, int]) -> SharedTexts:
    """Count the texts of `later` that are also in `earlier`, and their rows in `later`.

    >>> count_shared_texts({"a", "b"}, {"b": 3, "c": 1})
    {'texts': 1, 'rows': 3}
    """
    shared = [rows for text, rows in later.items() if text in earlier]
    return {"texts": len(shared), "rows": sum(shared)}
