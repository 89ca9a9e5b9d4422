"""The folder scratch/: one entry per job and inputs, where interrupted work resumes and finished work is restored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from ..errors import naming
from .locks import exclusive
from .manifests import is_complete, read_json, write_json

SIGN = "job.json"  # names the result that an entry is made for
LOCK = "lock"  # held with flock by the job that works in an entry


class Signature(TypedDict):
    """The file SIGN: the manifest of the result that an entry is made for."""

    result: str


def sign(entry: Path, result: Path) -> None:
    """Record in an entry of scratch/ which result it is made for: the result's manifest."""
    signature, path = Signature(result=result.as_posix()), entry / SIGN
    if not path.is_file() or read_json(path, Signature) != signature:  # an entry that is only read keeps its age
        write_json(path, signature)


@contextmanager
def restored_or_made(entry: Path, result: Path, done: Path, make: Callable[[], None]) -> Iterator[None]:
    """Hold an entry of scratch/ for a block that copies its finished work; do the work first where it is missing.

    A second job on the same entry (e.g. while the orphan of a killed run still works) waits, then restores.

    Args:
        entry: `scratch/RULE/DIGEST`, with a digest of everything that the work depends on.
        result: Manifest of the job's result, recorded in the entry.
        done: Manifest of the finished work in the entry.
        make: Does the work and writes `done` last.
    """
    sign(entry, result)
    with exclusive(entry / LOCK), naming(entry):
        if is_complete(done):
            print(f"finished before: restored from {done.parent}", flush=True)
        else:
            make()
        yield
