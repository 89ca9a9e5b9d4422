"""What figures with a row for each system share: mean scores, names on the left, headings by model."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...systems import BASELINES
from ..experiment import Setup, display_name
from ..tables.matrix import AVERAGES, SIZES, headline
from .style import EDGE, FAINT, HIGH, LETTER, TEXT

ROW, LEAST, MODEL_GAP = 0.165, 0.125, 0.35  # inches: height of a row, and the least; in rows: room above a heading


def means(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The headline scores (× 100) and SIZES of each model, mixture and shots; means over the seeds."""
    groups = headline(matrix, setup).groupby(["model", "mixture", "shots"], sort=False)
    # A score that one seed lacks is blank, not a mean of those that exist.
    frame = groups[[*setup["benchmarks"], *AVERAGES]].mean(skipna=False).mul(100)
    return frame.join(groups[SIZES].max()).reset_index()


def blocks(systems: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Systems as they are printed: what stands beside the cells makes a block for each kind, as if a model.

    Args:
        systems: `model` and `mixture`.

    Returns:
        `heading` of each system's block, its `label`, and whether it is `beside` the cells.
    """
    beside = systems["mixture"].isin(BASELINES)
    named = systems[["model", "mixture"]].map(display_name(setup))
    headings = named["model"].mask(beside, systems["mixture"].str.capitalize())
    labels = named["mixture"].mask(beside, named["model"])
    return pd.DataFrame({"heading": headings, "label": labels, "beside": beside})


def write_at(axes: Axes, x: float, y: float, text: str, **looks: Any) -> None:
    """Write beside the axes: `x` in inches from their left edge, `y` in rows from the top."""
    looks = {"va": "center_baseline", "color": TEXT, "annotation_clip": False, "parse_math": False} | looks
    across = axes.get_yaxis_transform()
    axes.annotate(text, (0, y), (72 * x, 0), xycoords=across, textcoords="offset points", **looks)


def rows(
    named: pd.DataFrame, details: Iterable[str], width: float, top: float, right: float, bottom: float
) -> tuple[Axes, list[float]]:
    """Axes with a row for each system, under a heading for each block.

    Args:
        named: As `blocks` gives it; a label is written once for the rows that share it.
        details: What stands beside it in each row.
        width: Of the whole figure, in inches.
        top, right, bottom: Margins around the axes, in inches.

    Returns:
        The axes, where y counts rows from the top, and the middle of each row.
    """
    headings, labels, details = list(named["heading"]), list(named["label"]), list(details)
    middles, places, height = [], {}, 0.0
    for heading in headings:
        if heading not in places:
            height += MODEL_GAP if places else 0.0
            places[heading] = height + 0.5
            height += 1
        middles.append(height + 0.5)
        height += 1
    left = margin(named, details)
    row = max(min(ROW, (HIGH - top - bottom) / height), LEAST)
    size = width, top + height * row + bottom
    box = left / width, bottom / size[1], (width - left - right) / width, height * row / size[1]
    axes = Figure(figsize=size).add_axes(box, ylim=(height, 0), yticks=[])
    axes.spines[:].set_visible(False)
    for heading, y in places.items():
        over = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # a long one reaches into the axes
        write_at(axes, EDGE - left, y, heading, weight="bold", bbox=over)
    above = None
    for y, heading, label, detail in zip(middles, headings, labels, details, strict=True):
        if (heading, label) != above:
            write_at(axes, EDGE - left, y, label)
        write_at(axes, -0.05, y, detail, ha="right", color=FAINT)
        above = heading, label
    return axes, middles


def margin(named: pd.DataFrame, details: Iterable[str]) -> float:
    """Inches that labels and details take on the left."""
    rows = zip(named["label"], details, strict=True)
    return EDGE + LETTER * max(len(label) + len(detail) + bool(detail) for label, detail in rows) + 0.1
