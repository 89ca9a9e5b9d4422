"""Where things stand in a figure, in inches: panels under a legend, and the notes at its foot."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..experiment import SAMPLE, Setup
from .style import EDGE, FAINT, LETTER, LINE, NARROW, TEXT, WIDE, styled

Look = Mapping[str, Any]


def of_scores(setup: Setup) -> list[str]:
    """What a reader must know of scores: condition, seeds, caps."""
    seeds, test_rows = len(setup["seeds"]), setup["caps"]["test_rows"]
    facts = [f"Condition: {setup['headline_condition']}."]
    facts += [f"Cells are means over {seeds} seeds."] if seeds > 1 else []
    return facts + ([f"At most {test_rows:,} test rows a benchmark."] if test_rows else [])


def footnotes(facts: Iterable[str], setup: Setup, width: float) -> list[str]:
    """Notes in lines that fit into a width; behind them, if it is so, that data are samples."""
    lines = textwrap.wrap(" ".join(facts), int((width - 2 * EDGE) / LETTER), break_on_hyphens=False)
    return lines + ([SAMPLE] if setup["sample"] else [])


def write_notes(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines at the foot of a figure."""
    width, height = figure.get_size_inches()
    at = EDGE / width, EDGE / height
    figure.text(*at, "\n".join(lines), va="bottom", color=FAINT, parse_math=False, linespacing=1.25)


def blank(text: str, setup: Setup) -> Figure:
    """A figure that says why there is nothing to draw."""
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 52, break_on_hyphens=False) or [""]]
    with styled():
        figure = Figure(figsize=(NARROW, (len(lines) + 4) * LINE))
        middle = 1 - (0.5 * len(lines) + 1) * LINE / figure.get_figheight()
        figure.text(0.5, middle, "\n".join(lines), ha="center", va="center", color=TEXT, parse_math=False)
        write_notes(figure, footnotes([], setup, NARROW))
    return figure


def legend_rows(entries: Mapping[str, Look], width: float) -> list[dict[str, Look]]:
    """The entries of a legend in rows that fit into a width."""
    rows, free = [], 0.0
    for name, look in entries.items():
        need = 0.3 + LETTER * len(name) + (0.1 if look.get("linestyle") else 0)
        if need > free or not rows:
            rows.append({})
            free = width - 2 * EDGE
        rows[-1][name] = look
        free -= need
    return rows


def write_legends(figure: Figure, rows: Sequence[Mapping[str, Look]]) -> None:
    """Legends in rows from the top of a figure; a look is what a `Line2D` takes."""
    width, height = figure.get_size_inches()
    for place, row in enumerate(rows):
        plain = {"linestyle": "", "markersize": 4}
        handles = [Line2D([], [], label=name, **plain | dict(look)) for name, look in row.items()]
        at = EDGE / width, 1 - (EDGE + place * LINE) / height
        length = 2 if any(look.get("linestyle") for look in row.values()) else 0.8
        found = figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=at, ncols=len(handles), handlelength=length
        )
        for text in found.get_texts():
            text.set_parse_math(False)


def panels(
    titles: Sequence[str],
    legends: Sequence[Mapping[str, Look]],
    notes: Sequence[str],
    setup: Setup,
    *,
    x: str,
    y: str,
    across: int,
    height: float | None = None,
    gap: float = 0.2,
) -> tuple[Figure, list[Axes]]:
    """Axes of one size in rows, under legends, with a title each; those on the outside alone have tick labels.

    Args:
        titles: One a panel.
        legends: Each begins in a row of its own.
        notes: What stands at the foot.
        setup: What was asked for.
        x, y: Names of the axes.
        across: Panels in a row, at most; a single one takes one column of the page, several take both.
        height: Of a panel, in inches; None: as high as it is wide.
        gap: Between two panels, in inches.
    """
    across = min(across, len(titles))
    down = -(-len(titles) // across)
    width = NARROW if across == 1 else WIDE
    left, right, below = 0.48, 0.14, 0.38  # room for tick labels and names of axes
    panel = (width - left - right - (across - 1) * gap) / across
    height = height or panel
    rows = [row for entries in legends for row in legend_rows(entries, width)]
    lines = footnotes(notes, setup, width)
    top, bottom = EDGE + (len(rows) + 1.6) * LINE, below + EDGE + len(lines) * LINE
    step = height + gap + 1.2 * LINE
    total = top + down * step - gap - 1.2 * LINE + bottom
    figure, drawn = Figure(figsize=(width, total)), []
    for place, title in enumerate(titles):
        row, column = divmod(place, across)
        corner = (left + column * (panel + gap)) / width, (total - top - height - row * step) / total
        axes = figure.add_axes((*corner, panel / width, height / total))
        axes.set_title(title, color=TEXT, parse_math=False)
        axes.grid()
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelbottom=place + across >= len(titles), labelleft=column == 0)
        drawn.append(axes)
    figure.text((left + width - right) / 2 / width, (bottom - 0.22) / total, x, ha="center", va="top", color=TEXT)
    figure.text(EDGE / width, (total - top + bottom) / 2 / total, y, va="center", rotation=90, color=TEXT)
    write_legends(figure, rows)
    write_notes(figure, lines)
    return figure, drawn
