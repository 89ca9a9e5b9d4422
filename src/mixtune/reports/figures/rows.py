"""Layout of figures with one row per system: mean scores, names on the left, headings per model."""

from collections.abc import Iterable
from typing import Literal, TypedDict, Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...systems import BASELINES
from ..experiment import Setup, display_name
from ..tables.matrix import AVERAGES, SIZES, headline
from .style import EDGE, FAINT, HIGH, LETTER, TEXT

ROW, LEAST, MODEL_GAP = 0.165, 0.125, 0.35  # inches: height of a row, and the minimum; in rows: space above a heading


def mean_scores(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return the headline scores (× 100) and SIZES of each model, mixture and shots, averaged over the seeds."""
    groups = headline(matrix, setup).groupby(["model", "mixture", "shots"], sort=False)
    # A score that is missing for one seed is blank, not the mean of the others.
    scores = pd.DataFrame(groups[[*setup["benchmarks"], *AVERAGES]].mean(skipna=False)) * 100
    return scores.join(pd.DataFrame(groups[SIZES].max())).reset_index()


def row_labels(systems: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return the labels of systems: cells are grouped by model, baselines by kind.

    Args:
        systems: `model` and `mixture`.

    Returns:
        `heading` of each system's group, its `label`, and `is_baseline`.
    """
    is_baseline = systems["mixture"].isin(BASELINES)
    model, mixture = (systems[column].map(display_name(setup)) for column in ("model", "mixture"))
    headings = model.mask(is_baseline, systems["mixture"].str.capitalize())
    labels = mixture.mask(is_baseline, model)
    return pd.DataFrame({"heading": headings, "label": labels, "is_baseline": is_baseline})


class LabelStyle(TypedDict, total=False):
    """Arguments of `Axes.annotate` in which labels differ."""

    ha: Literal["right"]
    color: str
    weight: Literal["bold"]
    bbox: dict[str, object]


def write_label(axes: Axes, x: float, y: float, text: str, **style: Unpack[LabelStyle]) -> None:
    """Write outside the axes: `x` in inches from their left edge, `y` in rows from the top."""
    style = {"color": TEXT, **style}
    axes.annotate(
        text, (0, y), (72 * x, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        va="center_baseline", annotation_clip=False, parse_math=False, **style,
    )  # fmt: skip


def draw_rows(
    labelled: pd.DataFrame, details: Iterable[str], width: float, top: float, right: float, bottom: float
) -> tuple[Figure, Axes, list[float]]:
    """Return a figure and its axes with one row per system, grouped under headings.

    Args:
        labelled: Result of `row_labels`; consecutive rows with the same label share it.
        details: A further label of each row.
        width: Width of the figure, in inches.
        top, right, bottom: Margins around the axes, in inches.

    Returns:
        The figure; its axes, whose y counts rows from the top; the middle of each row.
    """
    headings, labels, details = list(labelled["heading"]), list(labelled["label"]), list(details)
    middles: list[float] = []
    heading_heights: dict[str, float] = {}
    height = 0.0
    for heading in headings:
        if heading not in heading_heights:
            height += MODEL_GAP if heading_heights else 0.0
            heading_heights[heading] = height + 0.5
            height += 1
        middles.append(height + 0.5)
        height += 1
    left = label_margin(labelled, details)
    row = max(min(ROW, (HIGH - top - bottom) / height), LEAST)
    size = width, top + height * row + bottom
    box = left / width, bottom / size[1], (width - left - right) / width, height * row / size[1]
    figure = Figure(figsize=size)
    axes = figure.add_axes(box, ylim=(height, 0), yticks=[])
    axes.spines[:].set_visible(False)
    # Long headings overlap the axes.
    background: dict[str, object] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for heading, y in heading_heights.items():
        write_label(axes, EDGE - left, y, heading, weight="bold", bbox=background)
    above = None
    for y, heading, label, detail in zip(middles, headings, labels, details, strict=True):
        if (heading, label) != above:
            write_label(axes, EDGE - left, y, label)
        write_label(axes, -0.05, y, detail, ha="right", color=FAINT)
        above = heading, label
    return figure, axes, middles


def label_margin(labelled: pd.DataFrame, details: Iterable[str]) -> float:
    """Return the width of labels and details on the left, in inches."""
    rows = zip(labelled["label"], details, strict=True)
    return EDGE + LETTER * max(len(label) + len(detail) + bool(detail) for label, detail in rows) + 0.1
