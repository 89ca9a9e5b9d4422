"""The paper's scores against ours, in the style of the other figures."""

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .benchmarks import REGISTRY
from .figures import COLOURS, EDGE, FAINT, LIGHT, STYLE, TEXT

PANEL, GAP, ACROSS = 1.25, 0.25, 5  # inches: side of a panel, what is between two; panels in a row
LEFT, TOP, BOTTOM = 0.6, 0.55, 0.75  # inches: margins
MARKERS = "^osDv"
TICKS = [0, 25, 50, 75, 100]
SCORE = "positive-class micro-F1 (× 100)"


def beside_the_paper(table: pd.DataFrame) -> Figure:
    """A panel for each benchmark, and for the overall average: published scores along x, ours along y.

    Args:
        table: As `published.compare` gives it. Where nothing is compared, the figure says why.
    """
    shown = table[table["ours"].notna()]
    with style.context(STYLE, after_reset=True):
        return _panels(shown) if len(shown) else _reasons(table)


def _panels(shown: pd.DataFrame) -> Figure:
    titles = {name: benchmark.title for name, benchmark in REGISTRY.items()} | {"overall_avg": "overall average"}
    titles = {name: title for name, title in titles.items() if (shown["benchmark"] == name).any()}
    group = shown["mixture"].where(shown["kind"] == "cell", shown["kind"])
    shots = shown["shots"].map(" {}-shot".format).where(shown["kind"] == "cell", "")
    shown = shown.assign(series=group + shots)
    looks = {
        name: {
            "edgecolors": COLOURS(0.3 + 0.6 * sorted(set(group)).index(of) / max(group.nunique() - 1, 1)),
            "marker": MARKERS[sorted(set(shots), reverse=True).index(asked) % len(MARKERS)],
        }
        for name, of, asked in sorted(set(zip(shown["series"], group, shots, strict=True)))
    }
    across = min(ACROSS, len(titles))
    down = -(-len(titles) // across)
    step = PANEL + GAP
    size = max(LEFT + across * step, 3.4), TOP + down * step - GAP + BOTTOM
    figure = Figure(figsize=size)
    for place, (name, title) in enumerate(titles.items()):
        row, column = divmod(place, across)
        left, bottom = LEFT + column * step, size[1] - TOP - row * step - PANEL
        axes = figure.add_axes((left / size[0], bottom / size[1], PANEL / size[0], PANEL / size[1]))
        axes.set_title(title, fontsize=7, color=TEXT, pad=3)
        axes.set(xlim=(-4, 104), ylim=(-4, 104), xticks=TICKS, yticks=TICKS)
        axes.tick_params(labelbottom=place + across >= len(titles), labelleft=column == 0)
        _points(axes, shown[shown["benchmark"] == name], looks)
    for name, look in looks.items():
        figure.axes[0].scatter([], [], s=12, label=name, facecolors=[look["edgecolors"]], **look)
    figure.legend(loc="upper left", ncols=4, frameon=False, handletextpad=0.1, columnspacing=0.8, borderpad=0.1)
    figure.text(LEFT / size[0], 0.4 / size[1], f"published, {SCORE}", color=TEXT)
    figure.text(EDGE / size[0], (BOTTOM - 0.1) / size[1], f"ours, {SCORE}", rotation=90, color=TEXT)
    figure.text(EDGE / size[0], EDGE / size[1], _note(shown), va="bottom", color=FAINT)
    return figure


def _points(axes: Axes, points: pd.DataFrame, looks: Mapping[str, Mapping]) -> None:
    """Scores of one panel, with our intervals; hollow where the paper's own run is known to be broken."""
    axes.grid(color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.6)
    for point in points.itertuples():
        look = looks[point.series]
        x, colour = 100 * point.published, look["edgecolors"]
        axes.vlines(x, 100 * point.low, 100 * point.high, color=colour, linewidth=0.6)
        face = "white" if point.note else colour
        axes.scatter(x, 100 * point.ours, s=12, linewidth=0.8, facecolors=[face], zorder=3, **look)


def _note(shown: pd.DataFrame) -> str:
    words = {"benchmark": "each benchmark's own", "paper": "the paper's set"}[shown["negatives"].iloc[0]]
    facts = [f"Negative words in ours: {words}."]
    facts += ["Hollow: the paper's own run is broken."] if shown["note"].any() else []
    facts += ["What else differs from the paper's runs is in published.csv."] if shown["differs"].any() else []
    return "\n".join(textwrap.wrap(" ".join(facts), 110 if shown["benchmark"].nunique() > 3 else 50))


def _reasons(table: pd.DataFrame) -> Figure:
    """Why nothing of ours stands beside the paper's scores."""
    reasons = table["not_compared"].value_counts()
    lines = ["No score of ours can be compared with a published one.", ""]
    for reason, number in reasons.head(6).items():
        lines += textwrap.wrap(f"{number}: {reason}", 80)
    figure = Figure(figsize=(5, 0.3 + 0.14 * len(lines)))
    figure.text(0.02, 0.5, "\n".join(lines), va="center", color=TEXT, parse_math=False)
    return figure
