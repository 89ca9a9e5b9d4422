"""Paid answers of frontier models, stored on disk one by one: no request is sent twice."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from ..errors import UserError
from .endpoint import Reply

TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, model TEXT NOT NULL, cut INTEGER NOT NULL, at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    key TEXT NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, estimated INTEGER NOT NULL, at TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class StoredAnswer:
    """A stored answer.

    Attributes:
        text: The model's output, unchanged.
        model: Name of the model, as the endpoint reported it.
        cut: Whether the answer was truncated at the token limit.
        at: Time of arrival (ISO 8601, UTC).
    """

    text: str
    model: str
    cut: bool
    at: str


@dataclass(frozen=True)
class Charge:
    """Tokens of prompts and of answers; charges add up.

    Attributes:
        estimated: Requests whose tokens are estimated, as the endpoint did not count them.

    >>> Charge(30, 2) + Charge(40, 8, 1)
    Charge(input=70, output=10, estimated=1)
    """

    input: int = 0
    output: int = 0
    estimated: int = 0

    def __add__(self, other: "Charge") -> "Charge":
        return Charge(self.input + other.input, self.output + other.output, self.estimated + other.estimated)


class PaidAnswers:
    """Answers of one model at one endpoint by request key, in an SQLite file used by one process at a time."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._user_errors():
            self._db = sqlite3.connect(path)
            self._db.execute("PRAGMA synchronous=FULL")  # a stored answer survives a power cut
            self._db.executescript(TABLES)

    def read(self) -> dict[str, StoredAnswer]:
        """Return all answers by key."""
        with self._user_errors():
            rows = self._db.execute("SELECT key, text, model, cut, at FROM answers").fetchall()
        return {key: StoredAnswer(text, model, bool(cut), at) for key, text, model, cut, at in rows}

    def store(self, key: str, reply: Reply | None, charge: Charge) -> None:
        """Store a reply and its charge: both or, if the process is killed, neither.

        Args:
            reply: None where there was no answer.
            charge: Its tokens; they may be charged without an answer.
        """
        at = time.strftime("%FT%TZ", time.gmtime())
        with self._user_errors(), self._db:
            if reply:
                row = key, reply.text, reply.model, reply.cut, at
                self._db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", row)
            if charge != Charge():
                self._db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (key, *astuple(charge), at))

    def total_charge(self, keys: Iterable[str] | None = None) -> Charge:
        """Return the total charge of these requests, or of all."""
        wanted = None if keys is None else set(keys)
        with self._user_errors():
            rows = self._db.execute("SELECT key, input, output, estimated FROM charges").fetchall()
        return sum((Charge(*tokens) for key, *tokens in rows if wanted is None or key in wanted), Charge())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _user_errors(self) -> Iterator[None]:
        """Turn an error of the database into a UserError."""
        try:
            yield
        except sqlite3.DatabaseError as error:  # e.g. a full disk, or another file
            raise UserError(
                f"{self.path}: {error}; it holds paid answers: check the disk and the file's mode, or restore a copy, "
                "and rerun"
            ) from None
