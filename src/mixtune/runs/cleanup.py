"""Entries of scratch/: their states and sizes, and the removal of those that no result needs."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..artifacts.cache import LOCK, SIGN, Signature
from ..artifacts.manifests import read_json
from ..artifacts.run_cards import NAME, RunCard

State = Literal["running", "current", "superseded", "unfinished", "unknown"]


@dataclass(frozen=True)
class Entry:
    """One job's folder in scratch/.

    Attributes:
        result: The manifest that it was made for; None where none is recorded.
        state: "running": a job holds it; "current": the result came from it; "superseded": the result came from
            another entry; "unfinished": there is no such result (yet); "unknown": no result is recorded.
        bytes: Size of all its files.
        checkpoints: Size of its checkpoints.
        changed: Time of the last write to one of its files, in seconds since the epoch.
    """

    folder: Path
    result: Path | None
    state: State
    bytes: int
    checkpoints: int
    changed: float

    def part(self, checkpoints: bool) -> tuple[Path, int]:
        """Return the folder to remove and its bytes: the whole entry or its checkpoints alone."""
        return (self.folder / "checkpoints", self.checkpoints) if checkpoints else (self.folder, self.bytes)


def list_entries(scratch: Path, results: Path) -> list[Entry]:
    """Return all entries of scratch/, the largest first."""
    sources: dict[Path, list[str]] = {}  # by folder of results/: the entries that its result came from
    for card in results.rglob(NAME):
        used = read_json(card, RunCard).get("scratch") or []
        sources[card.parent.relative_to(results.parent)] = [used] if isinstance(used, str) else used
    entries = [_entry(folder, sources) for folder in scratch.glob("*/*") if folder.is_dir()]
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.folder))


def _entry(folder: Path, sources: dict[Path, list[str]]) -> Entry:
    signature = folder / SIGN
    result = Path(read_json(signature, Signature)["result"]) if signature.is_file() else None
    files = [(path, path.lstat()) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    checkpoints = sum(status.st_size for path, status in files if folder / "checkpoints" in path.parents)
    changed = max((status.st_mtime for _, status in files), default=folder.stat().st_mtime)
    size = sum(status.st_size for _, status in files)
    return Entry(folder, result, _state(folder, result, sources), size, checkpoints, changed)


def _state(folder: Path, result: Path | None, sources: dict[Path, list[str]]) -> State:
    with hold(folder) as free:
        if not free:
            return "running"
    if any(f"{folder.parent.name}/{folder.name}" in used for used in sources.values()):
        return "current"
    if result is None:
        return "unknown"
    return "superseded" if sources.get(result.parent) else "unfinished"


@contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Hold an entry's lock for a block; yield False where a job holds it. An entry without a lock file is free."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)


def removable(entries: list[Entry], *, everything: bool, checkpoints: bool, older_than: float) -> list[Entry]:
    """Return the entries that may be removed.

    Args:
        everything: All that no job holds, not only superseded ones.
        checkpoints: Entries with checkpoints, whatever their state, since only those would be removed.
        older_than: Days since their last write.
    """
    limit = time.time() - older_than * 86_400

    def is_removable(entry: Entry) -> bool:
        if entry.state == "running" or entry.changed > limit:
            return False
        return bool(entry.checkpoints) if checkpoints else everything or entry.state == "superseded"

    return [entry for entry in entries if is_removable(entry)]


def remove(path: Path, entry: Path) -> bool:
    """Remove an entry or a part of it, unless a job has taken its lock; return whether it was removed."""
    with hold(entry) as free:
        if free:
            shutil.rmtree(path)
    return free
