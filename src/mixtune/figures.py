"""Figures of the matrix, drawn for print; the same numbers give the same bytes."""

from collections.abc import Iterable
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from .benchmarks.example import SPLITS
from .manifests import replacing
from .matrices import AVERAGES, BESIDE, SIZES, Setup, headline, titles
from .scoring import DOMAINS

# The whole style: a user's matplotlibrc changes nothing.
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
ROW, COLUMN, CHART = 0.175, 0.42, 2.3  # inches: height of a row; width of a column, of the chart of shots
MODEL_GAP, GROUP_GAP = 0.35, 0.3  # in rows, in columns
EDGE, LETTER = 0.05, 0.056  # inches: an outer margin, the mean width of a letter
SCORE = "positive-class\nmicro-F1 (× 100)"


def save(figure: Figure, stem: Path) -> None:
    """Write `{stem}.png` (200 dpi) and `{stem}.pdf`; no date goes into them."""
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        path = stem.with_name(f"{stem.name}.{ending}")
        with style.context(STYLE, after_reset=True), replacing(path) as temporary:
            figure.savefig(temporary, format=ending, metadata=metadata)


def _means(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The headline scores (× 100) and SIZES of each model, mixture and shots; means over the seeds."""
    groups = headline(matrix, setup).groupby(["model", "mixture", "shots"], sort=False)
    # A score that one seed lacks is blank, not a mean of those that exist.
    means = groups[[*setup["benchmarks"], *AVERAGES]].mean(skipna=False).mul(100)
    return means.join(groups[SIZES].max()).reset_index()


def _note(figure: Figure, setup: Setup) -> None:
    """Write what a reader must know of the numbers at the foot of a figure."""
    seeds, test_rows = len(setup["seeds"]), setup["caps"]["test_rows"]
    facts = [f"Condition: {setup['headline_condition']}."]
    facts += [f"Cells are means over {seeds} seeds."] if seeds > 1 else []
    facts += [f"At most {test_rows:,} test rows a benchmark."] if test_rows else []
    sample = "\nSample corpora: no evidence about the benchmarks." if setup["sample"] else ""
    width, height = figure.get_size_inches()
    figure.text(EDGE / width, EDGE / height, " ".join(facts) + sample, va="bottom", color=FAINT)


def _text(axes: Axes, x: float, y: float, text: str, **looks: Any) -> None:
    """Write beside the axes: `x` in inches from their left edge, `y` in rows from the top."""
    looks = {"va": "center_baseline", "color": TEXT, "annotation_clip": False, "parse_math": False} | looks
    across = axes.get_yaxis_transform()
    axes.annotate(text, (0, y), (72 * x, 0), xycoords=across, textcoords="offset points", **looks)


def _rows(
    systems: pd.DataFrame, details: Iterable[str], width: float, top: float, right: float, bottom: float
) -> tuple[Axes, list[float]]:
    """Axes with a row for each system, under a heading for each model.

    Args:
        systems: `model` and `mixture` of each row; a mixture is written once for the rows that share it.
        details: What stands beside it in each row.
        width, top, right, bottom: Of the axes, and of the margins around them, in inches.

    Returns:
        The axes, where y counts rows from the top, and the middle of each row.
    """
    models, labels = list(systems["model"]), list(systems["mixture"])
    middles, headings, height = [], {}, 0.0
    for model in models:
        if model not in headings:
            height += MODEL_GAP if headings else 0.0
            headings[model] = height + 0.5
            height += 1
        middles.append(height + 0.5)
        height += 1
    left = EDGE + LETTER * max(map(len, labels)) + 0.45
    size = left + width + right, top + height * ROW + bottom
    box = left / size[0], bottom / size[1], width / size[0], height * ROW / size[1]
    axes = Figure(figsize=size).add_axes(box, ylim=(height, 0), yticks=[])
    axes.spines[:].set_visible(False)
    for model, y in headings.items():
        _text(axes, EDGE - left, y, model, weight="bold")
    above = None
    for y, model, label, detail in zip(middles, models, labels, details, strict=True):
        if (model, label) != above:
            _text(axes, EDGE - left, y, label)
        _text(axes, -0.05, y, detail, ha="right", color=FAINT)
        above = model, label
    return axes, middles


def _cell(axes: Axes, x: float, y: float, value: float, weight: str) -> None:
    """One score, with its left edge at `x` and its middle at `y`; a blank is grey, with a dash."""
    blank = pd.isna(value)
    colour = to_rgb(LIGHT) if blank else COLOURS(value / 100)[:3]
    luminance = sum(share * part**2.2 for share, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    axes.add_patch(Rectangle((x, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    ink = FAINT if blank else TEXT if luminance > 0.27 else "white"
    text = "–" if blank else f"{value:.1f}"
    axes.text(x + 0.5, y, text, ha="center", va="center_baseline", color=ink, weight=weight)


def matrix_heatmap(matrix: pd.DataFrame, setup: Setup) -> Figure:
    """The matrix as a heat map: systems by benchmarks and averages, under the headline condition.

    Args:
        matrix: As `matrices.matrix` gives it; several seeds are averaged.
        setup: What was asked for.

    Raises:
        UserError: There is no score under the headline condition.
    """
    means, named = _means(matrix, setup), titles(matrix, setup)
    # What stands beside the cells makes a block for each kind, in which the name takes the mixture's place.
    beside, kinds = means["mixture"].isin(BESIDE), means["mixture"].str.capitalize()
    shots = [f"{n}-shot" if cell else "" for n, cell in zip(means["shots"], ~beside, strict=True)]
    systems = means.assign(
        model=means["model"].mask(beside, kinds), mixture=means["mixture"].mask(beside, means["model"])
    )
    groups = {
        domain: [name for name, benchmark in setup["benchmarks"].items() if benchmark["domain"] == domain]
        for domain in DOMAINS
    }
    groups["average"] = [mean for mean, size in zip(AVERAGES, SIZES, strict=True) if means[size].any()]
    groups = {group: columns for group, columns in groups.items() if columns}
    longest = max(len(named[column]) for columns in groups.values() for column in columns)
    width = sum(map(len, groups.values())) + GROUP_GAP * (len(groups) - 1)
    with style.context(STYLE, after_reset=True):
        axes, middles = _rows(systems, shots, width * COLUMN, 0.75 * LETTER * longest, 0.75, 0.6)
        axes.set(xlim=(0, width), xticks=[])
        foot, x = middles[-1] + 0.5, 0.0
        for group, columns in groups.items():
            end = x + len(columns)
            axes.plot([x + 0.08, end - 0.08], [foot + 0.35] * 2, color=FAINT, linewidth=0.5, clip_on=False)
            axes.text((x + end) / 2, foot + 0.55, group, ha="center", va="top", color=TEXT)
            for column in columns:
                slanted = {"rotation": 45, "rotation_mode": "anchor", "va": "center", "parse_math": False}
                axes.text(x + 0.5, 0.0, named[column], color=TEXT, **slanted)
                for y, value in zip(middles, means[column], strict=True):
                    _cell(axes, x, y, value, "bold" if group == "average" else "normal")
                x += 1
            x += GROUP_GAP
        length = min(foot - 1, 12)
        bar = axes.inset_axes((1 + 0.25 / width, 1 - (1 + length) / foot, 0.2 / width, length / foot))
        axes.figure.colorbar(ScalarMappable(Normalize(0, 100), COLOURS), bar, label=SCORE)
        bar.spines[:].set_visible(False)
        _note(axes.figure, setup)
    return axes.figure


def shot_effect(matrix: pd.DataFrame, setup: Setup) -> Figure:
    """Overall averages by number of shots: for each model and mixture, a dot for each number.

    Args:
        matrix: As `matrices.matrix` gives it; several seeds are averaged.
        setup: What was asked for.

    Raises:
        UserError: There is no score under the headline condition.
    """
    means = _means(matrix[~matrix["mixture"].isin(BESIDE)], setup)
    lines = means.drop_duplicates(["model", "mixture"])
    shots = sorted(means["shots"].unique())
    steps = [rank / max(len(shots) - 1, 1) for rank in range(len(shots))]
    # Dots of more shots are darker and smaller, so that of equal averages both are seen.
    looks = {n: {"color": COLOURS(0.5 + 0.4 * step), "s": 28 - 15 * step} for n, step in zip(shots, steps, strict=True)}
    with style.context(STYLE, after_reset=True):
        axes, middles = _rows(lines, [f"n={n}" for n in lines["overall_n"]], CHART, 0.25, 0.15, 0.85)
        axes.set(xlim=(-12, 104), xticks=range(0, 101, 20), xlabel=f"overall average, {SCORE}")
        axes.spines["bottom"].set(visible=True, bounds=(0, 100))
        axes.grid(axis="x", color=LIGHT, linewidth=0.6)
        axes.set_axisbelow(True)
        for n, look in looks.items():
            axes.scatter([], [], label=f"{n}-shot", linewidth=0, **look)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(shots), frameon=False, handletextpad=0.1)
        for y, (_, line) in zip(middles, means.groupby(["model", "mixture"], sort=False), strict=True):
            dots = line.dropna(subset="overall_avg").sort_values("overall_avg")
            if dots.empty:
                axes.text(0, y, "–", ha="center", va="center_baseline", color=FAINT)
                continue
            values = dict(zip(dots["shots"], dots["overall_avg"], strict=True))
            axes.hlines(y, min(values.values()), max(values.values()), color=FAINT, linewidth=0.8, zorder=1)
            for n in sorted(values):
                axes.scatter(values[n], y, linewidth=0, zorder=2, **looks[n])
            for n, side in {dots["shots"].iloc[0]: -1, dots["shots"].iloc[-1]: 1}.items():
                axes.annotate(
                    f"{values[n]:.1f}", (values[n], y), (4.5 * side, 0), textcoords="offset points",
                    ha="left" if side > 0 else "right", va="center_baseline", color=looks[n]["color"],
                )  # fmt: skip
        _note(axes.figure, setup)
    return axes.figure


def data_audit(data: pd.DataFrame, setup: Setup) -> Figure:
    """The benchmarks' data: rows, mentions that cannot be placed, ceilings, and test texts that train has too.

    Args:
        data: As `audits.data` gives it, a row a benchmark and split.
        setup: What was asked for (titles of benchmarks).
    """
    rows = data.pivot(index="benchmark", columns="split").loc[list(dict.fromkeys(data["benchmark"]))]
    total = rows["rows"].sum(axis=1)
    mentions = {
        kind: 50 * rows[f"mentions_{kind}"].sum(axis=1) / total  # two mentions a row
        for kind in ("missing", "repeated")
    }
    shared = 100 * rows["rows_in_train", "test"].astype(float) / rows["rows", "test"]
    panels = [
        ("rows", {split: rows["rows", split] for split in SPLITS}, True),
        ("mentions not in their text,\nor there repeatedly (%)", mentions, False),
        ("ceiling that equal inputs\nleave on test (%)", {"": 100 * rows["ceiling", "test"].astype(float)}, False),
        ("test rows whose text\nis in train, too (%)", {"": shared}, False),
    ]
    titles = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    left, width, gap, top, bottom = 1.15, 1.3, 0.25, 0.3, 0.62
    size = left + len(panels) * (width + gap), top + len(rows) * ROW + bottom
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=size)
        for place, (label, series, logarithmic) in enumerate(panels):
            x = (left + place * (width + gap)) / size[0]
            axes = figure.add_axes((x, bottom / size[1], width / size[0], len(rows) * ROW / size[1]))
            axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), xlabel=label)
            axes.set_yticklabels([titles.get(name, name) for name in rows.index] if place == 0 else [])
            axes.tick_params(axis="y", length=0)
            if logarithmic:
                decades = floor(log10(rows["rows"].min(axis=None))), ceil(log10(rows["rows"].max(axis=None) + 1))
                axes.set(xscale="log", xlim=[10**decade for decade in decades])
                axes.xaxis.set_minor_locator(NullLocator())
            else:
                axes.set_xlim(-4, 104)
            axes.grid(color=LIGHT, linewidth=0.6)
            axes.set_axisbelow(True)
            axes.spines[["top", "right", "left"]].set_visible(False)
            for rank, (name, values) in enumerate(series.items()):
                colour = COLOURS(0.9 - 0.3 * rank)
                axes.scatter(
                    values, range(len(rows)), s=14, color=colour, marker="os^"[rank], label=name, linewidth=0, zorder=3
                )
            if len(series) > 1:
                axes.legend(
                    loc="lower center", bbox_to_anchor=(0.5, 0.98), ncols=len(series), frameon=False,
                    handletextpad=-0.4, columnspacing=0.4, borderpad=0.1,
                )  # fmt: skip
        if setup["sample"]:
            note = "Sample corpora: no evidence about the benchmarks."
            figure.text(EDGE / size[0], EDGE / size[1], note, va="bottom", color=FAINT)
    return figure
