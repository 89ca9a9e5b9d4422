"""Progress of a run on a terminal: one bar for all jobs, the jobs that run, and each failure as soon as it happens."""

import logging
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..config.config import Config
from ..errors import UserError
from ..terminal import age
from . import last_run
from .events import Failure, RunEvents
from .progress import Remaining, WorkflowRun, estimate_run

LISTED = 4  # running jobs that are named
TAIL = 12  # lines of a failed job's log that are shown
TAIL_BYTES = 16_384
INTERVAL = 10.0  # seconds between estimates, or more where they take long


class Estimate:
    """The remaining time of the run of this process, in words; estimated anew from time to time."""

    def __init__(self, events: RunEvents) -> None:
        self.events, self.text = events, ""
        self._config: Config | None = None
        self._due = time.monotonic() + INTERVAL / 2

    def update(self) -> str:
        """Return the words, e.g. "remaining: about 12 min of …"; "" while nothing is known.

        An estimate is not worth an error: where files cannot be read, there is none.
        """
        begin = time.monotonic()
        if begin >= self._due:
            try:
                self.text = self._estimate()
            except (UserError, OSError, ValueError, KeyError):
                self.text = ""
            self._due = time.monotonic() + max(INTERVAL, 50 * (time.monotonic() - begin))
        return self.text

    def _estimate(self) -> str:
        if self._config is None:
            recorded = last_run.read()
            if recorded is None or not self.events.belongs_to(recorded):  # e.g. with --no-hooks
                return ""
            self._config = last_run.load_config(recorded)
        return describe_remaining(estimate_run(WorkflowRun(self.events), self._config, time.time()))


def describe_remaining(left: Remaining) -> str:
    """Return a remaining time in words; "" where neither fine-tuning nor prediction remains.

    >>> describe_remaining(Remaining(600, 2, []))
    'remaining: about 10 min of fine-tuning and prediction'
    >>> describe_remaining(Remaining(600, 2, ["predict of m with 0 shots"]))
    'remaining: over 10 min of fine-tuning and prediction'
    """
    if left.seconds:
        return f"remaining: {'over' if left.unknown else 'about'} {age(left.seconds)} of fine-tuning and prediction"
    return "remaining: not measured yet" if left.unknown else ""


class Bar:
    """The bar of a run, at the bottom of a terminal; all else is printed above it.

    Args:
        console: A console on a terminal.
        events: The state of the run, which others update.
        log: Snakemake's log; None: there is none.
    """

    def __init__(self, console: Console, events: RunEvents, log: str | None) -> None:
        self.console, self.events, self.log = console, events, log
        self.estimate = Estimate(events)
        self.live = Live(get_renderable=self.render, console=console, refresh_per_second=2, transient=True)

    def start(self) -> None:
        """Print the number of jobs and the log's path, and show the bar."""
        jobs = "1 job" if self.events.total == 1 else f"{self.events.total} jobs"
        self.print(Text(f"{jobs}; full log: {self.log or 'none'}"))
        self.live.start()
        self.console.show_cursor()  # hidden, it would stay so if this process is killed

    def stop(self) -> None:
        """Replace the bar by a line with its last state."""
        self.live.stop()
        state = self.events
        failed = f", {len(state.failed)} failed" if state.failed else ""
        text = f"{state.done} of {state.total} jobs done{failed}, in {age(time.time() - state.started)}"
        self.print(Text(f"{text}; full log: {self.log}" if self.log else text))

    def print(self, text: Text) -> None:
        """Print a text above the bar."""
        self.console.print(text, soft_wrap=True)

    def print_failure(self, failure: Failure) -> None:
        """Print a failed job, the end of its log, and the log's path."""
        lines = [printable(line) for line in failure.reason.splitlines()]
        lines += [line for path in failure.logs for line in read_tail(Path(path))]
        lines.append(f"log: {', '.join(failure.logs) or 'this rule has none'}")
        text = Text(f"failed: {printable(failure.title)}", style="bold red")
        text.append("".join(f"\n  {line}" for line in lines), style="not bold default")
        self.print(text)

    def render(self) -> RenderableType:
        """Return the bar with the counts and the time, the estimate, and the jobs that run."""
        state, now, estimate = self.events, time.time(), self.estimate.update()
        line = Text(f"{state.done} of {state.total} jobs · {age(now - state.started)}", no_wrap=True)
        if state.failed:
            line.append(f" · {len(state.failed)} failed", style="bold red")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(max(state.total, 1), state.done, width=max(self.console.width // 4, 10)), line)
        return Group(grid, *([Text(f"  {estimate}")] if estimate else []), *self._render_jobs(now))

    def _render_jobs(self, now: float) -> Sequence[Text]:
        running = list(self.events.running.values())
        lines = [f"  {printable(job.title)} · {age(now - job.started)}" for job in islice(running, LISTED)]
        if len(running) > LISTED:
            lines.append(f"  and {len(running) - LISTED} more")
        return [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in lines]


def read_tail(path: Path) -> list[str]:
    """Return the last lines of a log, without control characters; a line that says so where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0)
            file.seek(start)
            text = file.read().decode("utf-8", errors="replace")
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}"]
    lines = [printable(line) for line in text.splitlines() if line.strip()]
    cut = [f"(the last {TAIL} lines)"] if start or len(lines) > TAIL else []
    return [*cut, *lines[-TAIL:]] or ["(its log is empty)"]


def printable(text: str) -> str:
    r"""Return a text in which control characters are escaped, since they could rewrite the terminal.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(char if char.isprintable() or char == "\t" else repr(char)[1:-1] for char in text)


def is_worth_showing(record: logging.LogRecord) -> bool:
    """Return whether a log record of Snakemake is shown above the bar: problems, and our own closing summary.

    The exception of a failed job repeats its command, with all its settings; the failure itself is shown already.
    """
    if getattr(record, "event", None) == "error":
        return getattr(record, "exception", "") != "RuleException" or "CalledProcessError" not in record.getMessage()
    if getattr(record, "event", None) is not None:
        return False
    return record.levelno >= logging.WARNING or getattr(record, "mixtune_summary", False)
