"""What demonstrations change."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ...systems import BASELINES
from ..experiment import Setup
from .layout import footnotes, of_scores, write_notes
from .rows import blocks, means, rows
from .style import FAINT, LINE, NARROW, SCORE, of_shots, styled


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Overall averages: for each model and mixture, a dot for each number of shots.

    Args:
        tables: `matrix`; several seeds are averaged.
        setup: What was asked for.

    Raises:
        UserError: There is no score under the headline condition.
    """
    matrix = tables["matrix"]
    scores = means(matrix[~matrix["mixture"].isin(BASELINES)], setup)
    lines = scores.drop_duplicates(["model", "mixture"])
    shots = sorted(scores["shots"].unique())
    looks, notes = of_shots(shots), footnotes(of_scores(setup), setup, NARROW)
    sizes = [f"n={n}" for n in lines["overall_n"]]
    with styled():
        axes, middles = rows(blocks(lines, setup), sizes, NARROW, 0.25, 0.12, 0.5 + len(notes) * LINE)
        axes.set(xlim=(-16, 104), xticks=range(0, 101, 20), xlabel=f"overall average, {SCORE}".replace(", ", ",\n"))
        axes.spines["bottom"].set(visible=True, bounds=(0, 100))
        axes.grid(axis="x")
        for n, look in looks.items():
            axes.scatter([], [], label=f"{n}-shot", linewidth=0, **look)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(shots))
        for y, (_, line) in zip(middles, scores.groupby(["model", "mixture"], sort=False), strict=True):
            known = line.dropna(subset="overall_avg").sort_values("overall_avg")
            if known.empty:
                axes.text(0, y, "–", ha="center", va="center_baseline", color=FAINT)
                continue
            values = dict(zip(known["shots"], known["overall_avg"], strict=True))
            axes.hlines(y, min(values.values()), max(values.values()), color=FAINT, linewidth=0.8, zorder=1)
            for n in sorted(values):
                axes.scatter(values[n], y, linewidth=0, zorder=2, **looks[n])
            for n, side in {known["shots"].iloc[0]: -1, known["shots"].iloc[-1]: 1}.items():
                axes.annotate(
                    f"{values[n]:.1f}", (values[n], y), (4.5 * side, 0), textcoords="offset points",
                    ha="left" if side > 0 else "right", va="center_baseline", color=looks[n]["color"],
                )  # fmt: skip
        write_notes(axes.figure, notes)
    return axes.figure
