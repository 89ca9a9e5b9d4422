"""Hub copies: a local folder laid out like a Hugging Face data set, one row an example.

Columns are `text`, `entity1`, `entity2` and `relation`, sometimes `entity1Type` and `entity2Type`; others
(ready prompts) are ignored. Files are parquet, CSV with a header, or JSON Lines, named after their split:
`data/train-00000-of-00002.parquet`, `train.csv`, `<config>/test-*.parquet`, `<config>/test/0000.parquet`.
Traps: the label `NA` is a word and null is not; negatives may be stored as null (in CSV: an empty cell);
there are no offsets, so mentions are searched; a folder may hold several configs, or lack a shard.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .example import Example, MissingSplit, ReadError, json_lines, locate, text_group

REQUIRED = ("text", "entity1", "entity2", "relation")
COLUMNS = (*REQUIRED, "entity1Type", "entity2Type")
FILE = re.compile(
    r"(?:data/)?(?:(?P<config>(?!(?:data|train|validation|valid|val|dev|test)/)[^/.][^/]*)/)?(?:data/)?"
    r"(?P<split>train|validation|valid|val|dev|test)(?:-[^/]*|/[^/]*)?\.(?:parquet|csv|jsonl?)"
)


def is_hub_copy(folder: Path) -> bool:
    """Whether a split's file has a column `entity1` or `entity2`, which no benchmark's native file has."""
    files = (path for config in _files(folder).values() for split in config.values() for path in split)
    return any({"entity1", "entity2"} & set(_header(path)) for path in files)


def read(
    folder: Path,
    benchmark: str,
    split: str,
    counts: Counter[str],
    negative: str | None = None,
    config: str = "",
) -> Iterator[Example]:
    """One example a row, numbered from 0 over all files of the split in sorted order.

    Args:
        folder: The data set's folder.
        negative: The label that a null relation stands for; None where the benchmark has no negative label.
        config: The config to read; needed only where the folder holds several.

    Raises:
        MissingSplit: The config has no file of this split.
        ReadError: The folder is ambiguous or lacks a shard, or a row is broken.
    """
    row = 0
    for path in _split_files(folder, split, config):
        for number, record in enumerate(_records(path)):
            try:
                values = _values(record, negative, counts)
                head, tail = values["entity1"], values["entity2"]
                head_start, head_end, tail_start, tail_end = locate(values["text"], head, tail, counts)
                example = Example(
                    id=f"{benchmark}/{split}/{row}",
                    benchmark=benchmark,
                    split=split,
                    text=values["text"],
                    head=head,
                    tail=tail,
                    head_start=head_start,
                    head_end=head_end,
                    tail_start=tail_start,
                    tail_end=tail_end,
                    head_type=values["entity1Type"],
                    tail_type=values["entity2Type"],
                    relation=values["relation"],
                    group=text_group(values["text"]),
                )
            except ValueError as error:
                raise ReadError(path, f"row {number}", str(error)) from None
            yield example
            row += 1


def _values(record: dict[str, Any], negative: str | None, counts: Counter[str]) -> dict[str, str]:
    values = {column: record.get(column) for column in COLUMNS}
    if values["relation"] is None:
        if negative is None:
            raise ValueError("relation is null, and this benchmark has no negative label that null could mean")
        counts[f"relation was null, read as {negative}"] += 1
        values["relation"] = negative
    for column, value in values.items():
        if value is None and column.endswith("Type"):
            values[column] = ""
        elif not isinstance(value, str):
            raise ValueError(f"{column} is {'null' if value is None else repr(value)}, not a string")
        elif column in ("entity1", "entity2", "relation") and value != value.strip():
            counts[f"{'label' if column == 'relation' else 'mention'} had white space around it"] += 1
            values[column] = value.strip()
    return values


def _records(path: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for record in {".parquet": _parquet, ".csv": _csv}.get(path.suffix, _json)(path):
            yield record
            number += 1
    except ReadError:
        raise
    except (pa.ArrowException, csv.Error, OSError, RecursionError, ValueError) as error:
        # Files are decoded in blocks, so the broken row may stand behind the first one not yet read.
        raise ReadError(path, f"row {number} or later", f"broken {path.suffix} file ({error})") from None


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        names = _checked(path, file.schema_arrow.names)
        for batch in file.iter_batches(1024, columns=[name for name in COLUMNS if name in names]):
            yield from batch.to_pylist()


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        names = _checked(path, next(rows, []))
        for cells in filter(None, rows):  # an empty line is no row
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells under {len(names)} column names")
            yield {name: cell or None for name, cell in zip(names, cells, strict=True)}


def _json(path: Path) -> Iterator[dict[str, Any]]:
    for line, record in json_lines(path):
        if not isinstance(record, dict):
            raise ReadError(path, line, "expected one JSON object a line")
        _checked(path, list(record), line)
        yield record


def _checked(path: Path, names: list[str], line: int | None = None) -> list[str]:
    wrong = [name for name in COLUMNS if names.count(name) > 1 or (name in REQUIRED and name not in names)]
    if wrong:
        raise ReadError(path, line, f"column missing or twice: {', '.join(wrong)} (found: {', '.join(names)})")
    return names


def _header(path: Path) -> list[str]:
    """Column names of a file that need not be a hub copy's."""
    try:
        if path.suffix == ".parquet":
            return pq.read_schema(path).names
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return next(csv.reader(file), [])
        with path.open("rb") as file:
            if file.read(64).lstrip()[:1] != b"{":  # a native JSON array may be one line of 200 MB
                return []
        return next((list(record) for _, record in json_lines(path)), [])
    except (pa.ArrowException, csv.Error, OSError, RecursionError, ValueError):
        # No native split is a parquet file, so `read` may tell what is wrong with this one.
        return list(REQUIRED) if path.suffix == ".parquet" else []


def _files(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """The data files in sorted order, by config and split; the config without a name is `default`."""
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern)):
        match = FILE.fullmatch(path.relative_to(folder).as_posix())
        if match and path.is_file():
            split = match["split"] if match["split"] in ("train", "test") else "validation"
            found[match["config"] or "default"][split].append(path)
    return found


def _split_files(folder: Path, split: str, config: str) -> list[Path]:
    configs = _files(folder)
    if configs and (config not in configs if config else len(configs) > 1):
        problem = f"there is no config {config!r}" if config else "the folder holds several configs"
        raise ReadError(folder, None, f"{problem}; set `config` to one of: {', '.join(sorted(configs))}")
    files = configs[config or next(iter(configs))][split] if configs else []
    if not files:
        looked = f"data/{split}-*.parquet, {split}.parquet, {split}.csv, {split}.jsonl, {split}.json"
        raise MissingSplit(folder, None, f"split {split!r} not found (looked for: {looked})")
    names = ", ".join(str(path.relative_to(folder)) for path in files)
    whole = any(FILE.fullmatch(path.name) and "-" not in path.stem for path in files)
    if len({(path.parent, path.suffix) for path in files}) > 1 or (whole and len(files) > 1):
        raise ReadError(folder, None, f"split {split!r} is there more than once ({names}); keep one set of files")
    shards = [re.search(r"-(\d+)-of-(\d+)", path.stem) for path in files]
    numbers = [(int(shard[1]), int(shard[2])) if shard else None for shard in shards]
    if any(numbers) and numbers != [(number, len(files)) for number in range(len(files))]:
        raise ReadError(folder, None, f"shards are missing or mixed ({names}); download the data set again")
    return files
