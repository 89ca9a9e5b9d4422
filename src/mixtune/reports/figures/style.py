"""Style of all figures: print widths, fonts, and colours that are distinct for colour-blind readers."""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import matplotlib
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.typing import ColorType, LineStyleType

from ...artifacts.manifests import replacing
from ...systems import BASELINES, UNTUNED
from ..experiment import Setup

# The complete style: a user's matplotlibrc has no effect.
STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that figures are identical on all machines
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "axes.titlepad": 3,
    "axes.linewidth": 0.5,
    "axes.axisbelow": True,
    "grid.color": "#ededed",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1,
    "legend.handletextpad": 0.4,
    "xtick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.width": 0.5,
    "ytick.major.size": 2.5,
    "pdf.fonttype": 42,  # embeds text as text
    "savefig.dpi": 300,
}
WIDE, NARROW, HIGH = 7.0, 3.3, 9.0  # inches: width of two columns of a page, and of one; height of a page
EDGE, LETTER, LINE = 0.05, 0.056, 0.14  # inches: an outer margin, the mean width of a letter, the height of a line
TEXT, FAINT, LIGHT = "#1a1a1a", "#767676", "#ededed"
COLOURS = matplotlib.colormaps["viridis_r"]  # for scores: perceptually uniform, safe for colour-blind readers
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito
MARKERS = "osD^vPX*"


class Slanted(TypedDict):
    """Arguments of a text on a slope that ends at its position."""

    rotation: float
    rotation_mode: Literal["anchor"]
    va: Literal["center"]
    parse_math: bool


SLANTED: Slanted = {"rotation": 45, "rotation_mode": "anchor", "va": "center", "parse_math": False}
DASHES: tuple[LineStyleType, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
SCORE = "positive-class micro-F1 (× 100)"


class Style(TypedDict):
    """Arguments of the points or the line of a series."""

    color: ColorType
    marker: NotRequired[str]


class LegendStyle(Style):
    """Arguments of a series' entry in a legend, a `Line2D`."""

    linestyle: NotRequired[LineStyleType]
    markersize: NotRequired[float]
    markeredgewidth: NotRequired[float]


class Dot(TypedDict):
    """Arguments of `Axes.scatter`: colour, and area in square points."""

    color: ColorType
    s: float


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the style of all figures, without the user's own settings."""
    with style.context(STYLE, after_reset=True):
        yield


def save(figure: Figure, stem: Path) -> None:
    """Write `{stem}.png` (300 dpi) and `{stem}.pdf`, without a date in the files."""
    formats = {"png": {"Software": None}, "pdf": {"CreationDate": None}}
    for suffix, metadata in formats.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        with figure_style(), replacing(path) as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)


def value_styles(values: Iterable[str]) -> dict[str, Style]:
    """Return a colour and a marker for each value: markers keep figures readable without colours.

    >>> value_styles(["a", "b"])["b"]
    {'color': '#d55e00', 'marker': 's'}
    """
    return {
        value: {"color": PALETTE[n % len(PALETTE)], "marker": MARKERS[n % len(MARKERS)]}
        for n, value in enumerate(dict.fromkeys(values))
    }


def mixture_styles(setup: Setup) -> dict[str, Style]:
    """Return the colour and marker of each mixture and kind of baseline, the same in all figures."""
    baselines: dict[str, Style] = {kind: {"color": TEXT, "marker": MARKERS[-1 - n]} for n, kind in enumerate(BASELINES)}
    return {**value_styles(setup["mixtures"]), UNTUNED: {"color": FAINT, "marker": "X"}, **baselines}


def shot_styles(shots: Iterable[int]) -> dict[int, Dot]:
    """Return the dot of each number of shots: darker and smaller for more, so that equal scores stay visible."""
    shots = sorted(shots)
    steps = [rank / max(len(shots) - 1, 1) for rank in range(len(shots))]
    return {n: {"color": COLOURS(0.5 + 0.4 * step), "s": 28 - 15 * step} for n, step in zip(shots, steps, strict=True)}


def shot_dashes(shots: Iterable[int]) -> dict[Hashable, LineStyleType]:
    """Return the line style of each number of shots."""
    return {n: DASHES[rank % len(DASHES)] for rank, n in enumerate(sorted(shots))}
