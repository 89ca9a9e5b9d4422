"""The folder scratch/: what interrupted and finished jobs keep there, and what of it may go."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .manifests import read_json, write_json
from .run_cards import NAME

SIGN = "job.json"  # what an entry was made for
LOCK = "lock"  # held with flock by the job that works in an entry


def sign(entry: Path, result: Path) -> None:
    """Say in an entry of scratch/ which result a job makes there: its manifest."""
    signature, path = {"result": result.as_posix()}, entry / SIGN
    if not path.is_file() or read_json(path) != signature:  # what is only read again keeps its age
        write_json(path, signature)


@dataclass(frozen=True)
class Entry:
    """One job's folder in scratch/.

    Attributes:
        result: The manifest that it was made for; None where it does not say.
        state: "running": a job holds it; "current": the result came from it; "superseded": the result came from
            another; "unfinished": there is no such result (yet); "unknown": it does not say what it is for.
        bytes: Size of all its files.
        checkpoints: Size of its checkpoints.
        changed: When a file in it was last written, in seconds since the epoch.
    """

    folder: Path
    result: Path | None
    state: str
    bytes: int
    checkpoints: int
    changed: float

    def part(self, checkpoints: bool) -> tuple[Path, int]:
        """What would go, and its bytes: the whole entry or its checkpoints alone."""
        return (self.folder / "checkpoints", self.checkpoints) if checkpoints else (self.folder, self.bytes)


def entries(scratch: Path, results: Path) -> list[Entry]:
    """All entries of scratch/, the largest first."""
    made_from = {}
    for card in results.rglob(NAME):
        used = read_json(card).get("scratch") or []
        made_from[card.parent.relative_to(results.parent)] = [used] if isinstance(used, str) else used
    found = [_entry(folder, made_from) for folder in scratch.glob("*/*") if folder.is_dir()]
    return sorted(found, key=lambda entry: (-entry.bytes, entry.folder))


def _entry(folder: Path, made_from: dict[Path, list[str]]) -> Entry:
    key, signed = f"{folder.parent.name}/{folder.name}", folder / SIGN
    result = Path(read_json(signed)["result"]) if signed.is_file() else None
    files = [(path, path.lstat()) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    with hold(folder) as free:
        if not free:
            state = "running"
        elif any(key in used for used in made_from.values()):
            state = "current"
        elif result:
            state = "superseded" if made_from.get(result.parent) else "unfinished"
        else:
            state = "unknown"
    checkpoints = sum(status.st_size for path, status in files if folder / "checkpoints" in path.parents)
    changed = max((status.st_mtime for _, status in files), default=folder.stat().st_mtime)
    return Entry(folder, result, state, sum(status.st_size for _, status in files), checkpoints, changed)


@contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Hold an entry as a job does; gives False where a job holds it. Without a lock file nobody does."""
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


def to_remove(found: list[Entry], *, everything: bool, checkpoints: bool, older_than: float) -> list[Entry]:
    """The entries that may go.

    Args:
        everything: Not only what a newer result has superseded: all that no job holds.
        checkpoints: Entries with checkpoints, whatever their state, since those alone would go.
        older_than: Days that nothing in them has been written.
    """
    limit = time.time() - older_than * 86_400

    def may(entry: Entry) -> bool:
        if entry.state == "running" or entry.changed > limit:
            return False
        return bool(entry.checkpoints) if checkpoints else everything or entry.state == "superseded"

    return [entry for entry in found if may(entry)]


def remove(path: Path, entry: Path) -> bool:
    """Remove an entry or a part of it, unless a job has come to hold it; returns whether it is gone."""
    with hold(entry) as free:
        if free:
            shutil.rmtree(path)
    return free
