"""Carving of the splits that a benchmark lacks from its train split."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .example import Example, ReadError


def carve_missing(
    benchmark: str, folder: Path, splits: dict[str, list[Example]], shares: Mapping[str, float], seed: int
) -> tuple[dict[str, str], list[str]]:
    """Add the missing splits to `splits`, carved from train; return how each was made, and warnings.

    Raises:
        ReadError: The test split gets no row.
    """
    carved: dict[str, str] = {}
    warnings: list[str] = []
    for split in ("test", "validation"):
        if split not in splits:
            splits["train"], splits[split] = carve_split(splits["train"], split, shares[split], seed)
            carved[split] = f"{shares[split]} of the train rows, by group, seed {seed}"
            warnings += _check_carved(benchmark, folder, split, splits)
    return carved, warnings


def carve_split(train: Sequence[Example], split: str, share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Divide train into the rows that stay and a new split, by group, in an order that depends on `seed`.

    Labels with fewer than two groups stay in train, and so do the groups that hold them. Ids keep the
    split they were read from; the new examples' `split` is the new one.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in train:
        groups[example.group].append(example)
    left: Counter[str] = Counter(label for rows in groups.values() for label in {e.relation for e in rows})
    wanted, count = share * len(train), 0
    taken: set[str] = set()
    for group in sorted(groups, key=lambda g: hashlib.sha256(f"{seed}/{split}/{g}".encode()).digest()):
        if count >= wanted:
            break
        labels = {e.relation for e in groups[group]}
        if all(left[label] > 1 for label in labels):
            left.subtract(labels)
            taken.add(group)
            count += len(groups[group])
    moved = [replace(e, split=split) for e in train if e.group in taken]
    return [e for e in train if e.group not in taken], moved


def _check_carved(benchmark: str, folder: Path, split: str, splits: Mapping[str, Sequence[Example]]) -> list[str]:
    """Return the warning about a validation split without rows; a test split without rows is an error."""
    if splits[split]:
        return []
    rows, labels = splits["train"], {example.relation for example in splits["train"]}
    problem = (
        f"{split} has 0 rows: every label of the {len(rows):,} train rows ({len(labels):,} labels) would lose its last "
        "group, and labels of fewer than two groups stay in train"
    )
    if split == "test":
        remedy = f"add rows, or name a file in benchmarks.{benchmark}.files.test"
        raise ReadError(folder, None, f"{problem}; a system cannot be scored without test rows: {remedy}")
    return [problem]
