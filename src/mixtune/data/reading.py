"""Reading of a benchmark's local files, by the reader that fits them."""

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

from .example import SPLITS, Example, MissingSplit, ReadError
from .lookalikes import find_lookalikes
from .registry import REGISTRY

# Readers are imported only where they are used, since hub_copy imports pyarrow and planning a workflow must be quick.

TABLE_OPTIONS = ("columns", "markers")  # of tables of examples, which no reader of native files takes


class Reading(TypedDict):
    """Keyword arguments of `read_folder`, the same for every split."""

    negative: str | None
    config: str
    options: Mapping[str, object]
    files: Mapping[str, str]


def read_folder(
    benchmark: str,
    folder: Path,
    split: str,
    counts: Counter[str] | None = None,
    *,
    negative: str | None = None,
    config: str = "",
    options: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> Iterator[Example]:
    """Return the examples of one split, streamed in the order of the files.

    Args:
        benchmark: A name of the registry, or any other for a folder in hub layout.
        folder: Has the benchmark's native files, or a copy in hub layout (columns text, entity1, entity2, relation,
            optionally entity1Type and entity2Type).
        split: train, validation or test.
        counts: Gets what was counted while reading, by reason.
        negative: The meaning of a null relation in a hub copy; for its benchmarks, the registry's negative label.
        config: The config of a hub copy that has several.
        options: Keyword arguments of the benchmark's own reader (`unit`, `annotation`, ...; see the registry), or, of
            a table, `columns`: our names of its columns to those of its files; its `markers`; and `quoting`: see
            `read_rows`.
        files: The file of each split that has another name than its format's; relative to the folder.

    Raises:
        MissingSplit: There is no file of this split, and none that looks like it.
        ReadError: A record cannot be read; names file and record.
    """
    counts = Counter() if counts is None else counts
    options, files = dict(options or {}), dict(files or {})
    path = _source(benchmark, folder, split, files)
    if is_copy(benchmark, folder, options, files):
        from .readers import hub_copy

        known = REGISTRY.get(benchmark)
        negative = known.negative if known else negative
        columns = cast(Mapping[str, str] | None, options.get("columns"))
        markers = cast(Mapping[str, Sequence[str]] | None, options.get("markers"))
        quoting = cast(str | None, options.get("quoting"))
        examples = hub_copy.read(path, benchmark, split, counts, negative, config, columns, markers, quoting)
    else:
        if "quoting" in options:
            problem = f"benchmarks.{benchmark}.quoting is for tables, but these are native files; remove it"
            raise ReadError(folder, None, problem)
        reader = importlib.import_module(f".readers.{benchmark}", __package__)
        examples = reader.read(path, split, counts, **options)
    return _check_names(examples, benchmark, folder, split, find_lookalikes(folder, split, files, config))


def _check_names(
    examples: Iterator[Example], benchmark: str, folder: Path, split: str, lookalikes: Sequence[Path]
) -> Iterator[Example]:
    """Yield the examples; a missing split is an error that names files that look like it."""
    try:
        yield from examples
    except MissingSplit as error:
        if not lookalikes:
            raise
        names = ", ".join(str(path.relative_to(folder)) for path in lookalikes)
        remedy = f"name one in benchmarks.{benchmark}.files.{split}, or move them out of the folder"
        raise ReadError(folder, None, f"split {split!r} not found, but {names} may be it; {remedy}") from error


def describe_unread(folder: Path, split: str, files: Mapping[str, str], config: str) -> list[str]:
    """Return a warning about each file of a table that looks like a split which other files are read as."""
    from .readers.hub_copy import FILE

    names = [path.relative_to(folder).as_posix() for path in find_lookalikes(folder, split, files, config)]
    return [f"{split} does not include {name}, which looks like it" for name in names if not FILE.fullmatch(name)]


def is_copy(benchmark: str, folder: Path, options: Mapping[str, object], files: Mapping[str, str]) -> bool:
    """Return whether files are a table of examples (a hub copy, or one with `columns`) and not native ones."""
    from .readers.hub_copy import is_hub_copy

    return benchmark not in REGISTRY or not options.keys().isdisjoint(TABLE_OPTIONS) or is_hub_copy(folder, files)


def _source(benchmark: str, folder: Path, split: str, files: Mapping[str, str]) -> Path:
    """Return the file that `files` names for a split, else the folder."""
    if not folder.is_dir():
        known = REGISTRY.get(benchmark)
        remedy = (known and known.remedy) or (known and f"expected {known.native}") or "see benchmarks.<name>.path"
        raise MissingSplit(folder, None, f"no such folder; {remedy}")
    key = f"benchmarks.{benchmark}.files"
    unknown = sorted(set(files) - set(SPLITS))
    if unknown:
        raise ReadError(folder, None, f"{key}: unknown split {unknown[0]!r}; expected {', '.join(SPLITS)}")
    path = folder / files.get(split, "")
    if split in files and not path.is_file():
        raise MissingSplit(path, None, f"file not found; correct {key}.{split}")
    return path
