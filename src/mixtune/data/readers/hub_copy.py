"""Tables of examples: a local folder laid out like a Hugging Face data set, one row per example.

A hub copy has the columns `text`, `entity1`, `entity2` and `relation`, sometimes `entity1Type` and `entity2Type`.
For other tables, `columns` gives the names of theirs, unless they have a well-known form (mention_forms.py). Further
columns (ready prompts) are ignored. Files are parquet, Arrow, CSV or TSV with a header, or JSON, named after their
split: `data/train-00000-of-00002.parquet`, `train.csv`, `<config>/test-*.parquet`, `<config>/test/0000.parquet`,
`train/data-00000-of-00001.arrow`.
Traps: the label `NA` is a word and null is not; negatives may be stored as null (in CSV and TSV: an empty cell);
a hub copy has no offsets, so mentions are searched; a folder may hold several configs, or lack a shard.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from ..example import Example, MissingSplit, ReadError, Span
from ..mentions import ABSENT, is_overlap, locate_mentions
from .mention_forms import (
    FEWREL,
    FORMS,
    POSITIONS,
    Markers,
    RejectedRecord,
    conflicting_columns,
    is_grouped,
    recognise,
    required_columns,
    resolve,
)
from .tabular import BROKEN, Row, is_json, read_header, read_rows

HUB_COPY = {
    "text": "text",
    "head": "entity1",
    "tail": "entity2",
    "relation": "relation",
    "head_type": "entity1Type",
    "tail_type": "entity2Type",
}
TYPES = ("head_type", "tail_type")
_SPLIT = "train|validation|valid|val|development|dev|test"
FILE = re.compile(
    rf"(?:data/)?(?:(?P<config>(?!(?:data|{_SPLIT})/)[^/.][^/]*)/)?(?:data/)?(?P<split>{_SPLIT})"
    # The library datasets writes two files of its own, and its caches, into the folder of a split.
    r"(?:-[^/]*|/(?!dataset_info\.|state\.|cache-)[^/]*)?\.(?:parquet|arrow|csv|tsv|jsonl?|ndjson)",
    re.IGNORECASE,
)


def is_hub_copy(folder: Path, files: Mapping[str, str]) -> bool:
    """Return whether a split's file has a column `entity1` or `entity2`, which no benchmark's native file has.

    Args:
        files: Names of files by split, each in place of the ones that the folder has for this split.
    """
    others = (paths for config in _files(folder).values() for split, paths in config.items() if split not in files)
    paths = chain((folder / name for name in files.values()), *others)
    return any({"entity1", "entity2"} & set(_header(path)) for path in paths)


def read(
    path: Path,
    benchmark: str,
    split: str,
    counts: Counter[str],
    negative: str | None = None,
    config: str = "",
    columns: Mapping[str, str] | None = None,
    markers: Markers | None = None,
    quoting: str | None = None,
) -> Iterator[Example]:
    """Yield one example per row, numbered from 0 over all files of the split in sorted order.

    Args:
        path: The data set's folder, or the split's one file.
        negative: The meaning of a null relation; None where the benchmark has no negative label.
        config: The config to read; needed only where the folder holds several.
        columns: The files' names of `text` (or `tokens`, which blanks then join), `relation` and, as far as they have
            them, `head_type`, `tail_type`, `id` (replaces the row's number in the example's id), `group` (what must
            not be divided between splits; else the text); and of mentions, `head` and `tail`, with or without
            `head_start`, `head_end`, `tail_start`, `tail_end` (characters or tokens from 0, end exclusive; -1, -1: not
            in the text), with the two starts, or with or without `head_span` and `tail_span` (`[start, end]`, or lists
            of token indices). None: those of the first file's form, else a hub copy's, whose types may be missing.
        markers: Opening and closing marker of `head` and `tail` in the text, or their placeholders, in place of
            columns of mentions. Rows that do not have each marker once are counted as rejected.
        quoting: Quotation marks in CSV and TSV; see `read_rows`.

    Raises:
        MissingSplit: The config has no file of this split.
        ReadError: The folder is ambiguous or lacks a shard, `columns` lacks a name, a row is broken, or most rows are
            rejected.
    """
    if columns or markers:
        _check_columns(path, benchmark, columns or HUB_COPY, bool(markers))
    files = split_files(path, split, config)
    form = None if columns else _recognise_form(files[0], benchmark)
    names = columns or (FORMS[form] if form else HUB_COPY)
    optional = [] if columns or form else [HUB_COPY[name] for name in TYPES]
    has_offsets = not markers and {"tokens", *POSITIONS}.isdisjoint(names)
    rejections = _Rejections()
    seen, number = set[str](), -1
    rows = ((file, *row) for file in files for row in enumerate(read_rows(file, names, optional, counts, quoting)))
    for number, (file, position, row) in enumerate(rows):
        try:
            if not has_offsets:
                row.values = resolve(row.values, markers, counts)
            key = _new_id(row, seen) if "id" in names else str(number)
            example = _example(row, benchmark, split, key, negative)
        except RejectedRecord as error:
            rejections.add(str(error), f"{file.name}, row {position}")
            continue
        except ValueError as error:
            raise ReadError(file, f"row {position}", str(error)) from None
        if form:
            counts[f"rows in the form of {form}"] += 1
        yield example
    if number < 0:
        raise ReadError(files[-1], None, f"split {split!r} holds no row; is the file truncated?")
    counts.update(rejections.counts)
    rejections.check(files[-1], number + 1, benchmark)


def _new_id(row: Row, seen: set[str]) -> str:
    """Return the id of a row, and add it to those seen."""
    key = row.key("id")
    if key in seen:
        raise ValueError(f"duplicate {row.columns['id']} {key!r} in this split")
    seen.add(key)
    return key


class _Rejections:
    """Rows that were rejected: counted by the reason, which names the first of them."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._reasons: dict[str, str] = {}

    def add(self, problem: str, where: str) -> None:
        self.counts[self._reasons.setdefault(problem, f"row rejected, {problem} (first: {where})")] += 1

    def check(self, file: Path, rows: int, benchmark: str) -> None:
        """Raise a ReadError if most of the rows were rejected."""
        if 2 * self.counts.total() > rows:
            reasons = "; ".join(f"{n:,} × {reason}" for reason, n in self.counts.most_common(2))
            problem = f"most of the {rows:,} rows are rejected: {reasons}"
            raise ReadError(file, None, f"{problem}; correct benchmarks.{benchmark}.markers")


