"""Balance between the general and the literary domain."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ...systems import UNTUNED
from .. import chart_data
from ..experiment import Setup, display_name
from .layout import draw_panels, empty_figure, score_notes
from .style import FAINT, MARKERS, Style, figure_style, mixture_styles


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure with one panel per number of shots: the general average along x, the literary one along y.

    Args:
        tables: `matrix`, and `transfer` for a specialist's average of its other domain. If no system has both averages,
            a note replaces the panels.
        setup: The experiment.
    """
    systems, _ = chart_data.domains(tables, setup)
    if systems.empty:
        return empty_figure("No system has both a general and a literary average.", setup)
    name, every = display_name(setup), mixture_styles(setup)
    mixtures = [mixture for mixture in [*setup["mixtures"], UNTUNED] if mixture in set(systems["mixture"])]
    models = [model for model in setup["models"] if model in set(systems["model"])]
    several = len(models) > 1
    # Markers distinguish models; with a single model they distinguish mixtures, in addition to colours.
    by_model: dict[str, Style] = {
        model: {"color": FAINT, "marker": MARKERS[n % len(MARKERS)]} for n, model in enumerate(models)
    }
    by_mixture: dict[str, Style] = {
        mixture: {**every[mixture], "marker": "o"} if several else every[mixture] for mixture in mixtures
    }
    legends = [{name(mixture): style for mixture, style in by_mixture.items()}]
    legends += [{name(model): style for model, style in by_model.items()}] if several else []
    shots = [n for n in sorted(setup["shots"]) if n in set(systems["shots"])]
    prefix = "" if several else f"{name(models[0])}, "
    with figure_style():
        figure, drawn = draw_panels(
            [f"{prefix}{n}-shot" for n in shots], legends, score_notes(setup), setup,
            x="general average, F1 (× 100)", y="literary average, F1 (× 100)", across=2 if len(shots) < 3 else 3,
            height=2.4,
        )  # fmt: skip
        for axes, n in zip(drawn, shots, strict=True):
            axes.set(xlim=(-4, 104), ylim=(-4, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 20))
            axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.6, zorder=1)
            for system in systems.loc[systems["shots"] == n].to_dict("records"):
                style = by_mixture[system["mixture"]]
                marker = (by_model[system["model"]] if several else style).get("marker")
                axes.scatter(
                    system["general_avg"], system["literary_avg"], s=18, linewidth=0.4, edgecolors="white", zorder=3,
                    color=style["color"], marker=marker,
                )  # fmt: skip
    return figure
