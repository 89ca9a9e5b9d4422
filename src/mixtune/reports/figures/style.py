"""The one style of all figures: widths of print, fonts, and colours that colour-blind readers tell apart."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import style
from matplotlib.figure import Figure

from ...artifacts.manifests import replacing
from ...systems import BASELINES, UNTUNED
from ..experiment import Setup

# The whole style: a user's matplotlibrc changes nothing.
STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that every machine draws the same
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
    "pdf.fonttype": 42,  # text stays text
    "savefig.dpi": 300,
}
WIDE, NARROW, HIGH = 7.0, 3.3, 9.0  # inches: width over both columns of a page, and over one; height of a page
EDGE, LETTER, LINE = 0.05, 0.056, 0.14  # inches: an outer margin, the mean width of a letter, the height of a line
TEXT, FAINT, LIGHT = "#1a1a1a", "#767676", "#ededed"
COLOURS = matplotlib.colormaps["viridis_r"]  # of scores: perceptually uniform, safe for colour-blind readers
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's
MARKERS = "osD^vPX*"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
SCORE = "positive-class micro-F1 (× 100)"


@contextmanager
def styled() -> Iterator[None]:
    """The style, and nothing of the user's, as long as it lasts."""
    with style.context(STYLE, after_reset=True):
        yield


def save(figure: Figure, stem: Path) -> None:
    """Write `{stem}.png` (300 dpi) and `{stem}.pdf`; no date goes into them."""
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        path = stem.with_name(f"{stem.name}.{ending}")
        with styled(), replacing(path) as temporary:
            figure.savefig(temporary, format=ending, metadata=metadata)


def looks(values: Iterable[Any]) -> dict[Any, dict[str, Any]]:
    """A colour and a marker for each value: neither stands alone, so that figures are read without colours."""
    return {
        value: {"color": PALETTE[n % len(PALETTE)], "marker": MARKERS[n % len(MARKERS)]}
        for n, value in enumerate(dict.fromkeys(values))
    }


def of_mixtures(setup: Setup) -> dict[str, dict[str, Any]]:
    """Colour and marker of each mixture and kind: in all figures the same, whatever each of them shows."""
    beside = {kind: {"color": TEXT, "marker": MARKERS[-1 - n]} for n, kind in enumerate(BASELINES)}
    return {**looks(setup["mixtures"]), UNTUNED: {"color": FAINT, "marker": "X"}, **beside}


def of_shots(shots: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The dot of each number of shots: of more it is darker and smaller, so that of equal scores both are seen."""
    shots = sorted(shots)
    steps = [rank / max(len(shots) - 1, 1) for rank in range(len(shots))]
    return {n: {"color": COLOURS(0.5 + 0.4 * step), "s": 28 - 15 * step} for n, step in zip(shots, steps, strict=True)}
