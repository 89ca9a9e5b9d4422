"""What examples are like: how often labels, mentions and inputs repeat, and which texts splits share."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .example import Example, text_group


def describe(examples: Sequence[Example], negative: str | None, inventory: Collection[str]) -> dict[str, Any]:
    """Numbers of one split, ready for JSON.

    Args:
        negative: The negative label, or None.
        inventory: The benchmark's labels.

    Returns:
        `rows`, `groups`, `labels` (rows of each), `negatives`, `outside the inventory`; `mentions` (heads and
        tails that the text lacks, or holds more than once) and `inputs` (see `duplicates`).
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
        "inputs": duplicates(examples),
    }


def duplicates(examples: Sequence[Example]) -> dict[str, Any]:
    """Equal inputs, and what they cost whoever answers an input always in the same way.

    Returns:
        `different` inputs (text, head, tail); those with `conflicting` labels; `rows in conflict`; `ceiling`,
        the highest accuracy (0..1) that such a system can reach, or None without rows.
    """
    golds = labels_of_inputs(examples)
    conflicting = [gold for gold in golds.values() if len(gold) > 1]
    best = sum(max(gold.values()) for gold in golds.values())
    return {
        "different": len(golds),
        "conflicting": len(conflicting),
        "rows in conflict": sum(gold.total() for gold in conflicting),
        "ceiling": round(best / len(examples), 6) if examples else None,
    }


def labels_of_inputs(examples: Sequence[Example]) -> dict[tuple[str, str, str], Counter[str]]:
    """How often each input (text, head, tail) has which label."""
    golds: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for example in examples:
        golds[example.text, example.head, example.tail][example.relation] += 1
    return golds


def texts(examples: Sequence[Example]) -> Counter[str]:
    """How many rows each text has; texts are equal whatever their case and white space."""
    groups: dict[str, str] = {}  # a text of many rows is hashed once
    return Counter(groups.get(e.text) or groups.setdefault(e.text, text_group(e.text)) for e in examples)


def shared(these: Collection[str], those: Mapping[str, int]) -> dict[str, int]:
    """How many of `those` texts are among `these`, and how many rows of `those` have them."""
    found = [rows for text, rows in those.items() if text in these]
    return {"texts": len(found), "rows": sum(found)}
