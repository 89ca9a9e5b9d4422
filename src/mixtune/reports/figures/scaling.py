"""Scaling of scores with model size within families."""

from collections.abc import Mapping
from math import ceil, floor, log10

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...systems import UNTUNED
from .. import chart_data
from ..experiment import Setup, display_name
from .layout import draw_panels, empty_figure, score_notes
from .style import FAINT, LegendStyle, figure_style, shot_dashes, value_styles


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure of overall averages by parameters: one panel per mixture, one line per family and shots.

    Args:
        tables: `matrix`. If no family has several sizes, a note replaces the panels.
        setup: The experiment.
    """
    systems = chart_data.sizes(chart_data.systems(tables, setup))
    if systems.empty:
        return empty_figure("No model family has several sizes (sizes are read from the models' names).", setup)
    mixtures = [name for name in [*setup["mixtures"], UNTUNED] if name in set(systems["mixture"])]
    families = value_styles(systems["family"].unique())
    dashes = shot_dashes(systems["shots"].unique())
    lines: dict[str, LegendStyle] = {f"{n}-shot": {"linestyle": dash, "color": FAINT} for n, dash in dashes.items()}
    legends = [families, lines]
    sizes = {mixture: systems.loc[systems["mixture"] == mixture, "overall_n"].max() for mixture in mixtures}
    name = display_name(setup)
    averages = systems["overall_avg"].to_numpy()
    low, high = 10 * floor(averages.min() / 10), min(100, 10 * ceil(averages.max() / 10))
    with figure_style():
        figure, drawn = draw_panels(
            [f"{name(mixture)} (n={sizes[mixture]})" for mixture in mixtures], legends, score_notes(setup), setup,
            x="parameters", y="overall average, F1 (× 100)", across=max(len(mixtures), 2), height=1.5,
        )  # fmt: skip
        for axes, mixture in zip(drawn, mixtures, strict=False):
            _set_ticks(axes, systems["millions"].to_numpy())
            axes.set_ylim(low - 3, high + 3)
            shown = systems.loc[systems["mixture"] == mixture]
            for (family, shots), line in shown.groupby(["family", "shots"]):
                means = pd.Series(line.groupby("millions")["overall_avg"].mean())
                axes.plot(
                    means.index, means, linestyle=dashes[shots], linewidth=1, markersize=4, **families[str(family)]
                )
    return figure


def _set_ticks(axes: Axes, millions: np.ndarray) -> None:
    """Set a logarithmic axis of parameters with few, round ticks."""
    low, high = float(millions.min()) / 1.4, float(millions.max()) * 1.4
    decades = range(floor(log10(low)), floor(log10(high)) + 1)
    ticks = [step * 10**decade for decade in decades for step in (1, 3) if low <= step * 10**decade <= high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{tick / 1000:g}B" if tick >= 100 else f"{tick:g}M" for tick in ticks])
    axes.set_xticks([], minor=True)
