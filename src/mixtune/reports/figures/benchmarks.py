"""Scores and intervals of every system on every benchmark."""

from collections.abc import Mapping
from typing import TypedDict, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...evaluation.scoring import DOMAINS
from ...systems import ANY, BASELINES, UNTUNED
from ..experiment import Setup, by_domain, trained_domains
from ..tables.seeds import ARM
from .layout import empty_figure, footnotes, legend_rows, score_notes, write_legends, write_notes
from .rows import draw_rows, label_margin, row_labels
from .style import LETTER, LIGHT, LINE, SCORE, SLANTED, TEXT, WIDE, Dot, LegendStyle, figure_style, shot_styles

GAP = 15  # points of F1: space between two panels of 100


class _Score(TypedDict):
    model: str
    mixture: str
    shots: int
    benchmark: str
    value: float
    low: float
    high: float
    in_domain: bool
    is_baseline: bool


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure with one row per model and mixture, one panel per benchmark, and dots for all shots.

    Args:
        tables: `intervals`; of several seeds, the mean over them is drawn.
        setup: The experiment.
    """
    scores = _scores(tables["intervals"], setup)
    if scores.empty:
        return empty_figure(f"No benchmark has a score under the condition {setup['headline_condition']}.", setup)
    lines = scores.drop_duplicates(["model", "mixture"])
    labelled = row_labels(lines, setup)
    styles = shot_styles(scores.loc[~scores["mixture"].isin(BASELINES), "shots"].unique())
    level = tables["intervals"]["level"].iloc[0]
    notes = [*score_notes(setup), f"Lines: {100 * level:g} % confidence intervals, unless shorter than the dot."]
    notes += [] if all(scores["in_domain"]) else ["Hollow: domain not in the training mixture."]
    notes, legend = footnotes(notes, setup, WIDE), legend_rows(_legend(styles), WIDE)
    order = [name for names in by_domain(setup).values() for name in names]
    titles = [setup["benchmarks"][name]["title"] for name in order]
    top = 0.75 * LETTER * max(map(len, titles)) + 0.05 + len(legend) * LINE
    details = [""] * len(labelled)
    # With few benchmarks, a panel is at most half a column of the page wide.
    width = min(WIDE, label_margin(labelled, details) + 1.6 * len(order) + 0.12)
    with figure_style():
        bottom = 0.42 + len(notes) * LINE
        figure, axes, middles = draw_rows(labelled, details, width, top, 0.12, bottom)
        foot, starts = middles[-1] + 0.6, {name: index * (100 + GAP) for index, name in enumerate(order)}
        axes.set(xlim=(0, max(starts.values()) + 100), xlabel=SCORE)
        ticks = {start + score: str(score) for start in starts.values() for score in (0, 50)}
        axes.set_xticks(list(ticks), list(ticks.values()))
        grid = [start + score for start in starts.values() for score in (0, 50, 100)]
        axes.vlines(grid, 0, foot, color=LIGHT, linewidth=0.6, zorder=0, clip_on=False)
        for start, title in zip(starts.values(), titles, strict=True):
            axes.text(start + 30, -0.3, title, color=TEXT, **SLANTED)
        heights = dict(zip(zip(lines["model"], lines["mixture"], strict=True), middles, strict=True))
        for score in cast(list[_Score], scores.to_dict("records")):
            _draw_dot(axes, score, starts[score["benchmark"]], heights[score["model"], score["mixture"]], styles)
        write_legends(figure, legend)
        write_notes(figure, notes)
    return figure


def _scores(intervals: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return micro-F1 per system and benchmark in the matrix's order; `in_domain`: its mixture covers the domain."""
    shown = intervals["condition"].isin([setup["headline_condition"], ANY]) & (intervals["metric"] == "micro_f1")
    frame = intervals.loc[shown & intervals["benchmark"].isin(list(setup["benchmarks"]))]
    # Of several seeds, the row of their mean has the highest count of seeds.
    frame = frame.sort_values("seeds", kind="stable").drop_duplicates([*ARM, "benchmark"], keep="last")
    trains = {mixture: trained_domains(setup, mixture) for mixture in setup["mixtures"]}
    pairs = zip(frame["benchmark"], frame["mixture"], strict=True)
    in_domain = [setup["benchmarks"][name]["domain"] in trains.get(mixture, DOMAINS) for name, mixture in pairs]
    order = {name: n for n, name in enumerate([*setup["models"], UNTUNED, *setup["mixtures"], *BASELINES])}
    is_baseline = frame["mixture"].isin(BASELINES)
    kinds = frame["mixture"].map(order.get).where(is_baseline, 0)
    frame = frame.assign(in_domain=in_domain, is_baseline=is_baseline, kind=kinds)

    def rank(column: pd.Series) -> pd.Series:
        return column.map(order.get).fillna(len(order)) if column.name in ("model", "mixture") else column

    return frame.sort_values(["kind", "model", "mixture", "shots"], key=rank, kind="stable", ignore_index=True)


def _legend(styles: Mapping[int, Dot]) -> dict[str, LegendStyle]:
    sizes = {n: 0.9 * style["s"] ** 0.5 for n, style in styles.items()}
    return {
        f"{n}-shot": {"marker": "o", "color": style["color"], "markersize": sizes[n], "markeredgewidth": 0}
        for n, style in styles.items()
    }


def _draw_dot(axes: Axes, score: _Score, start: float, y: float, styles: Mapping[int, Dot]) -> None:
    """Draw one score with its interval; dots of different shots are offset vertically within their row."""
    colour, area, marker, offset = TEXT, 8.0, "D", 0.0
    if not score["is_baseline"]:
        shots = score["shots"]
        colour, area, marker = styles[shots]["color"], 0.35 * styles[shots]["s"], "o"
        offset = 0.4 * (list(styles).index(shots) - (len(styles) - 1) / 2) / max(len(styles) - 1, 1)
    axes.hlines(y + offset, start + 100 * score["low"], start + 100 * score["high"], color=colour, linewidth=1)
    face = colour if score["in_domain"] else "white"
    point = start + 100 * score["value"], y + offset
    axes.scatter(
        *point, s=area, marker=marker, facecolors=[face], edgecolors=[colour], linewidth=0.7, zorder=3, clip_on=False
    )
