"""Tables of examples: a local folder laid out like a Hugging Face data set, one row an example.

A hub copy has the columns `text`, `entity1`, `entity2` and `relation`, sometimes `entity1Type` and `entity2Type`;
for other tables, `columns` says what theirs are called. Further columns (ready prompts) are ignored. Files are
parquet, CSV or TSV with a header, or JSON Lines, named after their split:
`data/train-00000-of-00002.parquet`, `train.csv`, `<config>/test-*.parquet`, `<config>/test/0000.parquet`.
Traps: the label `NA` is a word and null is not; negatives may be stored as null (in CSV and TSV: an empty cell);
a hub copy has no offsets, so mentions are searched; a folder may hold several configs, or lack a shard.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..example import Example, MissingSplit, ReadError, locate, text_group
from .tabular import BROKEN, Row, header, rows

HUB_COPY = {
    "text": "text",
    "head": "entity1",
    "tail": "entity2",
    "relation": "relation",
    "head_type": "entity1Type",
    "tail_type": "entity2Type",
}
TYPES = ("head_type", "tail_type")
OFFSETS = ("head_start", "head_end", "tail_start", "tail_end")
FILE = re.compile(
    r"(?:data/)?(?:(?P<config>(?!(?:data|train|validation|valid|val|dev|test)/)[^/.][^/]*)/)?(?:data/)?"
    r"(?P<split>train|validation|valid|val|dev|test)(?:-[^/]*|/[^/]*)?\.(?:parquet|csv|tsv|jsonl?)"
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
    columns: Mapping[str, str] | None = None,
) -> Iterator[Example]:
    """One example a row, numbered from 0 over all files of the split in sorted order.

    Args:
        folder: The data set's folder.
        negative: The label that a null relation stands for; None where the benchmark has no negative label.
        config: The config to read; needed only where the folder holds several.
        columns: What the files call `text`, `head`, `tail`, `relation`, and, as far as they have them, `head_type`,
            `tail_type`, `id` (stands in the example's id for the row's number), `group` (what must not be divided
            between splits; else the text) and, all four or none, `head_start`, `head_end`, `tail_start`,
            `tail_end` (characters from 0, end exclusive; -1, -1: not in the text). With these, `head` and `tail`
            may be left out. None: the names of a hub copy, whose types may be missing.

    Raises:
        MissingSplit: The config has no file of this split.
        ReadError: The folder is ambiguous or lacks a shard, `columns` lacks a name, or a row is broken.
    """
    names = columns or HUB_COPY
    _check_columns(folder, benchmark, names)
    optional = () if columns else [HUB_COPY[name] for name in TYPES]
    number, ids = 0, set()
    for path in _split_files(folder, split, config):
        for position, row in enumerate(rows(path, names, optional, counts)):
            try:
                id, text = str(number), row.string("text")
                if "id" in names:
                    id = row.key("id")
                    if id in ids:
                        raise ValueError(f"{names['id']} {id!r} is in this split for the second time")
                    ids.add(id)
                example = Example(
                    f"{benchmark}/{split}/{id}",
                    benchmark,
                    split,
                    text,
                    *_mentions(row, text),
                    *("" if row.values.get(name) is None else row.string(name) for name in TYPES),
                    relation=_relation(row, negative),
                    group=row.key("group") if "group" in names else text_group(text),
                )
            except ValueError as error:
                raise ReadError(path, f"row {position}", str(error)) from None
            yield example
            number += 1
    if not number:
        raise ReadError(path, None, f"split {split!r} holds no row; is the file truncated?")


def _check_columns(folder: Path, benchmark: str, names: Mapping[str, str]) -> None:
    given = [name for name in OFFSETS if name in names]
    wanted = ["text", "relation", *(OFFSETS if given else ("head", "tail"))]
    missing = [name for name in wanted if name not in names]
    if missing:
        remedy = f"add to benchmarks.{benchmark}.columns what the files call them"
        raise ReadError(folder, None, f"no column is named for {', '.join(missing)}; {remedy}")


def _relation(row: Row, negative: str | None) -> str:
    if row.values["relation"] is not None:
        return row.stripped("relation", "label")
    if negative is None:
        raise ValueError(f"{row.describe('relation')}, and this benchmark has no negative label that null could mean")
    row.counts[f"relation was null, read as {negative}"] += 1
    return negative


def _mentions(row: Row, text: str) -> tuple[str, str, int, int, int, int]:
    """Head, tail and the span of each: as the row says, or else as they are found in the text."""
    if "head_start" not in row.values:
        head, tail = row.stripped("head", "mention"), row.stripped("tail", "mention")
        return head, tail, *locate(text, head, tail, row.counts)
    (head, *h), (tail, *t) = _mention(row, "head", text), _mention(row, "tail", text)
    if h[0] < t[1] and t[0] < h[1]:
        row.counts["mentions overlap"] += 1
    return head, tail, *h, *t


def _mention(row: Row, side: str, text: str) -> tuple[str, int, int]:
    """A mention where the row's offsets have it; they move where white space is stripped."""
    start, end = row.integer(f"{side}_start"), row.integer(f"{side}_end")
    if (start, end) == (-1, -1):
        if side not in row.values:
            raise ValueError(f"{side} is not in the text by its offsets, and no column holds it")
        row.counts["mention not found"] += 1
        return row.stripped(side, "mention"), start, end
    if not 0 <= start < end <= len(text):
        raise ValueError(f"{side} is at {start}:{end}, which is no span of a text of {len(text)} characters")
    found = text[start:end]
    given = row.string(side) if side in row.values else found
    mention = found.strip()
    if given.strip() != mention:
        raise ValueError(f"{side} is {given[:80]!r}, but {start}:{end} of the text is {found[:80]!r}")
    if not given == found == mention:
        row.counts["mention had white space around it"] += 1
    start += len(found) - len(found.lstrip())
    return mention, start, start + len(mention)


def _header(path: Path) -> list[str]:
    """Column names of a file that need not be a hub copy's."""
    try:
        return header(path)
    except BROKEN:
        # No native split is a parquet file, so `read` may tell what is wrong with this one.
        return list(HUB_COPY.values()) if path.suffix == ".parquet" else []


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
        looked = f"data/{split}-*.parquet, {split}.parquet, {split}.csv, {split}.tsv, {split}.jsonl, {split}.json"
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
