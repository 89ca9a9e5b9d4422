"""What commands print with: rich on a terminal, plain text elsewhere."""

import sys
from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

PLAIN_WIDTH = 160  # columns where no terminal tells its own


def console() -> Console:
    """Standard output; what is printed is shown as it is, no part of it taken for markup."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table(*columns: str, right: Collection[int] = ()) -> Table:
    """An empty table; the columns numbered in `right` are of numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        made.add_column(name, justify="right" if place in right else "left", overflow="fold")
    return made


def bar(shown: bool) -> Progress:
    """A bar on standard error of what is done, with a task's field `note` beside it; disabled unless it is shown."""
    columns = (BarColumn(), TextColumn("{task.fields[note]}", markup=False), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), refresh_per_second=2, disable=not shown)


def size(number: float) -> str:
    """Bytes in a unit that people read."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def age(seconds: float) -> str:
    """A span of time in the two largest units that matter."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    if hours < 10:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{hours:.0f} h" if hours < 48 else f"{days:.0f} days"
