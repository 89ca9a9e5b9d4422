"""The table of paired tests between systems."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ...artifacts.run_cards import write_table_card
from ...evaluation.paired_tests import COLUMNS, compare
from ..markdown import Estimate, write_table


def write_comparisons(
    settings: Mapping[str, Any], predictions: Path, benchmarks: Mapping[str, Path], table: Path
) -> None:
    """Write the table of comparisons as CSV and Markdown, and its run card; arguments as for `compare`."""
    begin, folder = time.monotonic(), table.parent
    frame = compare(settings, predictions, benchmarks)
    write_table(table.with_suffix(""), frame, readable(frame))
    folders = [*(predictions / system for system in settings["systems"]), *benchmarks.values()]
    inputs = [folder / "manifest.json" for folder in folders]
    write_table_card("compare", folder / f"run_card_{table.stem}.json", [table.stem], settings, inputs, begin)


def readable(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Comparisons as people read them: the difference with its interval; p-values that say when they are tiny."""
    shown = comparisons.drop(columns=["low", "high"])
    bounds = comparisons[["difference", "low", "high"]].itertuples(index=False, name=None)
    estimates = [Estimate(value, interval=None if pd.isna(low) else (low, high)) for value, low, high in bounds]
    shown["difference"] = pd.Series(estimates, index=shown.index, dtype=object)
    for name in [name for name in COLUMNS if name.startswith("p_")]:
        shown[name] = ["" if pd.isna(p) else f"{p:.4f}" if p >= 0.0001 else "< 0.0001" for p in shown[name]]
    return shown
