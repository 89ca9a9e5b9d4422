"""Events of a run of Snakemake, as JSON Lines in .snakemake/log/.

The logger plugin (`--logger mixtune`) writes them; `mixtune status` and the progress bar read them.
"""

import json
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .last_run import FOLDER, LastRun

SUFFIX = ".mixtune.jsonl"


@dataclass(frozen=True)
class Event:
    """One line of the file; a line lacks what has its default.

    Attributes:
        event: "run_info" (the first line: `pid`, `host`, `total`), "job_info" (a job starts), "job_finished",
            "job_error", "progress" (`done`, `total`) or "error" (`message`).
        time: In seconds since the epoch.
        job: Snakemake's number of a job.
        message: The message of the job's rule, of a cluster about a failed job, or of an error.
    """

    event: str
    time: float
    pid: int = 0
    host: str = ""
    done: int = 0
    total: int = 0
    job: int = 0
    rule: str = ""
    message: str = ""
    output: Sequence[str] = ()
    log: Sequence[str] = ()


@dataclass(frozen=True)
class StartedJob:
    """A job that runs; `started` is in seconds since the epoch."""

    title: str
    started: float


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        title: The message of its rule, or the rule.
        logs: Its log files, those of a cluster included.
        reason: A cluster's message, e.g. that the memory was exceeded; "" without one.
    """

    rule: str
    title: str
    outputs: frozenset[str]
    logs: Sequence[str]
    reason: str = ""


@dataclass
class RunEvents:
    """The state of a run, from its events.

    Attributes:
        pid, host: Its process.
        started, last: Times of its first and last event, in seconds since the epoch.
        done, total: Numbers of jobs.
        running: Jobs by their number.
        failures: Failed jobs, once per attempt.
        failed: Numbers of the jobs whose last attempt has failed.
        unreadable: Lines of the file that are no events.
    """

    pid: int = 0
    host: str = ""
    started: float = 0.0
    last: float = 0.0
    done: int = 0
    total: int = 0
    running: dict[int, StartedJob] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    unreadable: int = 0

    def add(self, event: Event) -> None:
        """Update the state."""
        self.last = event.time
        if event.event == "run_info":
            self.pid, self.host, self.total, self.started = event.pid, event.host, event.total, event.time
        elif event.event == "progress":
            self.done, self.total = event.done, event.total
        elif event.event == "job_info":
            self.failed.discard(event.job)  # it is tried again
            self.running[event.job] = StartedJob(event.message or event.rule, event.time)
        elif event.event == "job_finished":
            self.running.pop(event.job, None)
        elif event.event == "job_error":
            started = self.running.pop(event.job, None)
            title = started.title if started else event.rule
            self.failures.append(Failure(event.rule, title, frozenset(event.output), event.log, event.message))
            self.failed.add(event.job)

    def belongs_to(self, run: LastRun | None) -> bool:
        """Return whether these are the events of a recorded run; of an unknown one, they may be."""
        return run is None or (self.pid, self.host) == (run["pid"], run["host"])


def convert(record: logging.LogRecord) -> Event | None:
    """Return the event of a log record of Snakemake; None for a record without a place in the file."""
    kind, time, facts = str(getattr(record, "event", "")), record.created, vars(record)
    match kind:
        case "run_info":
            return Event(kind, time, os.getpid(), socket.gethostname(), total=facts["stats"]["total"])
        case "job_info" | "job_error":
            job, rule, message = facts["jobid"], facts["rule_name"], facts["rule_msg"] or ""
            return Event(kind, time, job=job, rule=rule, message=message, output=facts["output"], log=facts["log"])
        case "job_finished":
            return Event(kind, time, job=facts["job_id"])
        case "progress":
            return Event(kind, time, done=facts["done"], total=facts["total"])
        case "error":
            return Event(kind, time, message=record.getMessage())
        case _:
            return None


class EventFile:
    """The file of a run's events; each event is written at once and whole.

    Raises:
        OSError: The file cannot be created.
    """

    def __init__(self, time: float, folder: Path = FOLDER) -> None:
        self.path = folder / "log" / f"{datetime.fromtimestamp(time).isoformat().replace(':', '')}{SUFFIX}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def write(self, event: Event) -> None:
        """Append an event.

        Raises:
            OSError: It cannot be written.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: value for name, value in vars(event).items() if value}) + "\n")


def read_last(folder: Path = FOLDER) -> RunEvents | None:
    """Return the state of the last run that wrote events; None if none did."""
    paths = sorted((folder / "log").glob(f"*{SUFFIX}"))  # named by their times
    if not paths:
        return None
    events = RunEvents()
    for line in paths[-1].read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        if not line.endswith("\n"):  # being written
            continue
        try:
            events.add(Event(**json.loads(line)))
        except (ValueError, TypeError):
            events.unreadable += 1
    return events
