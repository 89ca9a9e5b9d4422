"""What Snakemake keeps in the folder .snakemake/: records of finished jobs, marks of begun ones, locks and logs.

Read by the layout that snakemake/persistence/file.py describes (format version 6): `metadata/` and `incomplete/` hold
a file for each output, named by the base64 of its path; `locks/` lists the outputs that a running workflow will write.
"""

import ast
import json
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(".snakemake")


@dataclass(frozen=True)
class Record:
    """How an output was made.

    Attributes:
        settings: The job's resolved settings (its `params`); None where the rule has none.
        inputs: Paths as the rule named them.
        checksums: SHA-256 of the inputs that are small enough for Snakemake to compare by content.
        started, ended: Seconds since the epoch.
    """

    rule: str
    settings: dict[str, Any] | None
    inputs: Sequence[str]
    checksums: dict[str, str]
    started: float
    ended: float


@dataclass(frozen=True)
class Failure:
    """A job that failed in the last run."""

    rule: str
    outputs: frozenset[str]
    log: str


def record(output: Path, folder: Path = FOLDER) -> Record | None:
    """How an output was made; None where Snakemake has no record of it, or one that cannot be read."""
    path = _place(folder / "metadata", output)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        checksums = {name: sum.removeprefix("sha256:") for name, sum in found["input_checksums"].items()}
        return Record(
            found["rule"],
            _settings(found["params"] or []),
            found["input"] or [],
            checksums,
            found["starttime"],
            found["endtime"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _settings(params: Sequence[str]) -> dict[str, Any] | None:
    """The one canonical JSON string that our jobs have as params, which Snakemake keeps as Python writes it."""
    if len(params) != 1:
        return None
    settings = json.loads(ast.literal_eval(params[0]))
    return settings if isinstance(settings, dict) else None


def begun(output: Path, folder: Path = FOLDER) -> float | None:
    """When the job of an output began that has not ended since; None where there is none."""
    try:
        return _place(folder / "incomplete", output).stat().st_mtime
    except OSError:
        return None


def due(folder: Path = FOLDER) -> tuple[frozenset[str], float] | None:
    """The outputs that the running workflow writes, and when it began; None where none has locked the folder."""
    locks = sorted((folder / "locks").glob("*.output.lock"))
    if not locks:
        return None
    lines = (line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines())
    return frozenset(lines), min(lock.stat().st_mtime for lock in locks)


def last_log(folder: Path = FOLDER) -> tuple[str, float]:
    """The log of the last run that had something to do, and when it was written; ("", 0.0) where there is none."""
    for path in sorted((folder / "log").glob("*.snakemake.log"), reverse=True):  # named by their times
        text = path.read_text(encoding="utf-8", errors="replace")
        if "\nJob stats:\n" in text:
            return text, path.stat().st_mtime
    return "", 0.0


def overlays(log: str) -> list[Path] | None:
    """The overlays of the run that wrote a log; None where it does not tell (`quiet: host`)."""
    line = re.search(r"^  Config file\(s\): \[(.*)\]$", log, re.MULTILINE)
    return [Path(name) for name in re.findall(r"'([^']+)'", line[1]) if name != "config.yaml"] if line else None


def steps(log: str) -> tuple[int, int] | None:
    """How many jobs of a run are done, and of how many."""
    total = re.search(r"^total +(\d+)$", log, re.MULTILINE)
    done = re.findall(r"^(\d+) of \d+ steps", log, re.MULTILINE)
    return (int(done[-1]) if done else 0, int(total[1])) if total else None


def failures(log: str) -> list[Failure]:
    """The jobs of a run that failed, a job that failed twice twice."""
    found = []
    for rule, text in re.findall(r"^Error in (?:local)?rule (\w+):\n((?:    .*\n)+)", log, re.MULTILINE):
        outputs = re.search(r"^    output: (.*)$", text, re.MULTILINE)
        path = re.search(r"^    log: (.*?)(?: \(check log.*)?$", text, re.MULTILINE)
        found.append(Failure(rule, frozenset(outputs[1].split(", ") if outputs else ()), path[1] if path else ""))
    return found


def _place(folder: Path, output: Path) -> Path:
    """Where Snakemake keeps what it knows of an output: long names lie in folders that begin with @."""
    name = urlsafe_b64encode(output.as_posix().encode()).decode()
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX") - 1
    except (OSError, ValueError):
        longest = 254
    parts = [name[start : start + longest] for start in range(0, len(name), longest)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
