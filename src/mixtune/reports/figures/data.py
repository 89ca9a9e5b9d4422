"""Audit of the benchmarks."""

from collections.abc import Mapping
from math import ceil, floor, log10

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from ...data.example import SPLITS
from ..experiment import Setup
from .layout import footnotes, write_notes
from .rows import ROW
from .style import COLOURS, EDGE, LETTER, LINE, WIDE, figure_style


def draw(tables: Mapping[str, pd.DataFrame], setup: Setup) -> Figure:
    """Return a figure of rows, missing or repeated mentions, accuracy ceilings and train–test overlap.

    Args:
        tables: `data`, one row per benchmark and split.
        setup: The experiment (titles of benchmarks).
    """
    data = tables["data"]
    rows = data.pivot(index="benchmark", columns="split").loc[list(dict.fromkeys(data["benchmark"]))]
    kinds = ("missing", "repeated")
    counts = ["rows", *(f"mentions_{kind}" for kind in kinds)]
    counted = rows["rows"].astype(float).where(rows["rows"] > 0)  # evaluation-only benchmarks lack splits
    totals = pd.DataFrame(data.groupby("benchmark", sort=False)[counts].sum())
    mentions = {kind: 50 * totals[f"mentions_{kind}"] / totals["rows"] for kind in kinds}  # two mentions per row
    shared = 100 * rows["rows_in_train", "test"].astype(float) / rows["rows", "test"]
    panels = [
        ("rows", {split: counted[split] for split in SPLITS}, True),
        ("mentions missing in the text\nor repeated in it (%)", mentions, False),
        ("accuracy ceiling of\nduplicate test inputs (%)", {"": 100 * rows["ceiling", "test"].astype(float)}, False),
        ("test rows whose text\nalso occurs in train (%)", {"": shared}, False),
    ]
    titles = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    shown = [titles.get(name, name) for name in map(str, rows.index)]
    notes = footnotes([], setup, WIDE)
    left, gap, top, bottom = 0.15 + LETTER * max(map(len, shown)), 0.22, 0.22, 0.48 + EDGE + len(notes) * LINE
    width, height = (WIDE - left - 3 * gap - 0.15) / len(panels), len(rows) * ROW
    size = WIDE, top + height + bottom
    with figure_style():
        figure = Figure(figsize=size)
        for index, (label, series, logarithmic) in enumerate(panels):
            x = (left + index * (width + gap)) / size[0]
            axes = figure.add_axes((x, bottom / size[1], width / size[0], height / size[1]))
            axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), xlabel=label)
            axes.set_yticklabels(shown if index == 0 else [], parse_math=False)
            axes.tick_params(axis="y", length=0)
            if logarithmic:
                decades = floor(log10(counted.min(axis=None))), ceil(log10(counted.max(axis=None) + 1))
                axes.set(xscale="log", xlim=[10**decade for decade in decades])
                axes.xaxis.set_major_formatter(EngFormatter(sep=""))
                axes.xaxis.set_minor_locator(NullLocator())
            else:
                axes.set_xlim(-4, 104)
            axes.grid()
            axes.spines[["top", "right", "left"]].set_visible(False)
            for rank, (name, values) in enumerate(series.items()):
                colour = COLOURS(0.9 - 0.3 * rank)
                axes.scatter(
                    values, range(len(rows)), s=14, color=colour, marker="os^"[rank], label=name, linewidth=0, zorder=3
                )
            if len(series) > 1:
                axes.legend(
                    loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=len(series), handletextpad=-0.4,
                    columnspacing=0.4,
                )  # fmt: skip
        write_notes(figure, notes)
    return figure
