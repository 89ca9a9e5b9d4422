"""Every system on every benchmark, with its intervals."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...evaluation.scoring import DOMAINS
from ...systems import ANY, BASELINES, UNTUNED
from ..experiment import Setup, by_domain, trained_domains
from ..tables.seeds import ARM
from .layout import blank, footnotes, legend_rows, of_scores, write_legends, write_notes
from .rows import blocks, margin, rows
from .style import LETTER, LIGHT, LINE, SCORE, TEXT, WIDE, of_shots, styled

GAP = 15  # points of F1: room between two panels of 100


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """A row for each model and mixture, a panel for each benchmark; dots of all shots, with their intervals.

    Args:
        tables: `intervals`; of several seeds, the mean over them.
        setup: What was asked for.
    """
    scores = _scores(tables["intervals"], setup)
    if scores.empty:
        return blank(f"No benchmark has a score under the condition {setup['headline_condition']}.", setup)
    lines = scores.drop_duplicates(["model", "mixture"])
    named = blocks(lines, setup)
    looks = of_shots(scores.loc[~scores["mixture"].isin(BASELINES), "shots"].unique())
    level, other = tables["intervals"]["level"].iloc[0], not scores["own"].all()
    facts = [*of_scores(setup), f"Lines: {100 * level:g} % confidence intervals, where they are longer than a dot."]
    facts += ["Hollow: a domain that the mixture does not train on."] if other else []
    notes, legend = footnotes(facts, setup, WIDE), legend_rows(_legend(looks), WIDE)
    order = [name for names in by_domain(setup).values() for name in names]
    titles = [setup["benchmarks"][name]["title"] for name in order]
    top = 0.75 * LETTER * max(map(len, titles)) + 0.05 + len(legend) * LINE
    blanks = [""] * len(named)
    # Of few benchmarks, a panel takes no more than half a column of the page.
    width = min(WIDE, margin(named, blanks) + 1.6 * len(order) + 0.12)
    with styled():
        axes, middles = rows(named, blanks, width, top, 0.12, 0.42 + len(notes) * LINE)
        foot, starts = middles[-1] + 0.6, {name: place * (100 + GAP) for place, name in enumerate(order)}
        axes.set(xlim=(0, max(starts.values()) + 100), xlabel=SCORE)
        ticks = {start + score: str(score) for start in starts.values() for score in (0, 50)}
        axes.set_xticks(list(ticks), list(ticks.values()))
        lined = [start + score for start in starts.values() for score in (0, 50, 100)]
        axes.vlines(lined, 0, foot, color=LIGHT, linewidth=0.6, zorder=0, clip_on=False)
        for start, title in zip(starts.values(), titles, strict=True):
            slanted = {"rotation": 45, "rotation_mode": "anchor", "va": "center", "parse_math": False}
            axes.text(start + 30, -0.3, title, color=TEXT, **slanted)
        where = dict(zip(zip(lines["model"], lines["mixture"], strict=True), middles, strict=True))
        for score in scores.itertuples():
            _dot(axes, score, starts[score.benchmark], where[score.model, score.mixture], looks)
        write_legends(axes.figure, legend)
        write_notes(axes.figure, notes)
    return axes.figure


def _scores(intervals: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Micro-F1 of each system on each benchmark in the matrix's order; `own`: its mixture trains on the domain."""
    shown = intervals["condition"].isin([setup["headline_condition"], ANY]) & (intervals["metric"] == "micro_f1")
    frame = intervals[shown & intervals["benchmark"].isin(list(setup["benchmarks"]))]
    # Of several seeds, the row of the mean covers the most of them.
    frame = frame.sort_values("seeds", kind="stable").drop_duplicates([*ARM, "benchmark"], keep="last")
    trains = {mixture: trained_domains(setup, mixture) for mixture in setup["mixtures"]}
    domains = frame["benchmark"].map({name: one["domain"] for name, one in setup["benchmarks"].items()})
    own = [domain in trains.get(of, DOMAINS) for domain, of in zip(domains, frame["mixture"], strict=True)]
    order = {name: n for n, name in enumerate([*setup["models"], UNTUNED, *setup["mixtures"], *BASELINES])}
    beside = frame["mixture"].isin(BASELINES)
    frame = frame.assign(own=own, beside=beside, kind=frame["mixture"].map(order).where(beside, 0))

    def rank(column: pd.Series) -> pd.Series:
        return column.map(order).fillna(len(order)) if column.name in ("model", "mixture") else column

    return frame.sort_values(["kind", "model", "mixture", "shots"], key=rank, kind="stable", ignore_index=True)


def _legend(looks: Mapping[int, Mapping]) -> dict[str, dict]:
    return {
        f"{n}-shot": {"marker": "o", "color": look["color"], "markersize": 0.9 * look["s"] ** 0.5, "markeredgewidth": 0}
        for n, look in looks.items()
    }


def _dot(axes: Axes, score, start: float, y: float, looks: Mapping[int, Mapping]) -> None:
    """One score with its interval; those of several shots stand one below the other in their row."""
    look, offset = {"color": TEXT, "s": 8, "marker": "D"}, 0.0
    if not score.beside:
        look = looks[score.shots] | {"s": 0.35 * looks[score.shots]["s"]}
        offset = 0.4 * (list(looks).index(score.shots) - (len(looks) - 1) / 2) / max(len(looks) - 1, 1)
    axes.hlines(y + offset, start + 100 * score.low, start + 100 * score.high, color=look["color"], linewidth=1)
    colour = look.pop("color")
    face = colour if score.own else "white"
    at = start + 100 * score.value, y + offset
    axes.scatter(*at, facecolors=[face], edgecolors=[colour], linewidth=0.7, zorder=3, clip_on=False, **look)
