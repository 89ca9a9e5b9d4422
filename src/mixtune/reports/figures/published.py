"""The paper's scores against ours."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.registry import REGISTRY
from ..experiment import Setup, display_name
from .layout import blank, panels
from .style import FAINT, SCORE, of_mixtures, styled

MARKERS = "^osDv"
TICKS = [0, 25, 50, 75, 100]


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """A panel for each benchmark, and for the overall average: published scores along x, ours along y.

    Args:
        tables: `published`. Where nothing is compared, the figure says why.
        setup: What was asked for.
    """
    shown = tables["published"][tables["published"]["ours"].notna()]
    if shown.empty:
        return _reasons(tables["published"], setup)
    own = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    titles = {name: own.get(name, benchmark.title) for name, benchmark in REGISTRY.items()}
    titles |= {"overall_avg": "overall average"}
    titles = {name: title for name, title in titles.items() if (shown["benchmark"] == name).any()}
    group = shown["mixture"].where(shown["kind"] == "cell", shown["kind"])
    shots = shown["shots"].map(" {:.0f}-shot".format).where(shown["kind"] == "cell", "")
    names = group.map(display_name(setup)) + shots
    shown = shown.assign(series=names)
    asked, colours = sorted(set(shots)), of_mixtures(setup)
    looks = {
        name: {"color": colours[of]["color"], "marker": MARKERS[asked.index(how) % len(MARKERS)]}
        for name, of, how in sorted(set(zip(names, group, shots, strict=True)))
    }
    with styled():
        figure, drawn = panels(
            list(titles.values()), [looks], _notes(shown), setup,
            x=f"published, {SCORE}", y=f"ours, {SCORE}", across=5, gap=0.14,
        )  # fmt: skip
        for axes, name in zip(drawn, titles, strict=True):
            axes.set(xlim=(-4, 104), ylim=(-4, 104), xticks=TICKS, yticks=TICKS)
            _points(axes, shown[shown["benchmark"] == name], looks)
    return figure


def _points(axes: Axes, points: pd.DataFrame, looks: Mapping[str, Mapping]) -> None:
    """Scores of one panel, with our intervals; hollow where the paper's own run is known to be broken."""
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.6)
    for point in points.itertuples():
        look = looks[point.series]
        x, colour = 100 * point.published, look["color"]
        axes.vlines(x, 100 * point.low, 100 * point.high, color=colour, linewidth=0.6)
        face = "white" if point.note else colour
        style = {"facecolors": [face], "edgecolors": colour, "marker": look["marker"], "linewidth": 0.8}
        axes.scatter(x, 100 * point.ours, s=12, zorder=3, **style)


def _notes(shown: pd.DataFrame) -> list[str]:
    words = {"benchmark": "each benchmark's own", "paper": "the paper's set"}[shown["negatives"].iloc[0]]
    facts = [f"Negative words in ours: {words}."]
    facts += ["Hollow: the paper's own run is broken."] if shown["note"].any() else []
    return facts + (["What else differs from the paper's runs is in published.csv."] if shown["differs"].any() else [])


def _reasons(table: pd.DataFrame, setup: Setup) -> Figure:
    """Why nothing of ours stands beside the paper's scores."""
    reasons = table["not_compared"].value_counts().head(6)
    lines = [f"{number}: {reason}" for reason, number in reasons.items()]
    return blank("\n".join(["No score of ours can be compared with a published one.", "", *lines]), setup)