def _check_columns(path: Path, benchmark: str, names: Mapping[str, str], has_markers: bool) -> None:
    missing = [name for name in required_columns(names, markers=has_markers) if name not in names]
    if missing:
        remedy = f"add the files' names of them to benchmarks.{benchmark}.columns"
        raise ReadError(path, None, f"no column is named for {', '.join(missing)}; {remedy}")
    excluding = conflicting_columns(names, markers=has_markers)
    if excluding:
        problem = f"{', '.join(excluding)} {'and markers ' * has_markers}exclude each other"
        raise ReadError(path, None, f"{problem}; keep one way to give the mentions in benchmarks.{benchmark}.columns")


def _recognise_form(file: Path, benchmark: str) -> str | None:
    """Return the form of a file that is no hub copy, by the names of its fields."""
    if is_json(file) and is_grouped(file):
        return FEWREL
    names = set(_header(file))
    try:
        return None if {"entity1", "entity2"} & names else recognise(names)
    except ValueError as error:
        remedy = f"name one of them in benchmarks.{benchmark}.columns, as text or as tokens"
        raise ReadError(file, None, f"{error}; {remedy}") from None


def _example(row: Row, benchmark: str, split: str, key: str, negative: str | None) -> Example:
    text = row.string("text")
    head, head_span, tail, tail_span = _mentions(row, text)
    head_type, tail_type = ("" if row.values.get(name) is None else row.string(name) for name in TYPES)
    return Example.at(
        text,
        head_span,
        tail_span,
        benchmark=benchmark,
        split=split,
        key=key,
        relation=_relation(row, negative),
        head=head,
        tail=tail,
        head_type=head_type,
        tail_type=tail_type,
        group=row.key("group") if "group" in row.values else None,
    )


def _relation(row: Row, negative: str | None) -> str:
    if type(row.values["relation"]) is int:
        remedy = "write its name, or a ClassLabel with names to parquet or Arrow"
        raise ValueError(f"{row.describe('relation')}, not a string: an integer without a name; {remedy}")
    if row.values["relation"] is not None:
        return row.stripped("relation", "label")
    if negative is None:
        raise ValueError(f"{row.describe('relation')}, and this benchmark has no negative label that null could mean")
    row.counts[f"relation was null, read as {negative}"] += 1
    return negative


