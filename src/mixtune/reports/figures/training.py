"""Learning curves."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..experiment import Setup, display_name
from .layout import draw_panels, empty_figure
from .style import FAINT, LegendStyle, figure_style, mixture_styles, shot_dashes


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure with one panel per model: training loss by epoch as lines, validation loss as points.

    Args:
        tables: `training_log`. If it is empty, a note replaces the panels.
        setup: The experiment.
    """
    log = tables["training_log"]
    if log.empty:
        return empty_figure("No cell was fine-tuned: there are no training logs.", setup)
    name, every = display_name(setup), mixture_styles(setup)
    styles = {mixture: every[mixture] for mixture in setup["mixtures"] if mixture in set(log["mixture"])}
    dashes = shot_dashes(log["shots"].unique())
    legend: dict[str, LegendStyle] = {name(mixture): {**style, "linestyle": "-"} for mixture, style in styles.items()}
    legend |= {f"{n}-shot": {"linestyle": dash, "color": FAINT} for n, dash in dashes.items()}
    models = [model for model in setup["models"] if model in set(log["model"])]
    losses = log["loss"].to_numpy()
    lowest, highest = float(losses.min()), float(losses.max())
    positive = lowest > 0  # a loss of exactly 0 has no logarithm
    notes = ["Lines: training loss.", "Points: validation loss after each epoch (not used for model selection)."]
    notes += ["The scale is logarithmic."] if positive else []
    with figure_style():
        figure, drawn = draw_panels(
            list(map(name, models)), [legend], notes, setup, x="epoch", y="loss", across=3, height=1.35
        )
        spread = highest / lowest if positive else 1
        limits = (lowest / spread**0.05, highest * spread**0.05) if positive else (0, None)
        for axes, model in zip(drawn, models, strict=True):
            axes.set(yscale="log" if positive else "linear", ylim=limits)
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            if positive:
                subs = (1.0, 2.0, 5.0) if spread < 100 else (1.0,)
                axes.yaxis.set_major_locator(LogLocator(subs=subs))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter(NullFormatter())
            lines = log.loc[log["model"] == model].groupby(["mixture", "shots", "seed", "what"])
            for (mixture, shots, _, what), line in lines:
                style = styles[str(mixture)]
                colour, marker = style["color"], style.get("marker")
                if what == "training":
                    axes.plot(line["epoch"], line["loss"], color=colour, linestyle=dashes[shots], linewidth=0.8)
                else:
                    axes.scatter(
                        line["epoch"], line["loss"], marker=marker, s=12, zorder=3, clip_on=False,
                        facecolors="white", edgecolors=colour, linewidth=0.8,
                    )  # fmt: skip
    return figure
