"""Figures of the matrix, drawn for print; the same numbers give the same bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .matrices import AVERAGES, SIZES, Setup, headline, titles
from .scoring import DOMAINS

STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that every machine draws the same
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.width": 0.5,
    "ytick.major.size": 2.5,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "mixtune",
    "savefig.dpi": 200,
}
COLOURS = matplotlib.colormaps["viridis_r"]  # perceptually uniform, safe for colour-blind readers
TEXT, FAINT, LIGHT = "#1a1a1a", "#767676", "#ededed"
ROW, COLUMN, CHART = 0.175, 0.42, 2.3  # inches: height of a row, widths of a column and of the chart of shots
MODEL_GAP, GROUP_GAP = 0.35, 0.3  # in rows, in columns
LETTER = 0.056  # inches: a letter's mean width, on the generous side
SCORE = "positive-class micro-F1 (× 100)"


def save(figure: Figure, stem: Path) -> None:
    """Write `{stem}.png` (200 dpi) and `{stem}.pdf`; no date goes into them."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        figure.savefig(stem.with_name(f"{stem.name}.png"), metadata={"Software": None})
        figure.savefig(stem.with_name(f"{stem.name}.pdf"), metadata={"CreationDate": None})


def _means(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The headline scores (× 100) and SIZES of each model, mixture and shots; means over the seeds."""
    groups = headline(matrix, setup).groupby(["model", "mixture", "shots"], sort=False)
    # A score that one seed lacks is blank, not a mean of those that exist.
    means = groups[[*setup["benchmarks"], *AVERAGES]].mean(skipna=False).mul(100)
    return means.join(groups[SIZES].max()).reset_index()


def _note(setup: Setup) -> str:
    """What a reader must know of the numbers, for the foot of a figure."""
    seeds, test_rows = len(setup["seeds"]), setup["caps"]["test_rows"]
    facts = [f"Condition: {setup['headline_condition']}."]
    facts += [f"Means over {seeds} seeds."] if seeds > 1 else []
    facts += [f"At most {test_rows:,} test rows a benchmark."] if test_rows else []
    sample = "\nSample corpora: no evidence about the benchmarks." if setup["sample"] else ""
    return " ".join(facts) + sample


def _text(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write beside the axes: `x` in inches from their left edge, `y` in rows from the top."""
    style = {"va": "center", "color": TEXT, "annotation_clip": False, "parse_math": False} | style
    across = axes.get_yaxis_transform()
    axes.annotate(text, (0, y), (72 * x, 0), xycoords=across, textcoords="offset points", **style)


def _rows(
    models: Sequence[str], labels: Sequence[str], details: Iterable[str], width: float, top: float, bottom: float
) -> tuple[Axes, list[float], float]:
    """Axes with a labelled row for each system, under a heading for each model.

    Args:
        models, labels, details: Of each row; a label is written once for rows that follow each other.
        width, top, bottom: Of the axes, and of the margins above and below, in inches.

    Returns:
        The axes, where y counts rows from the top; the middle of each row; the left margin in inches.
    """
    middles, headings, height = [], {}, 0.0
    for model in models:
        if model not in headings:
            height += MODEL_GAP if headings else 0.0
            headings[model] = height + 0.5
            height += 1
        middles.append(height + 0.5)
        height += 1
    left, right = LETTER * max(map(len, labels)) + 0.5, 0.65
    size = left + width + right, top + height * ROW + bottom
    box = left / size[0], bottom / size[1], width / size[0], height * ROW / size[1]
    axes = Figure(figsize=size).add_axes(box, ylim=(height, 0), yticks=[])
    axes.spines[:].set_visible(False)
    left -= 0.05
    for model, y in headings.items():
        _text(axes, -left, y, model, weight="bold")
    above = None
    for y, model, label, detail in zip(middles, models, labels, details, strict=True):
        if (model, label) != above:
            _text(axes, -left, y, label)
        _text(axes, -0.05, y, detail, ha="right", color=FAINT)
        above = model, label
    return axes, middles, left


def _cell(axes: Axes, x: float, y: float, value: float, weight: str) -> None:
    """One score, with its left edge at `x` and its middle at `y`; a blank is grey, with a dash."""
    blank = pd.isna(value)
    colour = to_rgb(LIGHT) if blank else COLOURS(value / 100)[:3]
    luminance = sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    axes.add_patch(Rectangle((x, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    ink = FAINT if blank else TEXT if luminance > 0.5 else "white"
    text = "–" if blank else f"{value:.1f}"
    axes.text(x + 0.5, y, text, ha="center", va="center_baseline", color=ink, weight=weight)


def matrix_heatmap(matrix: pd.DataFrame, setup: Setup) -> Figure:
    """The matrix as a heat map: systems by benchmarks and averages, under the headline condition.

    Args:
        matrix: As `matrices.matrix` gives it; several seeds are averaged.
        setup: What was asked for.

    Raises:
        ValueError: There is no score under the headline condition.
    """
    means, named = _means(matrix, setup), titles(matrix, setup)
    groups = {
        domain: [name for name, benchmark in setup["benchmarks"].items() if benchmark["domain"] == domain]
        for domain in DOMAINS
    }
    groups["average"] = [mean for mean, size in zip(AVERAGES, SIZES, strict=True) if means[size].any()]
    groups = {group: columns for group, columns in groups.items() if columns}
    longest = max(len(named[column]) for columns in groups.values() for column in columns)
    width = sum(map(len, groups.values())) + GROUP_GAP * (len(groups) - 1)
    shots = [f"{n}-shot" for n in means["shots"]]
    with rc_context(STYLE):
        axes, middles, left = _rows(
            list(means["model"]), list(means["mixture"]), shots, width * COLUMN, 0.75 * LETTER * longest, 0.55
        )
        axes.set(xlim=(0, width), xticks=[])
        foot, x = middles[-1] + 0.5, 0.0
        for group, columns in groups.items():
            end = x + len(columns)
            axes.plot([x + 0.08, end - 0.08], [foot + 0.35] * 2, color=FAINT, lw=0.5, clip_on=False)
            axes.text((x + end) / 2, foot + 0.55, group, ha="center", va="top", color=TEXT)
            for column in columns:
                slanted = {"rotation": 45, "rotation_mode": "anchor", "va": "center", "parse_math": False}
                axes.text(x + 0.5, 0.6, named[column], color=TEXT, **slanted)
                for y, value in zip(middles, means[column], strict=True):
                    _cell(axes, x, y, value, "bold" if group == "average" else "normal")
                x += 1
            x += GROUP_GAP
        _text(axes, -left, foot + 2.0, _note(setup), color=FAINT, va="top")
        bar = axes.inset_axes([1 + 0.1 / (width * COLUMN), 0, 0.09 / (width * COLUMN), 1 - 1 / foot])
        axes.figure.colorbar(ScalarMappable(Normalize(0, 100), COLOURS), bar, label=SCORE).outline.set_visible(False)
    return axes.figure


def shot_effect(matrix: pd.DataFrame, setup: Setup) -> Figure:
    """Overall averages by number of shots: for each model and mixture, a dot for each number.

    Args:
        matrix: As `matrices.matrix` gives it; several seeds are averaged.
        setup: What was asked for.

    Raises:
        ValueError: There is no score under the headline condition.
    """
    means = _means(matrix, setup)
    lines = means.drop_duplicates(["model", "mixture"])
    shots = sorted(means["shots"].unique())
    details = [f"n={n}" for n in lines["overall_n"]]
    with rc_context(STYLE):
        axes, middles, left = _rows(list(lines["model"]), list(lines["mixture"]), details, CHART, 0.3, 0.75)
        axes.set(xlim=(0, 100), xlabel=f"overall average of\n{SCORE}")
        axes.spines["bottom"].set_visible(True)
        axes.grid(axis="x", color=LIGHT, linewidth=0.6)
        axes.set_axisbelow(True)
        for y, (_, line) in zip(middles, means.groupby(["model", "mixture"], sort=False), strict=True):
            line = line.dropna(subset="overall_avg").sort_values("overall_avg")
            if line.empty:
                axes.text(1, y, "–", va="center_baseline", color=FAINT)
                continue
            values = list(line["overall_avg"])
            axes.plot(values, [y] * len(values), color=FAINT, linewidth=1, zorder=1)
            for value, n in zip(values, line["shots"], strict=True):
                colour = COLOURS(0.25 + 0.6 * shots.index(n) / max(len(shots) - 1, 1))
                axes.scatter(value, y, s=16, color=colour, edgecolor="white", linewidth=0.4, zorder=2)
            ends = {values[0]: -3.5, values[-1]: 3.5}
            for value, shift in ends.items():
                side = "left" if shift > 0 else "right"
                axes.annotate(
                    f"{value:.1f}", (value, y), (shift, 0), textcoords="offset points", ha=side,
                    va="center_baseline", fontsize=6, color=TEXT,
                )  # fmt: skip
        _text(axes, -left, middles[-1] + 3.0, _note(setup), color=FAINT, va="top")
    return axes.figure
