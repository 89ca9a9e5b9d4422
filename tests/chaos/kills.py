"""Kills runs of the workflow again and again, starts them again as they say, and compares what they leave."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from mixtune.artifacts.manifests import is_complete, read_json

from .plan import Kill, rounds

LIMIT = 1800  # seconds that anything may take, on a machine with other work too
CELL = "tiny/mixtune/0-shot/seed-42"
TARGETS = {
    "prepare_benchmark": ["results/benchmarks/conll04/manifest.json", "results/benchmarks/biographical/manifest.json"],
    "build_mixture": ["results/mixtures/mixtune/manifest.json"],
    "render_training": ["results/rendered/tiny/training/mixtune/0-shot/manifest.json"],
    "render_prompts": ["results/rendered/tiny/prompts/0-shot/manifest.json"],
    "audit": ["reports/tables/data.csv"],
    "finetune": [f"results/adapters/{CELL}/manifest.json"],
    "predict": [f"results/predictions/{CELL}/manifest.json"],
    "score": [f"results/scores/{CELL}.json"],
    "aggregate": ["reports/README.md"],
}
EVERYTHING = [*TARGETS["audit"], *TARGETS["aggregate"]]
# What a job keeps in scratch/ while it runs. The other rules' jobs begin again.
KEPT = {"finetune": "finetune/*/checkpoints/*/manifest.json", "predict": "predict/**/part-*.parquet"}
# Run cards record seconds, and an adapter's manifest its card's SHA-256.
WALL_CLOCK = re.compile(rf"results/runtimes/.*|.*/run_card(_\w+)?\.json|results/adapters/{CELL}/manifest\.json")


def overlay(model: Path) -> dict[str, Any]:
    """One cell of a tiny model on two sample corpora, with ten checkpoints and six parts of predictions."""
    benchmarks, conditions = ["conll04", "biographical"], ["generic", "schema", "constrained"]
    matrix = {"models": ["tiny"], "mixtures": ["mixtune"], "shots": [0], "encoders": [], "floors": []}
    return {
        "matrix": {**matrix, "conditions": conditions, "benchmarks": benchmarks},
        "models": {"tiny": {"origin": "path", "path": str(model)}},
        "benchmarks": {name: {"origin": "sample"} for name in benchmarks},
        "mixtures": {"mixtune": {"benchmarks": benchmarks, "max_rows": 96}},
        "training": {"batch_size": 4, "max_length": 512, "validation_rows": 4, "lora": {"r": 2, "alpha": 4}},
        "prediction": {"max_length": 2048, "max_new_tokens": 4},
    }


@dataclass
class Row:
    """What was killed, when, and what was lost.

    Attributes:
        after: Seconds from the start of the job that the kill was meant for.
        killed: The rules of the jobs that died.
        living: Jobs that went on.
        kept: What the jobs that died had in scratch/.
        repeated: Seconds of work that was done again: since what was kept, or since the job's start.
        lost: Files that were missing or different in the end.
    """

    rule: str
    way: str
    after: float
    killed: str
    living: int
    kept: str
    repeated: float
    lost: int = 0


@dataclass(frozen=True)
class Job:
    """A process of the workflow."""

    process: psutil.Process
    rule: str
    started: float
    group: int


def contents(project) -> dict[str, bytes]:
    """All that the workflow leaves and that no clock enters, by path."""
    paths = [path for part in ("results", "reports") for path in (project / part).rglob("*") if path.is_file()]
    names = {path.relative_to(project.folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not WALL_CLOCK.fullmatch(name)}


def half_written(project) -> list[Path]:
    """Manifests of what is not there or is otherwise; a local model's names files elsewhere, which no job writes."""
    manifests = [path for path in (project / "results").rglob("manifest.json") if "folder" not in read_json(path)]
    return [path for path in manifests if not is_complete(path)]


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true value of a condition."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"waited for {LIMIT} seconds"
        time.sleep(0.05)
    return found


