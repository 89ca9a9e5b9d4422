"""Checks of the section `benchmarks`, and of the uses of train splits; see checks.py."""

from collections.abc import Iterator

from ..data.readers.mention_forms import OFFSETS, POSITIONS, conflicting_columns, required_columns
from ..data.registry import REGISTRY
from .explain import suggest
from .raw import Raw, as_list, as_mapping, as_names

READER_OPTIONS = ("unit", "negative_share", "annotation")  # each of one reader; the registry names it


def check_benchmarks(raw: Raw) -> Iterator[str]:
    """Find unknown benchmarks, options that a benchmark does not have, and columns that do not suffice."""
    for name, value in as_mapping(raw.get("benchmarks")).items():
        key, entry = f"benchmarks.{name}", as_mapping(value)
        if name not in REGISTRY and not entry.get("domain"):
            yield (
                f"{key}: unknown benchmark, it has no reader here ({suggest(name, REGISTRY)}); "
                f"for a custom benchmark, in hub layout, set {key}.domain"
            )
        elif name in REGISTRY and {"domain", "negative"} & set(entry):
            yield f"{key}: domain and negative must not be set, they are known for this benchmark; remove them"
        elif name not in REGISTRY and entry.get("origin") == "sample":
            yield f"{key}.origin: sample corpus not found, none ships for a custom benchmark; use path or hub"
        yield from _check_reader_options(key, str(name), entry)
        yield from _check_columns(key, as_mapping(entry.get("columns")), as_mapping(entry.get("markers")))


def _check_reader_options(key: str, name: str, entry: Raw) -> Iterator[str]:
    supported = REGISTRY[name].options if name in REGISTRY else ()
    for option in READER_OPTIONS:
        if entry.get(option) is not None and option not in supported:
            owners = ", ".join(sorted(known.name for known in REGISTRY.values() if option in known.options))
            yield f"{key}.{option}: unknown option of {name}, only {owners} has it; remove it"
    if entry.get("negative_share") and entry.get("unit") != "document":
        yield f"{key}.negative_share: only documents have unlabelled pairs; set unit: document"


def _check_columns(key: str, columns: Raw, markers: Raw) -> Iterator[str]:
    if markers and not columns:
        yield f"{key}.markers: {key}.columns is missing; name text and relation there"
    if markers and markers.get("head") == markers.get("tail"):
        yield f"{key}.markers: head and tail have the same markers; they must differ"
    named = {name for name, column in columns.items() if column is not None}
    excluding = conflicting_columns(named, markers=bool(markers))
    if excluding:
        yield f"{key}.columns: {', '.join(excluding)} {'and markers ' * bool(markers)}exclude each other; keep one way"
    missing = {name for name in required_columns(named, markers=bool(markers)) if name not in named}
    if not columns or excluding:
        return
    if "text" in missing:
        yield f"{key}.columns: text missing; name it, or the list of its tokens as tokens"
    if {"head", "tail"} & missing:
        yield f"{key}.columns: head or tail missing; name both, or all four offsets"
    elif {*OFFSETS, *POSITIONS} & missing:
        places = "all four offsets" if {*OFFSETS} & missing else "both spans"
        yield f"{key}.columns: {', '.join(sorted(missing - {'text', 'relation'}))} missing; name {places} or none"


def check_evaluation_only(raw: Raw) -> Iterator[str]:
    """Find options that do not fit a benchmark with, or without, a train split."""
    without = _without_train(raw)
    for name, value in as_mapping(raw.get("benchmarks")).items():
        key, entry = f"benchmarks.{name}", as_mapping(value)
        if name in without and "train" in as_mapping(entry.get("files")):
            yield f"{key}.files.train: an evaluation-only benchmark has no train split; remove it"
        for option in ("zero_shot", "labels"):
            if name not in without and entry.get(option):
                yield f"{key}.{option}: only a benchmark with {key}.evaluation_only: true has it; set both or none"


def check_train_splits(raw: Raw) -> Iterator[str]:
    """Find uses of the train splits of evaluation-only benchmarks."""
    without, matrix, entries = (_without_train(raw), *(as_mapping(raw.get(name)) for name in ("matrix", "benchmarks")))
    for mixture, value in as_mapping(raw.get("mixtures")).items():
        for name in as_names(as_mapping(value).get("benchmarks")):
            if name in without:
                yield f"mixtures.{mixture}.benchmarks: {name!r} is evaluation-only, it has no train split; remove it"
    evaluated = as_names(matrix.get("benchmarks"))
    for name in evaluated if any(as_list(matrix.get("shots"))) else ():
        if name in without and not as_mapping(entries[name]).get("zero_shot"):
            yield (
                f"benchmarks.{name}.evaluation_only: no train split to sample the demonstrations of matrix.shots from; "
                f"set benchmarks.{name}.zero_shot: true for prompts without demonstrations, or list only 0 shots"
            )
    for key in ("encoders", "floors"):
        if {*as_names(matrix.get(key))} - {"duplicates"} and evaluated and without.issuperset(evaluated):
            yield f"matrix.{key}: no benchmark of matrix.benchmarks has the train split that they need; set it to []"


def _without_train(raw: Raw) -> set[str]:
    entries = as_mapping(raw.get("benchmarks")).items()
    return {str(name) for name, entry in entries if as_mapping(entry).get("evaluation_only")}
