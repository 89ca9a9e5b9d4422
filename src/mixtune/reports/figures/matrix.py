"""The matrix as a heat map."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..experiment import Setup
from ..tables.matrix import columns, titles
from .layout import footnotes, of_scores, write_notes
from .rows import blocks, margin, means, rows
from .style import COLOURS, FAINT, LETTER, LIGHT, LINE, SCORE, TEXT, WIDE, styled

COLUMN, GAP = 0.42, 0.3  # inches: width of a column, at most; in columns: room between groups
BAR = 0.82  # inches: room for the colour bar


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Systems by benchmarks and averages, under the headline condition.

    Args:
        tables: `matrix`; several seeds are averaged.
        setup: What was asked for.

    Raises:
        UserError: There is no score under the headline condition.
    """
    scores, named = means(tables["matrix"], setup), titles(tables["matrix"], setup)
    systems = blocks(scores, setup)
    shots = [f"{n}-shot" if cell else "" for n, cell in zip(scores["shots"], ~systems["beside"], strict=True)]
    groups = {group: names for group, names in columns(scores, setup).items() if names}
    longest = max(len(named[column]) for names in groups.values() for column in names)
    across = sum(map(len, groups.values())) + GAP * (len(groups) - 1)
    left = margin(systems, shots)
    width = min(left + across * COLUMN + BAR, WIDE)
    lines = footnotes(of_scores(setup), setup, width)
    with styled():
        axes, middles = rows(systems, shots, width, 0.75 * LETTER * longest, BAR, 0.38 + len(lines) * LINE)
        axes.set(xlim=(0, across), xticks=[])
        foot, x = middles[-1] + 0.5, 0.0
        for group, names in groups.items():
            end = x + len(names)
            axes.plot([x + 0.08, end - 0.08], [foot + 0.35] * 2, color=FAINT, linewidth=0.5, clip_on=False)
            axes.text((x + end) / 2, foot + 0.55, group, ha="center", va="top", color=TEXT)
            for column in names:
                slanted = {"rotation": 45, "rotation_mode": "anchor", "va": "center", "parse_math": False}
                axes.text(x + 0.5, 0.0, named[column], color=TEXT, **slanted)
                for y, value in zip(middles, scores[column], strict=True):
                    _cell(axes, x, y, value, "bold" if group == "average" else "normal")
                x += 1
            x += GAP
        inch = across / (width - left - BAR)  # in columns
        length = min(foot - 1, 12)
        bar = axes.inset_axes((1 + 0.12 * inch / across, 1 - (1 + length) / foot, 0.09 * inch / across, length / foot))
        axes.figure.colorbar(ScalarMappable(Normalize(0, 100), COLOURS), bar, label=SCORE.replace(" ", "\n", 1))
        bar.spines[:].set_visible(False)
        write_notes(axes.figure, lines)
    return axes.figure


def _cell(axes: Axes, x: float, y: float, value: float, weight: str) -> None:
    """One score, with its left edge at `x` and its middle at `y`; a blank is grey, with a dash."""
    blank = pd.isna(value)
    colour = to_rgb(LIGHT) if blank else COLOURS(value / 100)[:3]
    luminance = sum(share * part**2.2 for share, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    axes.add_patch(Rectangle((x, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    ink = FAINT if blank else TEXT if luminance > 0.27 else "white"
    text = "–" if blank else f"{value:.1f}"
    axes.text(x + 0.5, y, text, ha="center", va="center_baseline", color=ink, weight=weight)
