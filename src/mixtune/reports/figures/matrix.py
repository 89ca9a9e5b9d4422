"""Heat map of the matrix."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..experiment import Setup
from ..tables.matrix import columns, titles
from .layout import footnotes, score_notes, write_notes
from .rows import draw_rows, label_margin, mean_scores, row_labels
from .style import COLOURS, FAINT, LETTER, LIGHT, LINE, SCORE, SLANTED, TEXT, WIDE, figure_style

COLUMN, GAP = 0.42, 0.3  # inches: maximal width of a column; in columns: space between groups
BAR = 0.82  # inches: space for the colour bar


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a heat map of systems by benchmarks and averages, under the headline condition.

    Args:
        tables: `matrix`; seeds are averaged.
        setup: The experiment.

    Raises:
        UserError: No score has the headline condition.
    """
    scores, named = mean_scores(tables["matrix"], setup), titles(tables["matrix"], setup)
    systems = row_labels(scores, setup)
    baselines = zip(scores["shots"], systems["is_baseline"], strict=True)
    shots = ["" if is_baseline else f"{n}-shot" for n, is_baseline in baselines]
    groups = {group: names for group, names in columns(scores, setup).items() if names}
    longest = max(len(named[column]) for names in groups.values() for column in names)
    across = sum(map(len, groups.values())) + GAP * (len(groups) - 1)
    left = label_margin(systems, shots)
    width = min(left + across * COLUMN + BAR, WIDE)
    lines = footnotes(score_notes(setup), setup, width)
    with figure_style():
        top, bottom = 0.75 * LETTER * longest, 0.38 + len(lines) * LINE
        figure, axes, middles = draw_rows(systems, shots, width, top, BAR, bottom)
        axes.set(xlim=(0, across), xticks=[])
        foot, x = middles[-1] + 0.5, 0.0
        for group, names in groups.items():
            end = x + len(names)
            axes.plot([x + 0.08, end - 0.08], [foot + 0.35] * 2, color=FAINT, linewidth=0.5, clip_on=False)
            axes.text((x + end) / 2, foot + 0.55, group, ha="center", va="top", color=TEXT)
            for column in names:
                axes.text(x + 0.5, 0.0, named[column], color=TEXT, **SLANTED)
                for y, value in zip(middles, scores[column], strict=True):
                    _draw_cell(axes, x, y, value, "bold" if group == "average" else "normal")
                x += 1
            x += GAP
        inch = across / (width - left - BAR)  # in columns
        length = min(foot - 1, 12)
        bar = axes.inset_axes((1 + 0.12 * inch / across, 1 - (1 + length) / foot, 0.09 * inch / across, length / foot))
        figure.colorbar(ScalarMappable(Normalize(0, 100), COLOURS), bar, label=SCORE.replace(" ", "\n", 1))
        bar.spines[:].set_visible(False)
        write_notes(figure, lines)
    return figure


def _draw_cell(axes: Axes, x: float, y: float, value: float, weight: str) -> None:
    """Draw one score, with its left edge at `x` and its middle at `y`; a missing score is grey, with a dash."""
    blank = pd.isna(value)
    colour = to_rgb(LIGHT) if blank else COLOURS(value / 100)[:3]
    luminance = sum(share * part**2.2 for share, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    axes.add_patch(Rectangle((x, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    text_colour = FAINT if blank else TEXT if luminance > 0.27 else "white"
    text = "–" if blank else f"{value:.1f}"
    axes.text(x + 0.5, y, text, ha="center", va="center_baseline", color=text_colour, weight=weight)
