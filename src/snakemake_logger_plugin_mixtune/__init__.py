"""Logger plugin of Snakemake (`--logger mixtune`): a run's events as JSON Lines, and on a terminal one progress bar.

Where the output is no terminal, where a dry run, details or plain lines were requested, it prints what Snakemake itself
would, and an estimate of the remaining time.
Snakemake imports all plugins at every start, also of its jobs' processes: nothing else is imported here.
"""

import logging
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

if TYPE_CHECKING:
    from mixtune.runs.display import Bar, Estimate
    from mixtune.runs.events import EventFile

# Beginnings of messages about the machine that are in the full log, and need no lines above a bar.
PREAMBLE = ("Assuming unrestricted shared filesystem", "Using shell", "host:", "Conda environments: ignored")
ESTIMATE_EVERY = 60.0  # seconds between estimates where there is no bar


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin: `--logger-mixtune-plain`."""

    plain: bool = field(
        default=False,
        metadata={"help": "Print lines instead of a progress bar, also on a terminal.", "required": False},
    )


class LogHandler(LogHandlerBase):
    """The handler of a run, for all log records of Snakemake's main process."""

    def __post_init__(self) -> None:
        """Prepare Snakemake's own output, which is used until a run starts and where there is no bar."""
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        from mixtune.runs.events import RunEvents

        ours = self.common_settings
        stream = sys.stdout if ours.stdout else sys.stderr
        self.plain = ColorizingTextHandler(nocolor=ours.nocolor, stream=stream)
        self.plain.setFormatter(DefaultFormatter(ours.quiet, ours.show_failed_logs))
        self.plain.addFilter(DefaultFilter(ours.quiet, ours.debug_dag, ours.verbose, ours.dryrun, ours.printshellcmds))
        self.events = RunEvents()
        self.file: EventFile | None = None
        self.bar: Bar | None = None
        self.estimate: Estimate | None = None
        self.last_estimate = 0.0
        self.has_bar = has_bar(ours) and not getattr(self.settings, "plain", False)

    def emit(self, record: logging.LogRecord) -> None:
        """Store and show a record."""
        try:
            if not self.common_settings.dryrun:
                self._store(record)
            if self.bar:
                self._show(record)
            elif not (self.has_bar and is_preamble(record)):
                self.plain.handle(record)
                self._print_estimate(record)
        except Exception:  # as all handlers of the standard library: a log is not worth the run
            self.handleError(record)

    def _store(self, record: logging.LogRecord) -> None:
        from mixtune.runs.events import EventFile, convert

        event = convert(record)
        if event is None:
            return
        self.events.add(event)
        try:
            if event.event == "run_info":
                self.file = EventFile(event.time)
                self._start()
            if self.file:
                self.file.write(event)
        except OSError as error:
            self.file = None
            text = f"mixtune: events of this run are lost from here on, for `mixtune status`: {error}"
            self.plain.handle(logging.makeLogRecord({"levelno": logging.WARNING, "levelname": "WARNING", "msg": text}))

    def _start(self) -> None:
        """Show the bar if there is a terminal for it."""
        from mixtune.runs.display import Bar, Estimate

        logs = [getattr(handler, "baseFilename", "") for handler in logging.getLogger("snakemake.logging").handlers]
        if self.has_bar:
            from rich.console import Console

            plain = self.common_settings.nocolor or None  # None: as the environment sets it (NO_COLOR)
            console = Console(stderr=True, markup=False, highlight=False, emoji=False, no_color=plain)
            log = next((os.path.relpath(log) for log in logs if log), None)
            self.bar = Bar(console, self.events, log)
            self.bar.start()
        else:
            self.estimate = Estimate(self.events)

    def _show(self, record: logging.LogRecord) -> None:
        """Show a record above the bar, if it is worth it."""
        from rich.text import Text

        from mixtune.runs.display import is_worth_showing, printable

        assert self.bar  # noqa: S101
        if getattr(record, "event", None) == "job_error":
            self.bar.print_failure(self.events.failures[-1])
        elif is_worth_showing(record):
            style = {"ERROR": "red", "WARNING": "yellow"}.get(record.levelname, "")
            text = "\n".join(printable(line) for line in record.getMessage().splitlines())
            self.bar.print(Text(text, style=style))

    def _print_estimate(self, record: logging.LogRecord) -> None:
        """Print the estimate after Snakemake's count of finished jobs, once per minute at most."""
        is_due = record.created - self.last_estimate >= ESTIMATE_EVERY
        if self.estimate and is_due and getattr(record, "event", None) == "progress" and self.plain.filter(record):
            self.last_estimate = record.created
            if text := self.estimate.update():
                self.plain.handle(logging.makeLogRecord({"levelname": "INFO", "levelno": logging.INFO, "msg": text}))

    def close(self) -> None:
        """End the bar; Snakemake calls this more than once."""
        bar, self.bar = getattr(self, "bar", None), None
        if bar:
            bar.stop()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Return whether it prints."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return whether Snakemake is to name its file as a log for people."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return whether it filters by itself: events are stored, whatever is quiet."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return whether it formats by itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Return whether it needs the graph of rules."""
        return False


def has_bar(settings: object) -> bool:
    """Return whether a run shows the bar: on a terminal that can move its cursor, unless details are requested."""
    details = ("dryrun", "verbose", "printshellcmds", "debug_dag", "stdout")
    if any(getattr(settings, name) for name in details):
        return False
    if {"all", "progress"} & {getattr(kind, "name", "").lower() for kind in getattr(settings, "quiet", None) or ()}:
        return False
    can_redraw = os.environ.get("TERM", "dumb") not in ("dumb", "unknown") and not os.environ.get("CI")
    return can_redraw and sys.stderr.isatty()


def is_preamble(record: logging.LogRecord) -> bool:
    """Return whether a record describes the machine and the command."""
    events = ("workflow_started", "resources_info")
    return getattr(record, "event", None) in events or record.getMessage().startswith(PREAMBLE)
