"""How far a matrix has come, from files alone: outputs, logs, and what Snakemake keeps of a run."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..systems import UNTUNED, System
from . import snakemake_records as bookkeeping
from .estimates import Estimate

OUTPUTS = {
    "finetune": "results/adapters/{}/manifest.json",
    "predict": "results/predictions/{}/manifest.json",
    "score": "results/scores/{}.json",
}
KINDS = ("adapters", "predictions")
MANIFEST = re.compile(r"results/(?:adapters|predictions)/((?:[^/]+/){2}\d+-shot/seed-\d+)/manifest\.json")
STEP = re.compile(r"^step (\d+)/(\d+) ", re.MULTILINE)
ANSWERED = re.compile(r"^\S+/\S+: \d+ predictions$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job of a system.

    Attributes:
        state: "done", "running", "failed" or "waiting".
        log: Its log file.
        began: When it began, while it runs; seconds since the epoch.
        heard: When it last wrote into its log, while it runs; None: not yet.
        share: How much of it is done (0 to 1), while it runs; None: not known.
    """

    rule: str
    system: System
    state: str
    log: Path
    began: float | None = None
    heard: float | None = None
    share: float | None = None


class Run:
    """The last run of Snakemake in this folder, as its files tell.

    Attributes:
        log: What it printed.
        due: The outputs that it writes, while it runs.
        heard: When it last printed something.
        began: When it began, while it runs or after it was killed; else None.
    """

    def __init__(self) -> None:
        self.log, self.heard = bookkeeping.last_log()
        self.due, self.began = bookkeeping.due() or (frozenset(), None)
        self.failures = bookkeeping.failures(self.log)

    def systems(self) -> list[System]:
        """Systems that have results, or will have once this run has ended."""
        here = (path.as_posix() for kind in KINDS for path in Path("results", kind).rglob("seed-*/manifest.json"))
        found = {match[1] for path in (*here, *self.due) if (match := MANIFEST.fullmatch(path))}
        return [system for path in sorted(found) if (system := System.parse(path))]

    def jobs(self, system: System) -> list[Job]:
        """The jobs of a system in their order; an untuned model and an adapter made elsewhere have no fine-tuning."""
        released = Path("results/released", str(system)).parent.exists()
        tuned = system.mixture != UNTUNED and not released
        return [self._job(rule, system) for rule in OUTPUTS if rule != "finetune" or tuned]

    def other_failures(self) -> list[bookkeeping.Failure]:
        """Failed jobs that belong to no system, and whose outputs are not there by now."""
        others = (failure for failure in self.failures if failure.rule not in OUTPUTS)
        return [failure for failure in others if not all(Path(output).exists() for output in failure.outputs)]

    def _job(self, rule: str, system: System) -> Job:
        output, log = Path(OUTPUTS[rule].format(system)), Path(f"logs/{rule}/{system}.log")
        begun = bookkeeping.begun(output) if self.began else None
        if begun and begun >= self.began:  # older marks are of a run that was killed
            text, heard = _since(log, begun)
            return Job(rule, system, "running", log, begun, heard, self._share(rule, system, text))
        name = output.as_posix()
        if output.is_file() and (name not in self.due or output.stat().st_mtime >= self.began):
            return Job(rule, system, "done", log)
        failed = any(name in failure.outputs for failure in self.failures)
        return Job(rule, system, "failed" if failed else "waiting", log)

    def _share(self, rule: str, system: System, text: str) -> float | None:
        if rule == "finetune":
            steps = STEP.findall(text)
            return int(steps[-1][0]) / int(steps[-1][1]) if steps else None
        files = [name for name in self.due if name.startswith(f"results/predictions/{system}/") and "parquet" in name]
        return len(ANSWERED.findall(text)) / len(files) if rule == "predict" and files else None

    def scored(self, jobs: Iterable[Job]) -> int:
        """How many of the systems with these jobs this run has brought to an end."""
        return sum(
            job.rule == "score" and job.state == "done" and OUTPUTS["score"].format(job.system) in self.due
            for job in jobs
        )


def state(jobs: Sequence[Job]) -> str:
    """A system's state, from those of its jobs."""
    states = [job.state for job in jobs]
    return next((one for one in ("failed", "running") if one in states), states[-1])


def left(jobs: Iterable[Job], estimate: Estimate, now: float) -> tuple[float, int, list[str]]:
    """What the jobs that run and wait will take.

    Returns:
        Seconds of work, one job after another; how many run side by side now (at least 1); and what no finished job
        has measured, which is not in the seconds.
    """
    work, running, unknown = 0.0, 0, set()
    for job in jobs:
        if job.rule == "score" or job.state in ("done", "failed"):
            continue
        seconds = estimate.finetune(job.system) if job.rule == "finetune" else estimate.predict(job.system)
        gone = now - job.began if job.began else 0.0
        if job.share:
            seconds = gone / job.share  # its own pace
        if seconds is None:
            unknown.add(f"{job.rule} of {job.system.model} with {job.system.shots} shots")
        work, running = work + max((seconds or 0.0) - gone, 0.0), running + (job.state == "running")
    return work, max(running, 1), sorted(unknown)


def _since(log: Path, begun: float) -> tuple[str, float | None]:
    """What a job has written since it began, and when it last did; ("", None) where it has not."""
    try:
        heard = log.stat().st_mtime
        return (log.read_text(encoding="utf-8", errors="replace"), heard) if heard >= begun - 1 else ("", None)
    except OSError:
        return "", None
