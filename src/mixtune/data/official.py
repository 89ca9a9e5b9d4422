"""Comparison of files with the official ones: numbers of examples and labels, and which variant they may be."""

from collections.abc import Collection, Mapping, Sequence

from .example import Example
from .registry import Benchmark

# A word of rel2id.json for pairs that Re-DocRED does not label; no example of it is official.
UNLABELLED = "Na"


def describe_difference(
    known: Benchmark, split: str, examples: Sequence[Example], options: Mapping[str, object], copied: bool
) -> str | None:
    """Return how a split differs from the official one; None where it does not, or no official number is known.

    Args:
        known: The benchmark's entry in the registry.
        options: Options of its reader.
        copied: Whether the files are a copy in hub layout, of which only the test rows are known.
    """
    if copied:
        official = (known.copied_rows, None) if split == "test" and known.copied_rows else None
    else:
        keys = [f"{value}/{split}" for value in options.values()]
        official = next((known.official[key] for key in [*keys, split] if key in known.official), None)
    if official is None:
        return None
    labels = {example.relation: None for example in examples if example.relation != UNLABELLED}
    rows = sum(example.relation != UNLABELLED for example in examples)
    if rows == official[0] and official[1] in (None, len(labels)):
        return None
    wanted = f"{official[0]:,} examples" + (f" of {official[1]} labels" if official[1] else "")
    variant = _guess_variant(known, [rows, *labels])
    return f"{split} has {rows:,} examples of {len(labels)} labels, officially {wanted}; {variant}"


def describe_unknown_label(known: Benchmark, label: str) -> str:
    """Return the message about a label that a closed inventory does not hold."""
    number = len(known.labels or ())
    return f"unknown label {label!r}: not one of the {number} of {known.title}; {_guess_variant(known, [label])}"


def _guess_variant(known: Benchmark, signs: Collection[int | str]) -> str:
    variant = next((known.variants[sign] for sign in signs if sign in known.variants), None)
    return f"this is probably {variant}" if variant else "is this another variant of the data?"
