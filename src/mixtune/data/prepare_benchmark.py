"""From a benchmark's files to its three splits, label inventory and audit."""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..artifacts.manifests import write_json, write_manifest
from . import audit as auditing
from .example import SPLITS, Example, MissingSplit, ReadError
from .files import write_examples
from .official import DRAWN, difference, unknown_label
from .readers.hub_copy import is_hub_copy
from .reading import read
from .registry import REGISTRY, Benchmark


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
    expect: str = "official",
    negative: str | None = None,
    config: str = "",
    label_map: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Prepared:
    """Read all splits, carve those that are missing, fix the label inventory, count what was seen.

    Args:
        benchmark, path, negative, config, options: As for `read`.
        shares: Share of the train rows that becomes a missing validation or test split, in whole groups.
        seed: Seed of the carving.
        expect: "official": other numbers than the official ones, or an unknown label, are errors; "any": they
            are warnings in the audit; "sample": nothing is known of the files.
        label_map: CSV with the columns `label` and `becomes`; labels that it does not name stay.

    Raises:
        ReadError: A file cannot be read or is not the official one, an id occurs twice, a label is not in a
            closed inventory.
    """
    known, options = REGISTRY.get(benchmark), dict(options or {})
    if known:
        negative = known.negative
    if options.get("negative_share"):
        negative, options["seed"] = DRAWN, seed
    copied = known is None or "columns" in options or is_hub_copy(Path(path))
    mapping = read_label_map(label_map) if label_map else {}
    splits: dict[str, list[Example]] = {}
    audit: dict[str, Any] = {"benchmark": benchmark, "splits": {}, "carved": {}, "warnings": []}
    counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for split in SPLITS:
        reading = read(benchmark, path, split, counts[split], negative=negative, config=config, options=options)
        try:
            examples = list(reading)
        except MissingSplit:
            if split == "train":
                raise
            continue
        other = difference(known, split, examples, options, copied) if known and expect != "sample" else None
        if other and expect == "official":
            remedy = f"set benchmarks.{benchmark}.expect: any to use these files all the same"
            raise ReadError(Path(path), None, f"{other}; {remedy}")
        audit["warnings"] += [other] if other else []
        splits[split] = mapped(examples, mapping, counts[split])
    for split in ("test", "validation"):
        if split not in splits:
            splits["train"], splits[split] = carve(splits["train"], split, shares[split], seed)
            audit["carved"][split] = f"{shares[split]} of the train rows, by group, seed {seed}"
    closed = bool(known and known.closed and expect != "any")
    labels = _inventory(known, Path(path), splits, negative, mapping, copied, closed)
    texts = {split: auditing.texts(splits[split]) for split in SPLITS}
    for split in SPLITS:
        repeated = [id for id, times in Counter(e.id for e in splits[split]).items() if times > 1]
        if repeated:
            raise ReadError(Path(path), None, f"id {repeated[0]} occurs twice in split {split}")
        audit["splits"][split] = {
            **auditing.describe(splits[split], negative, set(labels)),
            "counts": {reason: n for reason, n in sorted(counts[split].items()) if n},
        }
    audit["shared texts"] = {
        f"{split} in {earlier}": auditing.shared(texts[earlier], texts[split])
        for earlier, split in (("train", "validation"), ("train", "test"), ("validation", "test"))
    }
    return Prepared(splits, labels, negative, audit)


def read_label_map(path: Path) -> dict[str, str]:
    """What labels become, from a CSV file with the columns `label` and `becomes`.

    Raises:
        ReadError: A column, a cell or the file is missing, or a label stands there twice.
    """
    if not path.is_file():
        raise ReadError(path, None, "no such file; correct benchmarks.<name>.label_map")
    mapping: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            label, becomes = row.get("label"), row.get("becomes")
            if not label or not becomes or label in mapping:
                problem = "expected the columns label and becomes, no cell empty, each label once"
                raise ReadError(path, rows.line_num, problem)
            mapping[label] = becomes
    return mapping


def mapped(examples: list[Example], mapping: Mapping[str, str], counts: Counter[str]) -> list[Example]:
    """Examples with their labels mapped; how many changed is counted."""
    if not mapping:
        return examples
    new = [replace(e, relation=mapping[e.relation]) if e.relation in mapping else e for e in examples]
    counts["label mapped"] += sum(before is not after for before, after in zip(examples, new, strict=True))
    return new


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
    moved = [replace(e, split=split) for e in train if e.group in taken]
    return [e for e in train if e.group not in taken], moved


def _inventory(
    known: Benchmark | None,
    path: Path,
    splits: Mapping[str, Iterable[Example]],
    negative: str | None,
    mapping: Mapping[str, str],
    copied: bool,
    closed: bool,
) -> list[str]:
    """The label inventory: what ships; train's where none does; a hub copy's own, from train and validation."""
    shipped = known.labels if known and not copied else None  # copies spell and choose labels in their own way
    if shipped:
        labels = list(dict.fromkeys(mapping.get(label, label) for label in shipped))
    else:
        sources = ("train",) if known and known.labels is None else ("train", "validation")
        labels = sorted({e.relation for split in sources for e in splits[split]})
    if negative and negative.casefold() not in map(str.casefold, labels):
        labels.append(negative)
    inside = set(labels)
    for example in (e for split in SPLITS if shipped and closed for e in splits[split]):
        if example.relation not in inside:
            raise ReadError(path, example.id, unknown_label(known, example.relation))
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
