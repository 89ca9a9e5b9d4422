"""Files of a benchmark's folder that look like a split by their names."""

import re
from collections.abc import Mapping
from pathlib import Path

WORDS = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev", "devel", "development", "eval"},
    "test": {"test", "testing", "eval"},
}
_FILE = re.compile(
    r"[^.].*\.(?:parquet|arrow|csv|tsv|jsonl?|ndjson|txt|xlsx?)(?:\.(?:gz|bz2|xz|zst|zip))?", re.IGNORECASE
)


def find_lookalikes(folder: Path, split: str, files: Mapping[str, str], config: str = "") -> list[Path]:
    """Return the files whose names have a word of a split and none of another, in sorted order.

    Args:
        files: The named file of each split; these are left out.
        config: The config of a data set that is read; those of others are left out.
    """
    folders = [folder / "data" / config, folder / config] if config else [folder, folder / "data"]
    named = {folder / name for name in files.values()}
    paths = {path for parent in folders for path in parent.glob("*") if path.is_file()} - named
    return sorted(path for path in paths if _FILE.fullmatch(path.name) and is_lookalike(path.name, split))


def is_lookalike(name: str, split: str) -> bool:
    """Return whether a file's name has a word of a split, and none of another.

    >>> is_lookalike("dev_triples.json", "validation"), is_lookalike("train_dev.json", "validation")
    (True, False)
    """
    present = {*re.findall("[a-z]+", name.lower())} & set[str]().union(*WORDS.values())
    return bool(present) and present <= WORDS[split]
