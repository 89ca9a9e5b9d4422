"""Progress of a matrix, from files alone: outputs, logs, and the records and events of a run of Snakemake."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .. import layout
from ..config.config import Config
from ..config.matrix import systems
from ..systems import UNTUNED, System, arm
from . import events, last_run
from .estimates import TimeEstimate, read_rates
from .events import Failure, RunEvents
from .snakemake_records import open_records

PROJECT = Path()

OUTPUTS = {"finetune": layout.ADAPTER, "predict": layout.PREDICTIONS, "score": layout.SCORES}
STEP = re.compile(r"^step (\d+)/(\d+) ", re.MULTILINE)
PREDICTED = re.compile(r"^\S+/\S+: \d+ predictions$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job of a system; the last three attributes are set only while it runs.

    Attributes:
        state: "done", "running", "failed" or "waiting".
        log: Its log file.
        started: Start time in seconds since the epoch.
        last_logged: Time of its last log line; None: nothing logged yet.
        share: Finished share of its work (0 to 1); None: unknown.
    """

    rule: str
    system: System
    state: str
    log: Path
    started: float | None = None
    last_logged: float | None = None
    share: float | None = None


class Estimator(Protocol):
    """Estimated seconds of a system's jobs; None if unknown."""

    def finetune(self, system: System) -> float | None:
        """Return the seconds of fine-tuning."""

    def predict(self, system: System) -> float | None:
        """Return the seconds of prediction."""


class WorkflowRun:
    """The last run of Snakemake in this folder.

    Args:
        known: Its events; None: they are read from their file.

    Attributes:
        recorded: Its record; None: it has left none.
        events: Its events; None: it was started without the logger plugin.
        scheduled: The outputs that it writes, while it runs.
        started: Start time, while it runs or after it was killed; else None.
    """

    def __init__(self, known: RunEvents | None = None) -> None:
        self.records, self.recorded = open_records(), last_run.read()
        self.scheduled, self.started = self.records.read_locks() or (frozenset[str](), None)
        read = known or events.read_last()
        self.events = read if read and read.belongs_to(self.recorded) else None
        self.failures = self.events.failures if self.events else []

    def systems(self) -> list[System]:
        """Return the systems that have results, or will have them after this run."""
        existing = (path.as_posix() for path in layout.RESULTS.rglob("seed-*/manifest.json"))
        systems = {system for path in (*existing, *self.scheduled) if (system := layout.of_manifest(path))}
        return sorted(systems, key=str)

    def jobs(self, system: System) -> list[Job]:
        """Return a system's jobs in order; untuned models and released adapters have no fine-tuning."""
        released = Path(layout.RELEASED.format(released=arm(str(system))))
        tuned = system.mixture != UNTUNED and not released.parent.exists()
        return [self._job(rule, system) for rule in OUTPUTS if rule != "finetune" or tuned]

    def other_failures(self) -> list[Failure]:
        """Return the failed jobs that belong to no system and whose outputs are still missing."""
        others = {failure.outputs: failure for failure in self.failures if failure.rule not in OUTPUTS}  # last attempts
        return [failure for failure in others.values() if not all(Path(output).exists() for output in failure.outputs)]

    def _job(self, rule: str, system: System) -> Job:
        output, log = Path(layout.of_system(OUTPUTS[rule], str(system))), layout.log(rule, str(system))
        started = self.records.read_start(output.as_posix())
        if self.started and started and started >= self.started:  # older marks are of a killed run
            text, last_logged = _read_since(log, started)
            return Job(rule, system, "running", log, started, last_logged, self._share(rule, system, text))
        name = output.as_posix()
        is_old = self.started and name in self.scheduled and output.is_file() and output.stat().st_mtime < self.started
        if output.is_file() and not is_old:
            return Job(rule, system, "done", log)
        failed = any(name in failure.outputs for failure in self.failures)
        return Job(rule, system, "failed" if failed else "waiting", log)

    def _share(self, rule: str, system: System, text: str) -> float | None:
        """Return the finished share of a job, from its log: steps of fine-tuning, files of prediction."""
        if rule == "finetune":
            steps = STEP.findall(text)
            return int(steps[-1][0]) / int(steps[-1][1]) if steps else None
        folder = Path(layout.of_system(layout.PREDICTIONS, str(system))).parent.as_posix() + "/"
        files = [name for name in self.scheduled if name.startswith(folder) and "parquet" in name]
        return len(PREDICTED.findall(text)) / len(files) if rule == "predict" and files else None

    def is_scheduled(self, job: Job) -> bool:
        """Return whether the run has made a job's output, or will."""
        return layout.of_system(OUTPUTS[job.rule], str(job.system)) in self.scheduled

    def count_scored(self, jobs: Iterable[Job]) -> int:
        """Count the systems with these jobs that this run has scored."""
        return sum(job.rule == "score" and job.state == "done" and self.is_scheduled(job) for job in jobs)


def summarise_state(jobs: Sequence[Job]) -> str:
    """Return a system's state, from the states of its jobs."""
    states = [job.state for job in jobs]
    return next((state for state in ("failed", "running") if state in states), states[-1])


@dataclass(frozen=True)
class Remaining:
    """The remaining fine-tuning and prediction of a run.

    Attributes:
        seconds: Estimated time of the jobs with a measured rate.
        concurrent: Jobs that run at once, at least 1.
        unknown: Jobs without a measured rate, which the seconds do not include.
    """

    seconds: float
    concurrent: int
    unknown: list[str]


def estimate_run(run: WorkflowRun, config: Config, now: float) -> Remaining:
    """Estimate the remaining time of a run from measured rates, at `now` (seconds since the epoch)."""
    jobs = [job for system in systems(config) for job in run.jobs(system) if run.is_scheduled(job)]
    work, concurrent, unknown = estimate_remaining(jobs, TimeEstimate(config, PROJECT, read_rates(PROJECT)), now)
    return Remaining(work / concurrent, concurrent, unknown)


def estimate_remaining(jobs: Iterable[Job], estimate: Estimator, now: float) -> tuple[float, int, list[str]]:
    """Estimate the remaining work of running and waiting jobs.

    Returns:
        Seconds of work, one job after another; the number of concurrent jobs now (at least 1); and the jobs without a
        measured rate, which the seconds do not include.
    """
    work, running, unknown = 0.0, 0, set()
    for job in jobs:
        if job.rule == "score" or job.state in ("done", "failed"):
            continue
        seconds = estimate.finetune(job.system) if job.rule == "finetune" else estimate.predict(job.system)
        elapsed = now - job.started if job.started else 0.0
        if job.share:
            seconds = elapsed / job.share  # its own rate is more exact than that of finished jobs
        if seconds is None:
            unknown.add(f"{job.rule} of {job.system.model} with {job.system.shots} shots")
        work, running = work + max((seconds or 0.0) - elapsed, 0.0), running + (job.state == "running")
    return work, max(running, 1), sorted(unknown)


def _read_since(log: Path, started: float) -> tuple[str, float | None]:
    """Return a job's log and the time of its last line; ("", None) if it has logged nothing since its start."""
    with suppress(OSError):
        last_logged = log.stat().st_mtime
        if last_logged >= started - 1:
            return log.read_text(encoding="utf-8", errors="replace"), last_logged
    return "", None
