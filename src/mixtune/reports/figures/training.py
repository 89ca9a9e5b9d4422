"""Learning curves."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..experiment import Setup, display_name
from .layout import blank, panels
from .style import DASHES, FAINT, of_mixtures, styled


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """A panel for each model: training loss by epoch as lines, validation loss as points.

    Args:
        tables: `training_log`, as `chart_rows.training_log` gives it. Where no cell was tuned, the figure says so.
        setup: What was asked for.
    """
    log = tables["training_log"]
    if log.empty:
        return blank("No cell was tuned here: there are no training logs.", setup)
    name, every = display_name(setup), of_mixtures(setup)
    looks = {mixture: every[mixture] for mixture in setup["mixtures"] if mixture in set(log["mixture"])}
    dashes = {n: DASHES[rank % len(DASHES)] for rank, n in enumerate(sorted(log["shots"].unique()))}
    legends = [{name(mixture): {**look, "linestyle": "-"} for mixture, look in looks.items()}]
    legends[0] |= {f"{n}-shot": {"linestyle": dash, "color": FAINT} for n, dash in dashes.items()}
    models = [model for model in setup["models"] if model in set(log["model"])]
    positive = log["loss"].min() > 0  # a loss of exactly 0 has no logarithm
    facts = ["Lines: training loss.", "Points: validation loss after an epoch, which selects nothing."]
    facts += ["The scale is logarithmic."] if positive else []
    with styled():
        figure, drawn = panels(
            list(map(name, models)), legends, facts, setup, x="epoch", y="loss", across=3, height=1.35
        )
        spread = log["loss"].max() / log["loss"].min() if positive else 1
        limits = (log["loss"].min() / spread**0.05, log["loss"].max() * spread**0.05) if positive else (0, None)
        for axes, model in zip(drawn, models, strict=True):
            axes.set(yscale="log" if positive else "linear", ylim=limits)
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            if positive:
                subs = (1.0, 2.0, 5.0) if spread < 100 else (1.0,)
                axes.yaxis.set_major_locator(LogLocator(subs=subs))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter(NullFormatter())
            lines = log[log["model"] == model].groupby(["mixture", "shots", "seed", "what"])
            for (mixture, shots, _, what), line in lines:
                colour, marker = looks[mixture]["color"], looks[mixture]["marker"]
                if what == "training":
                    axes.plot(line["epoch"], line["loss"], color=colour, linestyle=dashes[shots], linewidth=0.8)
                else:
                    face = {"facecolors": "white", "edgecolors": colour, "linewidth": 0.8}
                    axes.scatter(line["epoch"], line["loss"], marker=marker, s=12, zorder=3, clip_on=False, **face)
    return figure
