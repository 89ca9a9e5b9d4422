"""Answers that were paid for: kept on disk one by one, so that nothing is asked twice."""

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
class Answer:
    """An answer that is kept.

    Attributes:
        text: As the model gave it.
        model: What the endpoint called itself.
        cut: Whether it ended at the limit of tokens.
        at: When it came (ISO 8601, UTC).
    """

    text: str
    model: str
    cut: bool
    at: str


@dataclass(frozen=True)
class Charge:
    """Tokens of prompts and of answers; charges add up.

    Attributes:
        estimated: Requests whose tokens are no endpoint's count.
    """

    input: int = 0
    output: int = 0
    estimated: int = 0

    def __add__(self, other: "Charge") -> "Charge":
        return Charge(self.input + other.input, self.output + other.output, self.estimated + other.estimated)


class PaidAnswers:
    """The answers of one model at one endpoint, by keys of requests, in an SQLite file that one process holds."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._db = sqlite3.connect(path)
            self._db.execute("PRAGMA synchronous=FULL")  # what `keep` has returned from survives a power cut
            self._db.executescript(TABLES)

    def known(self) -> dict[str, Answer]:
        """All answers by their keys."""
        with self._told():
            rows = self._db.execute("SELECT key, text, model, cut, at FROM answers").fetchall()
        return {key: Answer(text, model, bool(cut), at) for key, text, model, cut, at in rows}

    def keep(self, key: str, reply: Reply | None, charge: Charge) -> None:
        """Keep a reply, and in any case what it cost; both or, where the process is killed, neither.

        Args:
            reply: None where there was no answer.
            charge: Its tokens.
        """
        at = time.strftime("%FT%TZ", time.gmtime())
        with self._told(), self._db:
            if reply:
                row = key, reply.text, reply.model, reply.cut, at
                self._db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", row)
            if charge != Charge():
                self._db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (key, *astuple(charge), at))

    def charged(self, keys: Iterable[str] | None = None) -> Charge:
        """All that was paid for these requests, or for all."""
        wanted = None if keys is None else set(keys)
        with self._told():
            rows = self._db.execute("SELECT key, input, output, estimated FROM charges").fetchall()
        return sum((Charge(*tokens) for key, *tokens in rows if wanted is None or key in wanted), Charge())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:  # a full disk, or no such file
            raise UserError(
                f"{self.path}: {error}; it holds answers that were paid for: look at the disk and at the file's mode, "
                "or put a copy back, and start again"
            ) from None
