"""How the two domains balance."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ...systems import UNTUNED
from .. import chart_data as chart_rows
from ..experiment import Setup, display_name
from .layout import blank, of_scores, panels
from .style import FAINT, MARKERS, of_mixtures, styled


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """A panel for each number of shots: the general average along x, the literary one along y.

    Args:
        tables: `matrix` and `transfer`, which has a specialist's average of its other domain. Where no system has both,
            the figure says so.
        setup: What was asked for.
    """
    systems, _ = chart_rows.domains(tables, setup)
    if systems.empty:
        return blank("No system has both a general and a literary average here.", setup)
    name, every = display_name(setup), of_mixtures(setup)
    mixtures = [mixture for mixture in [*setup["mixtures"], UNTUNED] if mixture in set(systems["mixture"])]
    models = [model for model in setup["models"] if model in set(systems["model"])]
    several = len(models) > 1
    # Markers tell models apart; of a single one, they tell mixtures apart, as colours do.
    of_models = {model: {"color": FAINT, "marker": MARKERS[n % len(MARKERS)]} for n, model in enumerate(models)}
    of_all = {mixture: every[mixture] | ({"marker": "o"} if several else {}) for mixture in mixtures}
    legends = [{name(mixture): look for mixture, look in of_all.items()}]
    legends += [{name(model): look for model, look in of_models.items()}] if several else []
    shots = [n for n in sorted(setup["shots"]) if n in set(systems["shots"])]
    of_one = "" if several else f"{name(models[0])}, "
    with styled():
        figure, drawn = panels(
            [f"{of_one}{n}-shot" for n in shots], legends, of_scores(setup), setup,
            x="general average, F1 (× 100)", y="literary average, F1 (× 100)", across=2 if len(shots) < 3 else 3,
            height=2.4,
        )  # fmt: skip
        for axes, n in zip(drawn, shots, strict=True):
            axes.set(xlim=(-4, 104), ylim=(-4, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 20))
            axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.6, zorder=1)
            for system in systems[systems["shots"] == n].itertuples():
                look = of_all[system.mixture] | ({"marker": of_models[system.model]["marker"]} if several else {})
                at = system.general_avg, system.literary_avg
                axes.scatter(*at, s=18, linewidth=0.4, edgecolors="white", zorder=3, **look)
    return figure
