"""Whether files are the official ones: their numbers of examples and labels, and which variant they may be."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .example import Example
from .registry import Benchmark

# A word of rel2id.json for pairs that Re-DocRED does not label; no example of it is official.
DRAWN = "Na"


def difference(
    known: Benchmark, split: str, examples: Sequence[Example], options: Mapping[str, Any], copied: bool
) -> str | None:
    """How a split as read differs from the official one; None where it does not, or nothing is known of it.

    Args:
        known: The benchmark's entry in the registry.
        options: What its reader was asked for.
        copied: Whether the files are a copy in hub layout, of which only the test rows are known.
    """
    if copied:
        official = (known.copied_rows, None) if split == "test" and known.copied_rows else None
    else:
        keys = [f"{value}/{split}" for value in options.values()]
        official = next((known.official[key] for key in [*keys, split] if key in known.official), None)
    if official is None:
        return None
    labels = {example.relation: None for example in examples if example.relation != DRAWN}
    rows = sum(example.relation != DRAWN for example in examples)
    if rows == official[0] and official[1] in (None, len(labels)):
        return None
    wanted = f"{official[0]:,} examples" + (f" of {official[1]} labels" if official[1] else "")
    return f"{split} has {rows:,} examples of {len(labels)} labels, officially {wanted}{_guess(known, rows, labels)}"


def unknown_label(known: Benchmark, label: str) -> str:
    """What to say of a label that a closed inventory does not hold."""
    return (
        f"label {label!r} is not one of the {len(known.labels)} labels of {known.title}{_guess(known, None, [label])}"
    )


def _guess(known: Benchmark, rows: int | None, labels: Collection[str]) -> str:
    found = next((known.variants[sign] for sign in (rows, *labels) if sign in known.variants), None)
    return f"; this is probably {found}" if found else "; is this another variant of the data?"
