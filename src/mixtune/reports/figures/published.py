"""Our scores compared with the paper's."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.registry import REGISTRY
from ..experiment import Setup, display_name
from .layout import draw_panels, empty_figure
from .style import FAINT, SCORE, Style, figure_style, mixture_styles

MARKERS = "^osDv"
TICKS = [0, 25, 50, 75, 100]


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure with one panel per benchmark and for the overall average: published scores along x, ours along y.

    Args:
        tables: `published`. If nothing is comparable, the reasons replace the panels.
        setup: The experiment.
    """
    shown = tables["published"].loc[tables["published"]["ours"].notna()]
    if shown.empty:
        return _draw_reasons(tables["published"], setup)
    selected = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    titles = {name: selected.get(name, benchmark.title) for name, benchmark in REGISTRY.items()}
    titles |= {"overall_avg": "overall average"}
    compared = set(shown["benchmark"])
    titles = {name: title for name, title in titles.items() if name in compared}
    is_cell = shown["kind"].eq("cell")
    group = shown["mixture"].where(is_cell, shown["kind"])
    shots = shown["shots"].map(" {:.0f}-shot".format).where(is_cell, "")
    names = group.map(display_name(setup)) + shots
    shown = shown.assign(series=names)
    levels, colours = sorted(set(shots)), mixture_styles(setup)
    styles: dict[str, Style] = {
        name: {"color": colours[kind]["color"], "marker": MARKERS[levels.index(level) % len(MARKERS)]}
        for name, kind, level in sorted(set(zip(names, group, shots, strict=True)))
    }
    with figure_style():
        figure, drawn = draw_panels(
            list(titles.values()), [styles], _notes(shown), setup,
            x=f"published, {SCORE}", y=f"ours, {SCORE}", across=5, gap=0.14,
        )  # fmt: skip
        for axes, name in zip(drawn, titles, strict=True):
            axes.set(xlim=(-4, 104), ylim=(-4, 104), xticks=TICKS, yticks=TICKS)
            _draw_points(axes, shown.loc[shown["benchmark"] == name], styles)
    return figure


def _draw_points(axes: Axes, points: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    """Draw the scores of one panel, with our intervals; hollow where the paper's own run is known to be broken."""
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.6)
    for point in points.to_dict("records"):
        style = styles[point["series"]]
        x, colour = 100 * point["published"], style["color"]
        axes.vlines(x, 100 * point["low"], 100 * point["high"], color=colour, linewidth=0.6)
        face = "white" if point["note"] else colour
        axes.scatter(
            x, 100 * point["ours"], s=12, zorder=3, facecolors=[face], edgecolors=colour, marker=style.get("marker"),
            linewidth=0.8,
        )  # fmt: skip


def _notes(shown: pd.DataFrame) -> list[str]:
    negatives = {"benchmark": "those of each benchmark", "paper": "the paper's set"}[shown["negatives"].iloc[0]]
    notes = [f"Negative labels in our scores: {negatives}."]
    notes += ["Hollow: the paper's own run is broken."] if any(shown["note"]) else []
    return notes + (["Other differences from the paper's runs: see published.csv."] if any(shown["differs"]) else [])


def _draw_reasons(table: pd.DataFrame, setup: Setup) -> Figure:
    """Return a figure with the reasons why no score is comparable."""
    reasons = table["not_compared"].value_counts().head(6)
    lines = [f"{number}: {reason}" for reason, number in reasons.items()]
    return empty_figure("\n".join(["No score of ours can be compared with a published one.", "", *lines]), setup)
