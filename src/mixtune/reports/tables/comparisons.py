"""The table of paired tests between systems: the job `compare`."""

import time
from pathlib import Path

import pandas as pd

from ...artifacts.run_cards import write_table_card
from ...data.files import folders
from ...evaluation import paired_tests
from ...evaluation.settings import CompareSettings
from ..markdown import ScoreEstimate, write_table


def compare(settings: CompareSettings, predictions: Path, benchmarks: Path, table: Path) -> None:
    """Write the table of comparisons as CSV and Markdown, and its run card.

    Args:
        settings: The job's settings.
        predictions: Folder of all systems' predictions.
        benchmarks: `all.json` in the folder of the prepared benchmarks.
        table: The CSV file to write; the Markdown and the run card are written to its folder.
    """
    begin, folder, prepared = time.monotonic(), table.parent, folders(benchmarks)
    frame = paired_tests.compare(settings, predictions, prepared)
    write_table(table.with_suffix(""), frame, format_comparisons(frame))
    inputs = [*(predictions / system for system in settings.systems), *prepared.values()]
    inputs = [path / "manifest.json" for path in inputs]
    write_table_card("compare", folder / f"run_card_{table.stem}.json", [table.stem], settings, inputs, begin)


def format_comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return comparisons for readers: differences with their intervals, p-values with four decimals."""
    table = comparisons.drop(columns=["low", "high"])
    bounds = comparisons[["difference", "low", "high"]].itertuples(index=False, name=None)
    estimates = [ScoreEstimate(value, interval=None if pd.isna(low) else (low, high)) for value, low, high in bounds]
    table["difference"] = pd.Series(estimates, index=table.index, dtype=object)
    for name in [name for name in paired_tests.COLUMNS if name.startswith("p_")]:
        table[name] = ["" if pd.isna(p) else f"{p:.4f}" if p >= 0.0001 else "< 0.0001" for p in table[name]]
    return table
