"""How scores grow with a model's size, within families."""

from collections.abc import Mapping
from math import floor, log10

import pandas as pd
from matplotlib.figure import Figure

from ...systems import UNTUNED
from .. import chart_data as chart_rows
from ..experiment import Setup, display_name
from .layout import blank, of_scores, panels
from .style import DASHES, FAINT, looks, styled


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """A panel for each mixture: overall averages by parameters, a line for each family and number of shots.

    Args:
        tables: `matrix`. Where no family has several sizes, the figure says so.
        setup: What was asked for.
    """
    systems = chart_rows.sizes(chart_rows.systems(tables, setup))
    if systems.empty:
        return blank("No family of models has several sizes here (sizes are told by the models' names).", setup)
    mixtures = [name for name in [*setup["mixtures"], UNTUNED] if name in set(systems["mixture"])]
    families = looks(systems["family"].unique())
    dashes = {n: DASHES[rank % len(DASHES)] for rank, n in enumerate(sorted(systems["shots"].unique()))}
    legends = [families, {f"{n}-shot": {"linestyle": dash, "color": FAINT} for n, dash in dashes.items()}]
    sizes = systems.groupby("mixture")["overall_n"].max()
    name = display_name(setup)
    low, high = 10 * floor(systems["overall_avg"].min() / 10), min(100, 10 * -floor(-systems["overall_avg"].max() / 10))
    with styled():
        figure, drawn = panels(
            [f"{name(mixture)} (n={sizes[mixture]})" for mixture in mixtures], legends, of_scores(setup), setup,
            x="parameters", y="overall average, F1 (× 100)", across=max(len(mixtures), 2), height=1.5,
        )  # fmt: skip
        for axes, mixture in zip(drawn, mixtures, strict=False):
            _ticks(axes, systems["millions"])
            axes.set_ylim(low - 3, high + 3)
            shown = systems[systems["mixture"] == mixture]
            for (family, shots), line in shown.groupby(["family", "shots"]):
                means = line.groupby("millions")["overall_avg"].mean()
                axes.plot(means.index, means, linestyle=dashes[shots], linewidth=1, markersize=4, **families[family])
    return figure


def _ticks(axes, millions: pd.Series) -> None:
    """A logarithmic axis of parameters with few, round ticks."""
    low, high = millions.min() / 1.4, millions.max() * 1.4
    decades = range(floor(log10(low)), floor(log10(high)) + 1)
    ticks = [step * 10**decade for decade in decades for step in (1, 3) if low <= step * 10**decade <= high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{tick / 1000:g}B" if tick >= 100 else f"{tick:g}M" for tick in ticks])
    axes.set_xticks([], minor=True)
