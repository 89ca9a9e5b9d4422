"""The table of costs from run cards, with the headline average: the job `compare_efficiency`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ...artifacts.manifests import read_json
from ...artifacts.run_cards import NAME, MeasuredCard, write_table_card
from ...models.formats import ModelManifest
from ...training.formats import FinetuneCard
from ..experiment import setup_of, with_display_names, without_default
from ..markdown import write_table
from ..settings import CompareEfficiencySettings
from .files import read_table
from .matrix import KEYS, headline

_T = TypeVar("_T")

OF_TRAINING = [
    "trainable_parameters", "device", "seconds", "examples_per_second", "tokens_per_second", "peak_gpu_bytes",
    "peak_rss_bytes",
]  # fmt: skip
OF_PREDICTION = ["device", "seconds", "examples_per_second", "peak_gpu_bytes", "peak_rss_bytes"]
COLUMNS = [
    "system", *KEYS, "base_parameters", "adapter_bytes", *OF_TRAINING,
    *(f"prediction_{cost}" for cost in OF_PREDICTION), "overall_avg", "overall_n", "f1_per_billion",
]  # fmt: skip
WHOLE = [name for name in COLUMNS if name.endswith(("_bytes", "_parameters"))]


def efficiency(
    systems: pd.DataFrame, models: Mapping[str, Path], adapters: Mapping[str, Path], predictions: Mapping[str, Path]
) -> pd.DataFrame:
    """Return the costs of each system, and its overall average.

    Args:
        systems: `system`, KEYS, `overall_avg` (micro-F1, 0..1) and `overall_n`, the number of benchmarks averaged.
        models: Folder of each base model, with its manifest.
        adapters: Folder of each system's adapter, with its run card; an untuned model has none.
        predictions: Folder of each system's predictions, with a run card.

    Returns:
        COLUMNS: parameters of the base as stored; size of the adapter's file; measurements of the run cards of
        training and of prediction (`prediction_…`); `f1_per_billion`, the average per 10⁹ parameters of the base.
        Values that no card holds are missing.
    """
    rows = []
    for row in systems.to_dict("records"):
        adapter = adapters.get(row["system"])
        manifest = _read(models.get(row["model"]), "manifest.json", ModelManifest)
        base = manifest["parameters"] if manifest else None
        training = _read(adapter, NAME, FinetuneCard) or {}
        prediction = _read(predictions.get(row["system"]), NAME, MeasuredCard) or {}
        row["base_parameters"] = base
        row["adapter_bytes"] = (adapter / "adapter_model.safetensors").stat().st_size if adapter else None
        row |= {cost: training.get(cost) for cost in OF_TRAINING}
        row |= {f"prediction_{cost}": prediction.get(cost) for cost in OF_PREDICTION}
        row["f1_per_billion"] = row["overall_avg"] / (base / 1e9) if base else None
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(WHOLE, "Int64"))


def _read(folder: Path | None, name: str, into: type[_T]) -> _T | None:
    """Read a run card or manifest; None if there is none."""
    return read_json(folder / name, into) if folder and (folder / name).is_file() else None


def compare_efficiency(
    settings: CompareEfficiencySettings,
    matrix: Path,
    scores: Path,
    models: Sequence[Path],
    adapters: Path,
    predictions: Path,
    folder: Path,
) -> None:
    """Write the table `efficiency` as CSV and Markdown, and its run card.

    Args:
        settings: The job's settings.
        matrix: The table `matrix`, as CSV.
        scores: The table `scores`, as CSV.
        models: Manifests of the base models.
        adapters: Folder of all adapters.
        predictions: Folder of all systems' predictions.
        folder: Folder of the tables.
    """
    begin, setup = time.monotonic(), setup_of(settings.setup)
    tuned = {system: adapters / system for system in settings.tuned}
    predicted = {system: predictions / system for system in settings.systems}
    texts = dict.fromkeys(["system", "model", "mixture", "condition"], str)
    named = pd.read_csv(scores, dtype=texts, keep_default_na=False, usecols=["system", *KEYS]).drop_duplicates()
    averages = headline(read_table(matrix), setup)[[*KEYS, "overall_avg", "overall_n"]]
    systems = averages.merge(named, on=KEYS)
    bases = {path.parent.name: path.parent for path in models}
    table = efficiency(systems[systems["system"].isin(settings.systems)], bases, tuned, predicted)
    empty = [name for name in table if table[name].isna().all()]
    for_readers = without_default(with_display_names(table, setup)).drop(
        columns=["system", "condition", *(["seed"] if len(setup["seeds"]) < 2 else []), *empty]
    )
    for_readers = for_readers.rename(columns=lambda name: name.replace("_", " ").capitalize())
    write_table(folder / "efficiency", table, for_readers)
    cards = [path / "run_card.json" for path in (*tuned.values(), *predicted.values())]
    inputs = [matrix, scores, *models, *filter(Path.is_file, cards)]
    write_table_card("compare_efficiency", folder / "run_card_efficiency.json", ["efficiency"], settings, inputs, begin)
