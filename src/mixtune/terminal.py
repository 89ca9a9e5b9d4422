"""Output of commands: rich on a terminal, plain text elsewhere."""

import sys
from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

PLAIN_WIDTH = 160  # columns where the output is no terminal


def console() -> Console:
    """Return a console on standard output that interprets no text as markup."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table(*columns: str, right: Collection[int] = ()) -> Table:
    """Return an empty table; columns whose index is in `right` contain numbers."""
    empty = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        empty.add_column(name, justify="right" if index in right else "left", overflow="fold")
    return empty


def bar(visible: bool) -> Progress:
    """Return a progress bar on standard error, followed by a task's field `note`; disabled unless visible."""
    columns = (BarColumn(), TextColumn("{task.fields[note]}", markup=False), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), refresh_per_second=2, disable=not visible)


def size(number: float) -> str:
    """Return bytes with a unit.

    >>> size(1536)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def age(seconds: float) -> str:
    """Return a duration, rounded to the units that matter.

    >>> age(40), age(600), age(9000)
    ('40 s', '10 min', '2 h 30 min')
    """
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    if hours < 10:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{hours:.0f} h" if hours < 48 else f"{days:.0f} days"
