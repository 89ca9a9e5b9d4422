"""`mixtune status`: progress of a matrix."""

import argparse
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from .values import number

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ..config.config import Config
    from ..runs.progress import Job, WorkflowRun

STATES = ("done", "running", "waiting", "failed")
SILENT = 900  # seconds without a line in any log after which a run may be dead


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "status",
        help="show the progress of a matrix",
        description="Shows done, running, waiting and failed systems, during a run and after it, from files alone. "
        "The matrix is that of the last run.",
    )
    command.add_argument(
        "--configfile",
        nargs="+",
        action="append",
        metavar="FILE",
        help="overlays of another matrix than the last run's",
    )
    command.add_argument(
        "--watch",
        type=number(0.1, 86_400),
        nargs="?",
        const=5,
        metavar="SECONDS",
        help="refresh the display until the run ends",
    )
    command.set_defaults(function=status)


def status(args: argparse.Namespace) -> None:
    """Print the state of a matrix, once or repeatedly."""
    from rich.live import Live

    from ..runs.progress import WorkflowRun
    from ..terminal import console

    out, run = console(), WorkflowRun()
    if not args.watch or not run.started:
        out.print(_describe(run, args.configfile))
        return
    with suppress(KeyboardInterrupt), Live(_describe(run, args.configfile), console=out, auto_refresh=False) as live:
        while run.started:
            time.sleep(args.watch)
            run = WorkflowRun()
            live.update(_describe(run, args.configfile), refresh=True)


def _describe(run: "WorkflowRun", given: list[list[str]] | None) -> "RenderableType":
    """Describe a run: counts of systems by model and state, running jobs, failed jobs, remaining time."""
    from rich.console import Group

    from ..config.matrix import systems
    from ..config.overlays import check_folder
    from ..runs.last_run import FOLDER
    from ..runs.progress import summarise_state

    config = _load_config(run, given)
    jobs = {system: run.jobs(system) for system in (systems(config) if config else run.systems())}
    if not jobs:
        if not FOLDER.is_dir():
            check_folder()
        return "no run found here; --configfile with the overlays of a matrix lists its systems"
    states = {system: summarise_state(own) for system, own in jobs.items()}
    counts = Counter((system.model, state) for system, state in states.items())
    every, now = [job for own in jobs.values() for job in own], time.time()
    running = [job for job in every if job.state == "running"]
    total = Counter(states.values())
    return Group(
        _count_table(list(dict.fromkeys(system.model for system in jobs)), counts),
        *([_job_table(running, now)] if running else []),
        *(f"failed: {job.rule} {job.system}; see {job.log}" for job in every if job.state == "failed"),
        *(f"failed: {failure.rule}; see {', '.join(failure.logs)}" for failure in run.other_failures()),
        f"{len(jobs)} systems: " + ", ".join(f"{total[state]} {state}" for state in STATES),
        *_describe_events(run),
        *_describe_rate(run, every, now, config),
    )


def _load_config(run: "WorkflowRun", given: list[list[str]] | None) -> "Config | None":
    """Load the configuration with the given overlays, or that of the last run; None if the latter is unknown."""
    from ..config.overlays import load_files, of_option, select
    from ..runs.last_run import load_config

    if given:
        return load_files(select(of_option(given)))
    return load_config(run.recorded) if run.recorded else None


def _describe_events(run: "WorkflowRun") -> list[str]:
    """Describe what the events of a run lack, in lines."""
    if run.events is None and run.recorded:
        return [
            "failed jobs and the number of jobs are unknown: this run has no events, since it was started without "
            "`--logger mixtune` (profiles/default); Snakemake's log of it is the last one in .snakemake/log/"
        ]
    if run.events and run.events.unreadable:
        return [f"{run.events.unreadable} event(s) of this run are unreadable, and ignored"]
    return []


def _count_table(models: list[str], counts: Counter[tuple[str, str]]) -> "Table":
    from ..terminal import table

    made = table("model", *STATES, right=range(1, 5))
    for model in models:
        made.add_row(model, *(str(counts[model, state]) for state in STATES))
    return made


def _job_table(jobs: list["Job"], now: float) -> "Table":
    from ..terminal import age, table

    made = table("running", "system", "progress", "elapsed", "last log line", right=(2,))
    for job in jobs:
        progress = "" if job.share is None else f"{job.share:.0%}"
        logged = "none yet" if job.last_logged is None else f"{age(max(now - job.last_logged, 0))} ago"
        made.add_row(job.rule, str(job.system), progress, age(now - (job.started or now)), logged)
    return made


def _describe_rate(run: "WorkflowRun", jobs: list["Job"], now: float, config: "Config | None") -> list[str]:
    """Describe the rate of a run, and the remaining time by measured rates, in lines."""
    from ..runs.progress import estimate_run
    from ..terminal import age

    if not run.started:
        return ["no run is in progress"]
    seconds, scored = now - run.started, run.count_scored(jobs)
    rate = f", {3600 * scored / seconds:.2f} per hour" if scored else ""
    steps = f"{run.events.done} of {run.events.total} jobs and " if run.events else ""
    lines = [f"this run: {steps}{scored} systems in {age(seconds)}{rate}"]
    last_event = run.events.last if run.events else run.started
    silent = now - max([last_event, *(job.last_logged for job in jobs if job.last_logged)])
    if silent > SILENT:
        lines.append(f"no log line for {age(silent)}; if Snakemake was killed, type `snakemake --unlock`")
    if not config:
        return [*lines, "remaining: unknown without the matrix; give its overlays (--configfile)"]
    left = estimate_run(run, config, now)
    if left.unknown:
        return [*lines, f"remaining: unknown; no finished job has measured {', '.join(left.unknown)}"]
    work = f"remaining: about {age(left.seconds)} of fine-tuning and prediction"
    return [*lines, f"{work}, by measured rates and {left.concurrent} concurrent job(s)"]
