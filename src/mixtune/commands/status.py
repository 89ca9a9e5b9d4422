"""`mixtune status`: how far a matrix has come."""

import argparse
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

RESULTS = Path("results")
STATES = ("done", "running", "waiting", "failed")
SILENT = 900  # seconds without a line in any log after which a run may be dead


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "status",
        help="how far a matrix has come",
        description="Shows what is done, running, waiting and failed, while a matrix runs and after, from files alone.",
    )
    command.add_argument(
        "--configfile", type=Path, nargs="+", metavar="FILE", help="overlays of the matrix; default: the last run's"
    )
    command.add_argument(
        "--watch", type=float, nargs="?", const=5, metavar="SECONDS", help="show it again and again while it runs"
    )
    command.set_defaults(function=status)


def status(args: argparse.Namespace) -> None:
    """Print the state of a matrix, once or again and again."""
    from rich.live import Live

    from ..runs.progress import Run
    from ..terminal import console

    out, run = console(), Run()
    if not args.watch or not run.began:
        out.print(_shown(run, args.configfile))
        return
    with suppress(KeyboardInterrupt), Live(_shown(run, args.configfile), console=out, auto_refresh=False) as live:
        while run.began:
            time.sleep(args.watch)
            run = Run()
            live.update(_shown(run, args.configfile), refresh=True)


def _shown(run: Any, given: list[Path] | None) -> Any:
    """A run's state: how many systems of each model are done, what runs, what failed, and what is left."""
    from rich.console import Group

    from ..config.matrix import systems
    from ..config.overlays import load_files
    from ..runs import snakemake_records as bookkeeping
    from ..runs.progress import state
    from ..terminal import age, table

    overlays = given
    if given is None:  # those of the last run, as long as they are there
        overlays = bookkeeping.overlays(run.log)
        overlays = None if overlays and not all(path.is_file() for path in overlays) else overlays
    config = None if overlays is None else load_files(overlays)
    jobs = {system: run.jobs(system) for system in (systems(config) if config else run.systems())}
    if not jobs:
        return "nothing has run here; --configfile with the overlays of a matrix shows what would"
    states = {system: state(found) for system, found in jobs.items()}
    counts = table("model", *STATES, right=range(1, 5))
    for model in dict.fromkeys(system.model for system in jobs):
        number = Counter(states[system] for system in jobs if system.model == model)
        counts.add_row(model, *(str(number[one]) for one in STATES))
    parts: list[Any] = [counts]
    everything, now = [job for found in jobs.values() for job in found], time.time()
    running = table("running", "for", "done", "since", "last word", right=(2,))
    for job in (job for job in everything if job.state == "running"):
        share = "" if job.share is None else f"{job.share:.0%}"
        heard = "none yet" if job.heard is None else f"{age(max(now - job.heard, 0))} ago"
        running.add_row(job.rule, str(job.system), share, age(now - job.began), heard)
    parts += [running] if running.row_count else []
    parts += [f"failed: {job.rule} {job.system}; see {job.log}" for job in everything if job.state == "failed"]
    parts += [f"failed: {failure.rule}; see {failure.log}" for failure in run.other_failures()]
    total = Counter(states.values())
    parts.append(f"{len(jobs)} systems: " + ", ".join(f"{total[one]} {one}" for one in STATES))
    parts += _pace(run, everything, now, config) if run.began else ["no run is under way"]
    return Group(*parts)


def _pace(run: Any, jobs: list[Any], now: float, config: Any) -> list[str]:
    """The rate of a run, and what is left by measured rates."""
    from ..runs.estimates import Estimate, rates
    from ..runs.progress import left
    from ..runs.snakemake_records import steps
    from ..terminal import age

    done, seconds, scored = steps(run.log) or (0, 0), now - run.began, run.scored(jobs)
    rate = f", {3600 * scored / seconds:.2f} an hour" if scored else ""
    lines = [f"this run: {done[0]} of {done[1]} jobs and {scored} systems in {age(seconds)}{rate}"]
    silent = now - max([run.heard, *(job.heard for job in jobs if job.heard)])
    if silent > SILENT:
        lines.append(f"nothing has been heard for {age(silent)}: if Snakemake was killed, type `snakemake --unlock`")
    if not config:
        return [*lines, "left: not known without the matrix; give its overlays (--configfile)"]
    work, together, unknown = left(jobs, Estimate(config, RESULTS, rates(RESULTS)), now)
    if unknown:
        return [*lines, f"left: not known; no finished job has measured {', '.join(unknown)}"]
    return [*lines, f"left: about {age(work / together)}, by measured rates and {together} job(s) side by side"]
