"""Snakemake's own records in the folder .snakemake/, or in a database: finished jobs, started jobs, and locks.

The layout of files is that of snakemake/persistence/file.py (format version 6): `metadata/` and `incomplete/` contain
one file per output, named by the base64 of its path; `locks/` lists the outputs that a running workflow will write. The
tables of the database are those of snakemake/persistence/db.py.
"""

import ast
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import UserError
from . import last_run
from .last_run import FOLDER

if TYPE_CHECKING:
    from sqlalchemy import Engine

COLUMNS = ("rule", "params", "input", "input_checksums", "starttime", "endtime")


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


class Backend(Protocol):
    """Storage of Snakemake's records: files or a database."""

    def read(self, output: str) -> Mapping[str, object] | None:
        """Return the COLUMNS of an output's record; None if there is none.

        Raises:
            OSError, ValueError: It cannot be read.
        """
        ...

    def read_start(self, output: str) -> float | None:
        """Return the start of an output's unfinished job, in seconds since the epoch; None: no such job."""
        ...

    def read_locks(self) -> tuple[frozenset[str], float] | None:
        """Return the outputs that are locked, and since when (seconds since the epoch); None: nothing is locked."""
        ...


class Files:
    """Records as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, output: str) -> Mapping[str, object] | None:
        """Return the content of a file in metadata/."""
        return json.loads(self._path("metadata", output).read_text(encoding="utf-8"))

    def read_start(self, output: str) -> float | None:
        """Return the time of a file in incomplete/."""
        try:
            return self._path("incomplete", output).stat().st_mtime
        except OSError:
            return None

    def read_locks(self) -> tuple[frozenset[str], float] | None:
        """Return the content and the time of the files in locks/."""
        locks = sorted((self.folder / "locks").glob("*.output.lock"))
        if not locks:
            return None
        lines = (line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines())
        return frozenset(lines), min(lock.stat().st_mtime for lock in locks)

    def _path(self, kind: str, output: str) -> Path:
        """Return the path of an output's record; parts of long names become folders whose names begin with @."""
        folder, name = self.folder / kind, urlsafe_b64encode(output.encode()).decode()
        try:
            longest = os.pathconf(folder, "PC_NAME_MAX") - 1
        except (OSError, ValueError):
            longest = 254
        parts = [name[start : start + longest] for start in range(0, len(name), longest)]
        return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


class Database:
    """Records in a database, which several folders may share.

    Raises:
        UserError: By all methods: the database cannot be read.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.namespace, self.url = str(folder.absolute()), url
        self.run = last_run.read(folder)

    def read(self, output: str) -> Mapping[str, object] | None:
        """Return a row of the table of records."""
        rows = self._select(", ".join(COLUMNS), "metadata", "target = :value", output)
        return dict(zip(COLUMNS, rows[0], strict=True)) if rows else None

    def read_start(self, output: str) -> float | None:
        """Return the start time of a row that is marked as incomplete."""
        rows = self._select("starttime", "metadata", "target = :value AND incomplete", output)
        return float(str(rows[0][0])) if rows else None

    def read_locks(self) -> tuple[frozenset[str], float] | None:
        """Return the rows of the table of locks, which have no times: those of the last run."""
        outputs = frozenset(str(row[0]) for row in self._select("file_path", "locks", "lock_type = :value", "output"))
        return (outputs, self.run["time"] if self.run else 0.0) if outputs else None

    def _select(self, columns: str, table: str, condition: str, value: str) -> Sequence[Sequence[object]]:
        from sqlalchemy import text
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import SQLAlchemyError

        url = make_url(self.url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():  # to connect would create it
            return []
        query = f"SELECT {columns} FROM snakemake_{table} WHERE namespace = :namespace AND {condition}"  # noqa: S608
        try:
            with _engine(self.url).connect() as connection:
                return connection.execute(text(query), {"namespace": self.namespace, "value": value}).all()
        except (SQLAlchemyError, ImportError) as error:
            raise UserError(
                f"{self.url}: Snakemake's records cannot be read ({str(error).splitlines()[0]}); check "
                "--persistence-backend-db-url of the run, and that this machine has access without a password in it"
            ) from None


@cache
def _engine(url: str) -> "Engine":
    from sqlalchemy import create_engine

    return create_engine(url)


def open_records(folder: Path = FOLDER) -> Backend:
    """Return the records of the back end that the last run used: files, or a database."""
    run = last_run.read(folder)
    return Database(folder, run["database"]) if run and run["database"] else Files(folder)


def read_record(output: Path, folder: Path = FOLDER) -> Record | None:
    """Return the record of an output; None if Snakemake has none, or an unreadable one."""
    try:
        row = open_records(folder).read(output.as_posix())
        return None if row is None else _parse_record({name: row[name] for name in COLUMNS})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        return None


def _parse_record(row: Mapping[str, object]) -> Record | None:
    """Return a record; None for the row of a job that has never finished.

    Lists and mappings may be JSON texts, which is how some databases return them.
    """
    rule, ended = row["rule"], row["endtime"]
    if not isinstance(rule, str) or not isinstance(ended, float):
        return None
    inputs, params, checksums = (_decode(row[name]) for name in ("input", "params", "input_checksums"))
    if not isinstance(checksums, dict):
        return None
    hashes = {str(name): str(sha).removeprefix("sha256:") for name, sha in checksums.items()}
    return Record(rule, _parse_settings(_texts(params)), _texts(inputs), hashes, float(str(row["starttime"])), ended)


def _decode(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _texts(value: object) -> Sequence[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _parse_settings(params: Sequence[str]) -> dict[str, object] | None:
    """Parse the one canonical JSON string that our jobs have as params; Snakemake stores its Python literal."""
    if len(params) != 1:
        return None
    settings = json.loads(ast.literal_eval(params[0]))
    return settings if isinstance(settings, dict) else None
