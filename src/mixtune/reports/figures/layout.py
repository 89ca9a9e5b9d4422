"""Layout of figures, in inches: panels, legends above them, notes below them."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..experiment import SAMPLE, Setup
from .style import EDGE, FAINT, LETTER, LINE, NARROW, TEXT, WIDE, LegendStyle, Style, figure_style


def score_notes(setup: Setup) -> list[str]:
    """Return the notes of a figure with scores: condition, seeds, number of test rows."""
    seeds, test_rows = len(setup["seeds"]), setup["caps"]["test_rows"]
    notes = [f"Condition: {setup['headline_condition']}."]
    notes += [f"Scores are means over {seeds} seeds."] if seeds > 1 else []
    return notes + ([f"At most {test_rows:,} test rows per benchmark."] if test_rows else [])


def footnotes(notes: Iterable[str], setup: Setup, width: float) -> list[str]:
    """Return notes as lines that fit into a width, followed by the warning of sample corpora where it applies."""
    lines = textwrap.wrap(" ".join(notes), int((width - 2 * EDGE) / LETTER), break_on_hyphens=False)
    return lines + ([SAMPLE] if setup["sample"] else [])


def write_notes(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines at the bottom of a figure."""
    width, height = figure.get_size_inches()
    figure.text(
        EDGE / width, EDGE / height, "\n".join(lines), va="bottom", color=FAINT, parse_math=False, linespacing=1.25
    )


def empty_figure(text: str, setup: Setup) -> Figure:
    """Return a figure without axes, with the reason as its text."""
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 52, break_on_hyphens=False) or [""]]
    with figure_style():
        figure = Figure(figsize=(NARROW, (len(lines) + 4) * LINE))
        middle = 1 - (0.5 * len(lines) + 1) * LINE / figure.get_figheight()
        figure.text(0.5, middle, "\n".join(lines), ha="center", va="center", color=TEXT, parse_math=False)
        write_notes(figure, footnotes([], setup, NARROW))
    return figure


def legend_rows(entries: Mapping[str, Style], width: float) -> list[dict[str, Style]]:
    """Return the entries of a legend as rows that fit into a width.

    >>> [list(row) for row in legend_rows({"0-shot": {}, "2-shot": {}}, 1.0)]
    [['0-shot'], ['2-shot']]
    """
    rows: list[dict[str, Style]] = []
    free = 0.0
    for name, style in entries.items():
        needed = 0.3 + LETTER * len(name) + (0.1 if style.get("linestyle") else 0)
        if needed > free or not rows:
            rows.append({})
            free = width - 2 * EDGE
        rows[-1][name] = style
        free -= needed
    return rows


def write_legends(figure: Figure, rows: Sequence[Mapping[str, Style]]) -> None:
    """Write rows of legend entries at the top of a figure; their styles are arguments of `Line2D`."""
    width, height = figure.get_size_inches()
    for index, row in enumerate(rows):
        lines: list[LegendStyle] = [{"linestyle": "", "markersize": 4, **style} for style in row.values()]
        handles = [Line2D([], [], label=name, **line) for name, line in zip(row, lines, strict=True)]
        anchor = EDGE / width, 1 - (EDGE + index * LINE) / height
        length = 2 if any(style.get("linestyle") for style in row.values()) else 0.8
        legend = figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=anchor, ncols=len(handles), handlelength=length
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def draw_panels(
    titles: Sequence[str],
    legends: Sequence[Mapping[str, Style]],
    notes: Sequence[str],
    setup: Setup,
    *,
    x: str,
    y: str,
    across: int,
    height: float | None = None,
    gap: float = 0.2,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with rows of equal axes under legends; only the outer axes have tick labels.

    Args:
        titles: One per panel.
        legends: Each begins in a new row.
        notes: Notes at the bottom.
        setup: The experiment.
        x, y: Labels of the axes.
        across: Maximum of panels per row; a single one has the width of one column of the page, several of two.
        height: Height of a panel in inches; None: equal to its width.
        gap: Space between two panels, in inches.
    """
    across = min(across, len(titles))
    down = -(-len(titles) // across)
    width = NARROW if across == 1 else WIDE
    left, right, below = 0.48, 0.14, 0.38  # space for tick labels and axis labels
    panel = (width - left - right - (across - 1) * gap) / across
    height = height or panel
    rows = [row for entries in legends for row in legend_rows(entries, width)]
    lines = footnotes(notes, setup, width)
    top, bottom = EDGE + (len(rows) + 1.6) * LINE, below + EDGE + len(lines) * LINE
    step = height + gap + 1.2 * LINE
    total = top + down * step - gap - 1.2 * LINE + bottom
    figure = Figure(figsize=(width, total))
    drawn: list[Axes] = []
    for index, title in enumerate(titles):
        row, column = divmod(index, across)
        corner = (left + column * (panel + gap)) / width, (total - top - height - row * step) / total
        axes = figure.add_axes((*corner, panel / width, height / total))
        axes.set_title(title, color=TEXT, parse_math=False)
        axes.grid()
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelbottom=index + across >= len(titles), labelleft=column == 0)
        drawn.append(axes)
    figure.text((left + width - right) / 2 / width, (bottom - 0.22) / total, x, ha="center", va="top", color=TEXT)
    figure.text(EDGE / width, (total - top + bottom) / 2 / total, y, va="center", rotation=90, color=TEXT)
    write_legends(figure, rows)
    write_notes(figure, lines)
    return figure, drawn
