"""Scores of one system, from its predictions on disk."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from ..artifacts.manifests import read_json, write_json
from ..data.formats import LabelInventory
from ..inference.predictions import SCHEMA
from .formats import Scores
from .scoring import negative_words
from .scoring import score as score_labels
from .settings import ScoreSettings


def score(settings: ScoreSettings, predictions: Path, benchmarks: Mapping[str, Path], output: Path) -> None:
    """Score a system's predictions in every condition and on every benchmark.

    Args:
        settings: The system, whose fields are stored with the scores, its conditions and benchmarks.
        predictions: Manifest of the predictions, in the folder of `{condition}/{benchmark}.parquet`.
        benchmarks: Folder of each prepared benchmark.
        output: JSON file to write.
    """
    scores: dict[str, dict[str, Scores]] = {}
    for condition in settings.conditions:
        scores[condition] = {}
        for name in settings.benchmarks:
            path = predictions.parent / condition / f"{name}.parquet"
            rows = pq.read_table(path, schema=SCHEMA).to_pydict()
            inventory = read_json(benchmarks[name] / "labels.json", LabelInventory)
            negatives = negative_words(inventory["negative"], settings.negatives)
            scores[condition][name] = score_labels(rows["gold"], rows["predicted"], negatives, inventory["labels"])
    write_json(output, {**settings.system.model_dump(), "negatives": settings.negatives, "scores": scores})
