"""From a system's predictions on disk to its scores on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..artifacts.manifests import read_json, write_json
from ..inference.predictions import SCHEMA
from .scoring import negative_words, score


def score_system(settings: Mapping[str, Any], predictions: Path, benchmarks: Mapping[str, Path], output: Path) -> None:
    """Score a system's predictions in every condition and on every benchmark.

    Args:
        settings: `system` (its facts, kept beside the scores), `conditions`, `benchmarks`, `negatives`.
        predictions: Folder of `{condition}/{benchmark}.parquet`.
        benchmarks: Folder of each prepared benchmark.
        output: JSON file to write.
    """
    scores: dict[str, dict[str, Any]] = {}
    for condition in settings["conditions"]:
        scores[condition] = {}
        for name in settings["benchmarks"]:
            rows = pq.read_table(predictions / condition / f"{name}.parquet", schema=SCHEMA).to_pydict()
            inventory = read_json(benchmarks[name] / "labels.json")
            scores[condition][name] = score(
                rows["gold"],
                rows["predicted"],
                negative_words(inventory["negative"], settings["negatives"]),
                inventory["labels"],
            )
    write_json(output, {**settings["system"], "negatives": settings["negatives"], "scores": scores})
