"""`mixtune status`: progress of a matrix."""

import argparse
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .values import number

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ..config.config import Config
    from ..runs.progress import Job, WorkflowRun

PROJECT = Path()
STATES = ("done", "running", "waiting", "failed")
SILENT = 900  # seconds without a line in any log after which a run may be dead


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "status",
        help="show the progress of a matrix",
        description="Shows done, running, waiting and failed systems, during a run and after it, from files alone.",
    )
    command.add_argument(
        "--configfile",
        nargs="+",
        action="append",
        metavar="FILE",
        help="overlays of the matrix; default: the last run's",
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
    from ..runs.progress import summarise_state
    from ..runs.snakemake_records import FOLDER

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
        *(f"failed: {failure.rule}; see {failure.log}" for failure in run.other_failures()),
        f"{len(jobs)} systems: " + ", ".join(f"{total[state]} {state}" for state in STATES),
        *_describe_rate(run, every, now, config),
    )


def _load_config(run: "WorkflowRun", given: list[list[str]] | None) -> "Config | None":
    """Load the configuration with the given overlays, or those of the last run; None if the latter are unknown."""
    from ..config.overlays import load_files, of_option, select
    from ..runs.snakemake_records import parse_overlays

    if given:
        return load_files(select(of_option(given)))
    overlays = parse_overlays(run.log)
    return None if overlays is None or not all(path.is_file() for path in overlays) else load_files(overlays)


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
    from ..runs.estimates import TimeEstimate, read_rates
    from ..runs.progress import estimate_remaining
    from ..runs.snakemake_records import parse_steps
    from ..terminal import age

    if not run.started:
        return ["no run is in progress"]
    (done, steps), seconds, scored = parse_steps(run.log) or (0, 0), now - run.started, run.count_scored(jobs)
    rate = f", {3600 * scored / seconds:.2f} per hour" if scored else ""
    lines = [f"this run: {done} of {steps} jobs and {scored} systems in {age(seconds)}{rate}"]
    silent = now - max([run.last_logged, *(job.last_logged for job in jobs if job.last_logged)])
    if silent > SILENT:
        lines.append(f"no log line for {age(silent)}; if Snakemake was killed, type `snakemake --unlock`")
    if not config:
        return [*lines, "remaining: unknown without the matrix; give its overlays (--configfile)"]
    work, running, unknown = estimate_remaining(jobs, TimeEstimate(config, PROJECT, read_rates(PROJECT)), now)
    if unknown:
        return [*lines, f"remaining: unknown; no finished job has measured {', '.join(unknown)}"]
    return [*lines, f"remaining: about {age(work / running)}, by measured rates and {running} concurrent job(s)"]
