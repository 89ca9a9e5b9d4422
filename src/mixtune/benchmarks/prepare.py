"""From a benchmark's files to its three splits, label inventory and audit."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..manifests import write_json, write_manifest
from .example import SPLITS, Example, MissingSplit, ReadError
from .files import write_examples
from .hub import is_hub_copy
from .reading import read
from .registry import REGISTRY


@dataclass(frozen=True)
class Prepared:
    """A benchmark ready for use."""

    splits: Mapping[str, list[Example]]
    labels: list[str]
    negative: str | None
    audit: dict[str, Any]


def prepare(
    benchmark: str,
    path: str | Path,
    *,
    shares: Mapping[str, float],
    seed: int,
    negative: str | None = None,
    config: str = "",
) -> Prepared:
    """Read all splits, carve those that are missing, fix the label inventory, count what was seen.

    Args:
        benchmark, path, negative, config: As for `read`.
        shares: Share of the train rows that becomes a missing validation or test split, in whole groups.
        seed: Seed of the carving.

    Raises:
        ReadError: A file cannot be read, an id occurs twice, a label is not in a closed inventory.
    """
    known = REGISTRY.get(benchmark)
    negative = known.negative if known else negative
    splits: dict[str, list[Example]] = {}
    audit: dict[str, Any] = {"benchmark": benchmark, "splits": {}, "carved": {}}
    counts = {}
    for split in SPLITS:
        counts[split] = Counter()
        try:
            splits[split] = list(read(benchmark, path, split, counts[split], negative=negative, config=config))
        except MissingSplit:
            if split == "train":
                raise
    for split in ("test", "validation"):
        if split not in splits:
            splits["train"], splits[split] = carve(splits["train"], split, shares[split], seed)
            audit["carved"][split] = f"{shares[split]} of the train rows, by group, seed {seed}"
    labels = _inventory(benchmark, path, splits, negative)
    inside = set(labels)
    for split in SPLITS:
        examples = splits[split]
        repeated = [id for id, times in Counter(e.id for e in examples).items() if times > 1]
        if repeated:
            raise ReadError(Path(path), None, f"id {repeated[0]} occurs twice in split {split}")
        relations = Counter(e.relation for e in examples)
        audit["splits"][split] = {
            "rows": len(examples),
            "groups": len({e.group for e in examples}),
            "labels": dict(sorted(relations.items())),
            "negatives": sum(n for label, n in relations.items() if label.casefold() == (negative or "").casefold()),
            "outside the inventory": sum(n for label, n in relations.items() if label not in inside),
            "counts": {reason: n for reason, n in sorted(counts[split].items()) if n},
        }
        official = known.rows.get(split) if known else None
        if official is not None:
            audit["splits"][split]["official rows"] = official
    return Prepared(splits, labels, negative, audit)


def carve(train: Sequence[Example], split: str, share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Divide train into what stays and a new split, by group, in an order drawn from `seed`.

    Labels with fewer than two groups stay in train, and so do the groups that hold them. Ids keep the
    split they were read from; the new examples' `split` says where they are now.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in train:
        groups[example.group].append(example)
    left: Counter[str] = Counter(label for rows in groups.values() for label in {e.relation for e in rows})
    wanted, taken, count = share * len(train), set(), 0
    for group in sorted(groups, key=lambda g: hashlib.sha256(f"{seed}/{split}/{g}".encode()).digest()):
        if count >= wanted:
            break
        labels = {e.relation for e in groups[group]}
        if all(left[label] > 1 for label in labels):
            left.subtract(labels)
            taken.add(group)
            count += len(groups[group])
    moved = [Example(**{**asdict(e), "split": split}) for e in train if e.group in taken]
    return [e for e in train if e.group not in taken], moved


def _inventory(
    benchmark: str, path: str | Path, splits: Mapping[str, Iterable[Example]], negative: str | None
) -> list[str]:
    """The label inventory: what ships; train's where none does; a hub copy's own, from train and validation."""
    known = REGISTRY.get(benchmark)
    copied = known is None or is_hub_copy(Path(path))  # copies spell and choose labels in their own way
    if copied or known.labels is None:
        sources = ("train",) if known and known.labels is None else ("train", "validation")
        labels = sorted({e.relation for split in sources for e in splits[split]})
        if negative and negative.casefold() not in map(str.casefold, labels):
            labels.append(negative)
        return labels
    labels = list(known.labels)
    for example in (e for split in SPLITS if known.closed for e in splits[split]):
        if example.relation not in labels:
            problem = f"label {example.relation!r} is not one of the {len(labels)} labels of {known.title}"
            raise ReadError(Path(path), example.id, f"{problem}; is this another variant of the data?")
    return labels


def write(prepared: Prepared, folder: Path) -> None:
    """Write {train,validation,test}.parquet, labels.json, audit.json and, last, manifest.json."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for split, examples in prepared.splits.items():
        files.append(folder / f"{split}.parquet")
        write_examples(files[-1], examples)
    write_json(folder / "labels.json", {"labels": prepared.labels, "negative": prepared.negative})
    write_json(folder / "audit.json", prepared.audit)
    write_manifest(folder / "manifest.json", [*files, folder / "labels.json", folder / "audit.json"])
