"""Snakemake's own files in the folder .snakemake/: records of finished jobs, marks of started jobs, locks and logs.

The layout is that of snakemake/persistence/file.py (format version 6): `metadata/` and `incomplete/` contain one file
per output, named by the base64 of its path; `locks/` lists the outputs that a running workflow will write.
"""

import ast
import json
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".snakemake")


@dataclass(frozen=True)
class Record:
    """Record of the job that made an output.

    Attributes:
        settings: The job's resolved settings (its `params`); None if the rule has none.
        inputs: Paths as the rule named them.
        checksums: SHA-256 of the inputs that are small enough for Snakemake to compare by content.
        started, ended: Seconds since the epoch.
    """

    rule: str
    settings: dict[str, object] | None
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


def read_record(output: Path, folder: Path = FOLDER) -> Record | None:
    """Return the record of an output; None if Snakemake has none, or an unreadable one."""
    path = _record_path(folder / "metadata", output)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksums = {name: sha.removeprefix("sha256:") for name, sha in content["input_checksums"].items()}
        return Record(
            content["rule"],
            _parse_settings(content["params"] or []),
            content["input"] or [],
            checksums,
            content["starttime"],
            content["endtime"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parse_settings(params: Sequence[str]) -> dict[str, object] | None:
    """Parse the one canonical JSON string that our jobs have as params; Snakemake stores its Python literal."""
    if len(params) != 1:
        return None
    settings = json.loads(ast.literal_eval(params[0]))
    return settings if isinstance(settings, dict) else None


def read_start(output: Path, folder: Path = FOLDER) -> float | None:
    """Return the start time of an output's unfinished job; None if there is no such job."""
    try:
        return _record_path(folder / "incomplete", output).stat().st_mtime
    except OSError:
        return None


def read_scheduled(folder: Path = FOLDER) -> tuple[frozenset[str], float] | None:
    """Return the outputs that the running workflow writes, and its start time; None if the folder is not locked."""
    locks = sorted((folder / "locks").glob("*.output.lock"))
    if not locks:
        return None
    lines = (line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines())
    return frozenset(lines), min(lock.stat().st_mtime for lock in locks)


def read_last_log(folder: Path = FOLDER) -> tuple[str, float]:
    """Return the log of the last run that had jobs, and the time of its last line; ("", 0.0) if there is none."""
    for path in sorted((folder / "log").glob("*.snakemake.log"), reverse=True):  # named by their times
        text = path.read_text(encoding="utf-8", errors="replace")
        if "\nJob stats:\n" in text:
            return text, path.stat().st_mtime
    return "", 0.0


def parse_overlays(log: str) -> list[Path] | None:
    """Return the overlays of the run that wrote a log; None if the log lacks them (`quiet: host`).

    >>> parse_overlays("  Config file(s): [PosixPath('tiny.yaml'), 'config.yaml']")
    [PosixPath('tiny.yaml')]
    """
    line = re.search(r"^  Config file\(s\): \[(.*)\]$", log, re.MULTILINE)
    return [Path(name) for name in re.findall(r"'([^']+)'", line[1]) if name != "config.yaml"] if line else None


def parse_steps(log: str) -> tuple[int, int] | None:
    """Return the number of finished jobs of a run, and of all its jobs; None if the log lacks them."""
    total = re.search(r"^total +(\d+)$", log, re.MULTILINE)
    done = re.findall(r"^(\d+) of \d+ steps", log, re.MULTILINE)
    return (int(done[-1]) if done else 0, int(total[1])) if total else None


def parse_failures(log: str) -> list[Failure]:
    """Return the failed jobs of a run, once per attempt."""
    failures = []
    for rule, text in re.findall(r"^Error in (?:local)?rule (\w+):\n((?:    .*\n)+)", log, re.MULTILINE):
        outputs = re.search(r"^    output: (.*)$", text, re.MULTILINE)
        path = re.search(r"^    log: (.*?)(?: \(check log.*)?$", text, re.MULTILINE)
        failures.append(Failure(rule, frozenset(outputs[1].split(", ") if outputs else ()), path[1] if path else ""))
    return failures


def _record_path(folder: Path, output: Path) -> Path:
    """Return the path of an output's record; parts of long names become folders whose names begin with @."""
    name = urlsafe_b64encode(output.as_posix().encode()).decode()
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX") - 1
    except (OSError, ValueError):
        longest = 254
    parts = [name[start : start + longest] for start in range(0, len(name), longest)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
