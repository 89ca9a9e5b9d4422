"""Effect of demonstrations (shots)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ...systems import BASELINES
from ..experiment import Setup
from .layout import footnotes, score_notes, write_notes
from .rows import draw_rows, mean_scores, row_labels
from .style import FAINT, LINE, NARROW, SCORE, figure_style, shot_styles


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure of overall averages: one row per model and mixture, one dot per number of shots.

    Args:
        tables: `matrix`; seeds are averaged.
        setup: The experiment.

    Raises:
        UserError: No score has the headline condition.
    """
    matrix = tables["matrix"]
    scores = mean_scores(matrix.loc[~matrix["mixture"].isin(BASELINES)], setup)
    lines = scores.drop_duplicates(["model", "mixture"])
    shots = sorted(scores["shots"].unique())
    styles, notes = shot_styles(shots), footnotes(score_notes(setup), setup, NARROW)
    sizes = [f"n={n}" for n in lines["overall_n"]]
    with figure_style():
        bottom = 0.5 + len(notes) * LINE
        figure, axes, middles = draw_rows(row_labels(lines, setup), sizes, NARROW, 0.25, 0.12, bottom)
        axes.set(xlim=(-16, 104), xticks=range(0, 101, 20), xlabel=f"overall average, {SCORE}".replace(", ", ",\n"))
        axes.spines["bottom"].set(visible=True, bounds=(0, 100))
        axes.grid(axis="x")
        for n, style in styles.items():
            axes.scatter([], [], label=f"{n}-shot", linewidth=0, **style)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(shots))
        for y, (_, line) in zip(middles, scores.groupby(["model", "mixture"], sort=False), strict=True):
            known = line.dropna(subset="overall_avg").sort_values("overall_avg")
            if known.empty:
                axes.text(0, y, "–", ha="center", va="center_baseline", color=FAINT)
                continue
            values = dict(zip(known["shots"], known["overall_avg"], strict=True))
            axes.hlines(y, min(values.values()), max(values.values()), color=FAINT, linewidth=0.8, zorder=1)
            for n in sorted(values):
                axes.scatter(values[n], y, linewidth=0, zorder=2, **styles[n])
            for n, side in {known["shots"].iloc[0]: -1, known["shots"].iloc[-1]: 1}.items():
                axes.annotate(
                    f"{values[n]:.1f}", (values[n], y), (4.5 * side, 0), textcoords="offset points",
                    ha="left" if side > 0 else "right", va="center_baseline", color=styles[n]["color"],
                )  # fmt: skip
        write_notes(figure, notes)
    return figure
