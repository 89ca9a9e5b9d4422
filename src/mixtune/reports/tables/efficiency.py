"""What a score costs: parameters, sizes, times and memory from run cards, beside the headline average."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ...artifacts.manifests import read_json
from ...artifacts.run_cards import write_table_card
from ..markdown import write_table
from .files import read_table
from .matrix import KEYS, Setup, headline, in_print

OF_TRAINING = [
    "trainable_parameters", "device", "seconds", "examples_per_second", "tokens_per_second", "peak_gpu_bytes",
    "peak_rss_bytes",
]  # fmt: skip
OF_PREDICTION = ["device", "seconds", "examples_per_second", "peak_gpu_bytes", "peak_rss_bytes"]
COLUMNS = [
    "system", *KEYS, "base_parameters", "adapter_bytes", *OF_TRAINING,
    *(f"prediction_{fact}" for fact in OF_PREDICTION), "overall_avg", "overall_n", "f1_per_billion",
]  # fmt: skip
WHOLE = [name for name in COLUMNS if name.endswith(("_bytes", "_parameters"))]


def efficiency(
    systems: pd.DataFrame, models: Mapping[str, Path], adapters: Mapping[str, Path], predictions: Mapping[str, Path]
) -> pd.DataFrame:
    """What each system costs, and its overall average.

    Args:
        systems: `system`, KEYS, `overall_avg` (micro-F1, 0..1) and `overall_n`, the benchmarks that it is over.
        models: Folder of each base model, with its manifest.
        adapters: Folder of each system's adapter, with its run card; an untuned model has none.
        predictions: Folder of each system's predictions, with a run card.

    Returns:
        COLUMNS: parameters of the base as stored; size of the adapter's file; what the run cards of training and of
        prediction (`prediction_…`) measured; `f1_per_billion`, the average by 10⁹ parameters of the base. Missing is
        what no card holds.
    """
    rows = []
    for row in systems.to_dict("records"):
        adapter = adapters.get(row["system"])
        base = _card(models.get(row["model"]), "manifest.json").get("parameters")
        trained, asked = _card(adapter, "run_card.json"), _card(predictions.get(row["system"]), "run_card.json")
        row["base_parameters"] = base
        row["adapter_bytes"] = (adapter / "adapter_model.safetensors").stat().st_size if adapter else None
        row |= {fact: trained.get(fact) for fact in OF_TRAINING}
        row |= {f"prediction_{fact}": asked.get(fact) for fact in OF_PREDICTION}
        row["f1_per_billion"] = row["overall_avg"] / (base / 1e9) if base else None
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(WHOLE, "Int64"))


def _card(folder: Path | None, name: str) -> dict[str, Any]:
    """A card's facts; none where there is no card."""
    return read_json(folder / name) if folder and (folder / name).is_file() else {}


def write_efficiency(
    settings: Mapping[str, Any],
    setup: Setup,
    matrix: Path,
    scores: Path,
    models: Mapping[str, Path],
    adapters: Mapping[str, Path],
    predictions: Mapping[str, Path],
    folder: Path,
) -> None:
    """Write the table `efficiency` as CSV and Markdown, and its run card.

    Args:
        settings: The job's.
        setup: What was asked for.
        matrix, scores: These tables, as CSV.
        models, adapters, predictions: As for `efficiency`.
        folder: Where to write.
    """
    begin = time.monotonic()
    texts = dict.fromkeys(["system", "model", "mixture", "condition"], str)
    named = pd.read_csv(scores, dtype=texts, keep_default_na=False, usecols=["system", *KEYS]).drop_duplicates()
    averages = headline(read_table(matrix), setup)[[*KEYS, "overall_avg", "overall_n"]]
    systems = averages.merge(named, on=KEYS)
    table = efficiency(systems[systems["system"].isin(predictions)], models, adapters, predictions)
    empty = [name for name in table if table[name].isna().all()]
    shown = in_print(table, setup).drop(
        columns=["system", "condition", *(["seed"] if len(setup["seeds"]) < 2 else []), *empty]
    )
    write_table(folder / "efficiency", table, shown.rename(columns=lambda name: name.replace("_", " ").capitalize()))
    cards = [found / "run_card.json" for found in (*adapters.values(), *predictions.values())]
    inputs = [matrix, scores, *(found / "manifest.json" for found in models.values()), *filter(Path.is_file, cards)]
    write_table_card("compare_efficiency", folder / "run_card_efficiency.json", ["efficiency"], settings, inputs, begin)