def _mentions(row: Row, text: str) -> tuple[str, Span, str, Span]:
    """Return head, its span, tail and its span: from the row's offsets, or else by a search of the text."""
    if "head_start" not in row.values:
        head, tail = row.stripped("head", "mention"), row.stripped("tail", "mention")
        head_span, tail_span = locate_mentions(text, head, tail, row.counts)
        return head, head_span, tail, tail_span
    (head, head_span), (tail, tail_span) = _mention(row, "head", text), _mention(row, "tail", text)
    if is_overlap(head_span, tail_span):
        row.counts["mentions overlap"] += 1
    return head, head_span, tail, tail_span


def _mention(row: Row, side: str, text: str) -> tuple[str, Span]:
    """Return a mention and its span by the row's offsets; these move where white space is stripped."""
    start = row.integer(f"{side}_start")
    if f"{side}_end" in row.values:
        end = row.integer(f"{side}_end")
    else:
        end = start if start == -1 else start + len(row.string(side))
    if (start, end) == ABSENT:
        if side not in row.values:
            raise ValueError(f"{side} is not in the text by its offsets, and no column holds it")
        row.counts["mention not found"] += 1
        return row.stripped(side, "mention"), ABSENT
    if not 0 <= start < end <= len(text):
        raise ValueError(f"{side} is at {start}:{end}, not a span of a text of {len(text)} characters")
    surface = text[start:end]
    given = row.string(side) if side in row.values else surface
    mention = surface.strip()
    if given.strip() != mention:
        raise ValueError(f"{side} is {given[:80]!r}, but {start}:{end} of the text is {surface[:80]!r}")
    if not given == surface == mention:
        row.counts["mention had white space around it"] += 1
    start += len(surface) - len(surface.lstrip())
    return mention, (start, start + len(mention))


def _header(path: Path) -> list[str]:
    """Return the column names of a file that need not be a hub copy's."""
    try:
        return read_header(path)
    except BROKEN:
        # Hub copies are often parquet files, native splits hardly ever, so `read` reports what is wrong with this one.
        return list(HUB_COPY.values()) if path.suffix.lower() == ".parquet" else []


def _files(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """Return the data files in sorted order, by config and split; the config without a name is `default`."""
    files: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern)):
        match = FILE.fullmatch(path.relative_to(folder).as_posix())
        if match and path.is_file():
            name = match["split"].lower()
            split = name if name in ("train", "test") else "validation"
            files[match["config"] or "default"][split].append(path)
    return files


def split_files(folder: Path, split: str, config: str) -> list[Path]:
    """Return the files of a split in sorted order; of a path that is a file, the file.

    Raises:
        MissingSplit: The config has no file of this split.
        ReadError: The folder has several configs, files of several kinds, or lacks a shard.
    """
    if folder.is_file():
        return [folder]
    configs = _files(folder)
    if configs and (config not in configs if config else len(configs) > 1):
        problem = f"unknown config {config!r}" if config else "the folder holds several configs"
        raise ReadError(folder, None, f"{problem}; set `config` to one of: {', '.join(sorted(configs))}")
    files = configs[config or next(iter(configs))][split] if configs else []
    if not files:
        looked = f"data/{split}-*.parquet, {split}.parquet, {split}.csv, {split}.tsv, {split}.jsonl, {split}.json"
        raise MissingSplit(folder, None, f"split {split!r} not found (looked for: {looked})")
    names = ", ".join(str(path.relative_to(folder)) for path in files)
    unsharded = any(FILE.fullmatch(path.name) and "-" not in path.stem for path in files)
    if len({(path.parent, path.suffix) for path in files}) > 1 or (unsharded and len(files) > 1):
        raise ReadError(folder, None, f"duplicate files of split {split!r} ({names}); keep one set of files")
    shards = [re.search(r"-(\d+)-of-(\d+)", path.stem) for path in files]
    numbers = [(int(shard[1]), int(shard[2])) if shard else None for shard in shards]
    if any(numbers) and numbers != [(number, len(files)) for number in range(len(files))]:
        raise ReadError(folder, None, f"shards are missing or mixed ({names}); download the data set again")
    return files
