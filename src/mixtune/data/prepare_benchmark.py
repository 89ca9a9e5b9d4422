"""Preparation of a benchmark: from its files to three splits, a label inventory and an audit."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..artifacts.hub_card import StatedLicence, read_licence
from ..artifacts.manifests import write_json, write_manifest
from ..resources import resource
from .audit import count_shared_texts, count_texts, describe_split
from .carving import carve_missing
from .example import SPLITS, Example, MissingSplit, ReadError
from .files import write_examples
from .labels import describe_indistinct, normalise
from .official import UNLABELLED, describe_difference, describe_unknown_label
from .reading import Reading, describe_unread, is_copy, read_folder
from .registry import REGISTRY, Benchmark
from .settings import PrepareBenchmarkSettings

WITHOUT_TRAIN = "train has no rows: the benchmark is evaluation-only, without encoders, floors and demonstrations"


@dataclass(frozen=True)
class Prepared:
    """A benchmark ready for use."""

    splits: Mapping[str, list[Example]]
    labels: list[str]
    negative: str | None
    audit: dict[str, object]
    evaluation_only: bool = False


def prepare_benchmark(settings: PrepareBenchmarkSettings, manifest: Path) -> None:
    """Prepare a benchmark from where it was fetched, from a local folder, or from its sample corpus; write it.

    Raises:
        ReadError: See `prepare`.
    """
    name = settings.benchmark
    folders = {
        "hub": manifest.parents[2] / "fetched" / name / "files",
        "path": Path(settings.path or ".").expanduser(),
        "sample": resource("sample", name),
    }
    prepared = prepare(
        name,
        folders[settings.origin],
        shares={"validation": settings.splits.validation, "test": settings.splits.test},
        seed=settings.data_seed,
        expect=settings.expect,
        negative=settings.negative,
        config=settings.hub.config if settings.hub else "",
        label_map=Path(settings.label_map) if settings.label_map else None,
        options=settings.options,
        files=settings.files,
        evaluation_only=settings.evaluation_only,
        given_labels=settings.given_labels,
    )
    stated = read_licence(folders["hub"]) if settings.origin == "hub" else None
    write_prepared(prepared, manifest.parent, stated)


def prepare(
    benchmark: str,
    folder: Path,
    *,
    shares: Mapping[str, float],
    seed: int,
    expect: str = "official",
    negative: str | None = None,
    config: str = "",
    label_map: Path | None = None,
    options: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
    evaluation_only: bool = False,
    given_labels: Sequence[str] = (),
) -> Prepared:
    """Read all splits, carve those that are missing, fix the label inventory, audit the result.

    Args:
        benchmark, folder, negative, config, options, files: See `read_folder`.
        shares: Share of the train rows that becomes a missing validation or test split, in whole groups.
        seed: Seed of the carving.
        expect: "official": other numbers than the official ones, or an unknown label, are errors; "any": they
            are warnings in the audit; "sample": no number is expected.
        label_map: CSV with the columns `label` and `becomes`; labels that it does not name stay.
        evaluation_only: Whether there is no train split: no split is carved, and the missing ones are empty.
        given_labels: The label inventory; empty: the one that ships, or that of train and validation.

    Raises:
        ReadError: A file cannot be read or is not the official one, an id is a duplicate, a label is not in a
            closed inventory, there is no label, or an evaluation-only benchmark has a train split.
    """
    known, options, files = REGISTRY.get(benchmark), dict(options or {}), dict(files or {})
    if known:
        negative = known.negative
    if options.get("negative_share"):
        negative, options["seed"] = UNLABELLED, seed
    copied = is_copy(benchmark, folder, options, files)
    mapping = read_label_map(label_map) if label_map else {}
    splits: dict[str, list[Example]] = {}
    warnings = [WITHOUT_TRAIN] if evaluation_only else []
    counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    reading = Reading(negative=negative, config=config, options=options, files=files)
    for split in SPLITS:
        examples = _read_split(benchmark, folder, split, counts[split], reading, evaluation_only)
        if examples is None:
            continue
        if examples and known and expect != "sample":
            warnings += _compare_official(known, folder, split, examples, options, copied, expect)
        warnings += describe_unread(folder, split, files, config) if copied else []
        splits[split] = map_labels(examples, mapping, counts[split])
    carved, problems = carve_missing(benchmark, folder, splits, shares, seed)
    warnings += problems
    closed = bool(known and known.closed and expect != "any")
    labels = _inventory(benchmark, known, folder, splits, negative, mapping, copied, closed, given_labels)
    audit = {"benchmark": benchmark, "splits": {}, "carved": carved, "warnings": warnings}
    audit |= _audit(folder, splits, negative, labels, counts)
    return Prepared(splits, labels, negative, audit, evaluation_only)


def _read_split(
    benchmark: str,
    folder: Path,
    split: str,
    counts: Counter[str],
    reading: Reading,
    evaluation_only: bool,
) -> list[Example] | None:
    """Return the examples of a split; of a missing one none if the benchmark is evaluation-only, else None."""
    try:
        examples = list(read_folder(benchmark, folder, split, counts, **reading))
    except MissingSplit as error:
        if split in reading["files"]:
            raise
        if split == ("test" if evaluation_only else "train"):
            raise _with_proposal(error, benchmark, folder, reading) from None
        return [] if evaluation_only else None
    if evaluation_only and split == "train":
        raise ReadError(folder, None, f"a train split found; remove benchmarks.{benchmark}.evaluation_only")
    return examples


def _with_proposal(error: MissingSplit, benchmark: str, folder: Path, reading: Reading) -> MissingSplit:
    """Return the error about a missing train split with one more remedy if there is a test split; others unchanged."""
    try:
        next(read_folder(benchmark, folder, "test", **reading), None)
    except ReadError:
        return error
    remedy = f"correct its file's name, or, if there is none, set benchmarks.{benchmark}.evaluation_only: true"
    return MissingSplit(folder, None, f"{str(error).removeprefix(f'{folder}: ')}; {remedy}")


def _compare_official(
    known: Benchmark,
    folder: Path,
    split: str,
    examples: Sequence[Example],
    options: Mapping[str, object],
    copied: bool,
    expect: str,
) -> list[str]:
    """Return the warning about a split that differs from the official one; with expect "official", raise it."""
    difference = describe_difference(known, split, examples, options, copied)
    if difference and expect == "official":
        remedy = f"set benchmarks.{known.name}.expect: any to use these files nevertheless"
        raise ReadError(folder, None, f"{known.title} (benchmarks.{known.name}): {difference}; {remedy}")
    return [difference] if difference else []


def _audit(
    folder: Path,
    splits: Mapping[str, list[Example]],
    negative: str | None,
    labels: list[str],
    counts: Mapping[str, Counter[str]],
) -> dict[str, object]:
    """Return the numbers of all splits, and of the texts that they share."""
    numbers = {}
    for split in SPLITS:
        repeated = [id for id, times in Counter(e.id for e in splits[split]).items() if times > 1]
        if repeated:
            raise ReadError(folder, None, f"duplicate id {repeated[0]} in split {split}")
        if split == "test" and not splits[split]:
            problem = "test has 0 rows, and a system cannot be scored without any"
            raise ReadError(folder, None, f"{problem}; is its file complete?")
        numbers[split] = {
            **describe_split(splits[split], negative, set(labels)),
            "counts": {reason: n for reason, n in sorted(counts[split].items()) if n},
        }
    texts = {split: count_texts(splits[split]) for split in SPLITS}
    shared = {
        f"{split} in {earlier}": count_shared_texts(texts[earlier], texts[split])
        for earlier, split in (("train", "validation"), ("train", "test"), ("validation", "test"))
        if splits[earlier]
    }
    return {"splits": numbers, "shared texts": shared}


def read_label_map(path: Path) -> dict[str, str]:
    """Return the new name of each renamed label, from a CSV file with the columns `label` and `becomes`.

    Raises:
        ReadError: A column, a cell or the file is missing, or a label is a duplicate.
    """
    if not path.is_file():
        raise ReadError(path, None, "file not found; correct benchmarks.<name>.label_map")
    mapping: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        try:
            for row in rows:
                label, becomes = row.get("label"), row.get("becomes")
                if not label or not becomes or label in mapping or None in row:
                    problem = "expected the columns label and becomes, no cell empty, each label once"
                    raise ReadError(path, rows.line_num, f"{problem}; a label with a comma needs quotation marks")
                mapping[label] = becomes
        except (UnicodeDecodeError, csv.Error) as error:
            raise ReadError(path, rows.line_num + 1, f"not CSV in UTF-8 ({error})") from None
    return mapping


def map_labels(examples: list[Example], mapping: Mapping[str, str], counts: Counter[str]) -> list[Example]:
    """Return the examples with their labels renamed; count the changed ones."""
    if not mapping:
        return examples
    renamed = [replace(e, relation=mapping[e.relation]) if e.relation in mapping else e for e in examples]
    counts["label mapped"] += sum(before is not after for before, after in zip(examples, renamed, strict=True))
    return renamed


def _inventory(
    benchmark: str,
    known: Benchmark | None,
    folder: Path,
    splits: Mapping[str, Iterable[Example]],
    negative: str | None,
    mapping: Mapping[str, str],
    copied: bool,
    closed: bool,
    given: Sequence[str],
) -> list[str]:
    """Return the given labels; else the shipped ones; train's where none ship; a copy's own, of train and validation.

    It never comes from the test split.
    """
    shipped = known.labels if known and not copied else None  # copies spell and choose labels in their own way
    if given:
        labels = list(dict.fromkeys(given))
    elif shipped:
        labels = list(dict.fromkeys(mapping.get(label, label) for label in shipped))
    else:
        sources = ("train",) if known and known.labels is None else ("train", "validation")
        labels = sorted({e.relation for split in sources for e in splits[split]})
        if labels and all(re.fullmatch("-?[0-9]+", label) for label in labels if label != negative):
            problem = f"the labels are integers without names ({', '.join(labels[:5])})"
            raise ReadError(folder, None, f"{problem}; name them by benchmarks.<name>.label_map")
    if not labels:
        problem = "no train and no validation rows that would give the label list"
        raise ReadError(folder, None, f"{problem}; set benchmarks.{benchmark}.labels")
    if negative and normalise(negative) not in map(normalise, labels):
        labels.append(negative)
    inside = set(labels)
    for example in (e for split in SPLITS if known and shipped and closed for e in splits[split]):
        if known and example.relation not in inside:
            raise ReadError(folder, example.id, describe_unknown_label(known, example.relation))
    others = sorted({e.relation for split in SPLITS for e in splits[split]} - inside)
    if problem := describe_indistinct([*labels, *others]):
        raise ReadError(folder, None, f"{problem}; rename or merge them with benchmarks.{benchmark}.label_map")
    return labels


def write_prepared(prepared: Prepared, folder: Path, licence: StatedLicence | None = None) -> None:
    """Write {train,validation,test}.parquet, labels.json, audit.json and, last, manifest.json with the licence."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for split, examples in prepared.splits.items():
        files.append(folder / f"{split}.parquet")
        write_examples(files[-1], examples)
    write_json(folder / "labels.json", {"labels": prepared.labels, "negative": prepared.negative})
    write_json(folder / "audit.json", prepared.audit)
    facts: dict[str, object] = {"evaluation_only": True} if prepared.evaluation_only else {}
    facts |= {"licence": licence} if licence else {}
    write_manifest(folder / "manifest.json", [*files, folder / "labels.json", folder / "audit.json"], **facts)