class Chaos:
    """Runs of a project that are killed, compared with the files and the durations of an undisturbed one."""

    def __init__(self, project, undisturbed, seed: int):
        self.project, self.expected, self.rng = project, contents(undisturbed), random.Random(seed)
        self.folder, self.started, self.seconds = str(project.folder.resolve()), [], {}
        for rule in TARGETS:
            runtimes = undisturbed / "results/runtimes"
            tables = [*runtimes.glob(f"{rule}.tsv"), *(runtimes / rule).rglob("*.tsv")]
            self.seconds[rule] = max(pd.read_csv(path, sep="\t")["s"].max() for path in tables)

    def jobs(self) -> list[Job]:
        """The workflow's jobs that live, orphans of earlier runs too; a job's helpers are not among them."""
        found = {}
        for process in psutil.process_iter(["cwd", "cmdline", "create_time", "ppid", "status"], ad_value=None):
            words = [word for word in process.info["cmdline"] or [] if word.startswith("workflow.scripts.")]
            if words and process.info["cwd"] == self.folder and process.info["status"] != psutil.STATUS_ZOMBIE:
                found[process.pid] = process, words[0].removeprefix("workflow.scripts.")
        jobs = []
        for process, rule in found.values():
            with suppress(ProcessLookupError):
                if process.info["ppid"] not in found:
                    jobs.append(Job(process, rule, process.info["create_time"], os.getpgid(process.pid)))
        return jobs

    def kept(self, rule: str) -> list[tuple[float, Path]]:
        """What a rule's job has kept, and when; the newest last."""
        found = []
        for path in (self.project / "scratch").glob(KEPT[rule]) if rule in KEPT else ():
            with suppress(FileNotFoundError):  # an orphan that lives replaces what it keeps
                found.append((path.stat().st_mtime, path))
        return sorted(found)

    def start(self, targets: list[str]) -> subprocess.Popen:
        """Start a run; where the one before was killed, first type that again, and do as its refusal says."""
        if list((self.project / ".snakemake/locks").glob("*.lock")):
            orphans = [job.process.pid for job in self.jobs()]
            output = self.project.snakemake(*self.started, status=1).output
            assert "mixtune: a snakemake that was killed has left a lock on this folder: pid " in output
            assert all(f"pid {pid} since" in output for pid in orphans if psutil.pid_exists(pid)), (orphans, output)
            assert "      snakemake --unlock\n" in output
            self.project.snakemake("--unlock")
        self.started = targets
        return self.project.start(*targets, detached=True)

    def end(self, run: subprocess.Popen) -> None:
        """Wait for the end of a run that nothing disturbs any more."""
        assert run.wait(LIMIT) == 0, (self.project / "snakemake.log").read_text()

    def strike(self, kill: Kill) -> Row | None:
        """Run up to a job, kill, and wait for what ends by that; None where the job had ended before."""
        run = self.start(TARGETS[kill.rule])

        def its_jobs():
            return [job for job in self.jobs() if job.rule == kill.rule]

        wait_for(lambda: run.poll() is not None or its_jobs())
        time.sleep(kill.share * self.seconds[kill.rule])
        its, living = its_jobs(), self.jobs()
        if run.poll() is not None or not its:  # they were faster than those of the undisturbed run
            self.end(run)
            return None
        aim = self.rng.choice(its)
        now = time.time()
        if kill.way == "job":
            dead = [aim]
            with suppress(psutil.NoSuchProcess):
                aim.process.kill()
        elif kill.way == "group":
            dead = [job for job in living if job.group == run.pid]
            os.killpg(run.pid, signal.SIGKILL)
        else:
            dead = []
            run.kill()
        run.wait(LIMIT)
        kept = {job.rule: self.kept(job.rule) for job in dead}
        since = [max([job.started, *(moment for moment, _ in kept[job.rule])]) for job in dead]
        broken = half_written(self.project)
        assert not broken, broken
        return Row(
            rule=kill.rule,
            way=kill.way,
            after=now - aim.started,
            killed=" ".join(sorted(job.rule for job in dead)),
            living=len(living) - len(dead),
            kept=" ".join(
                f"{len(found)} parts" if rule == "predict" else found[-1][1].parent.name
                for rule, found in kept.items()
                if found
            ),
            repeated=sum(max(0.0, now - moment) for moment in since),
        )

    def round(self, kills: list[Kill]) -> list[Row]:
        """Run the workflow from nothing to its end, with these kills; a row for each that met its job."""
        for part in ("results", "reports", "logs", "scratch", ".snakemake"):
            shutil.rmtree(self.project / part, ignore_errors=True)
        rows = []
        for kill in kills:
            row = self.strike(kill)
            if row:
                rows.append(row)
                print(f"{row}", flush=True)
        self.end(self.start(EVERYTHING))
        wait_for(lambda: not self.jobs())
        found = contents(self.project)
        different = {name for name in found.keys() | self.expected.keys() if found.get(name) != self.expected.get(name)}
        different |= {path.relative_to(self.project.folder).as_posix() for path in half_written(self.project)}
        for name in sorted(different):
            print(f"missing or different: {name}", flush=True)
        for row in rows:
            row.lost = len(different)
        return rows


def torment(project, undisturbed, *, kills: int, seed: int) -> list[Row]:
    """Kill so many times, in as many runs as that takes."""
    chaos, rows = Chaos(project, undisturbed, seed), []
    for plan in rounds(seed, kills):
        rows += chaos.round(plan[: kills - len(rows)])
        if len(rows) >= kills:
            return rows
