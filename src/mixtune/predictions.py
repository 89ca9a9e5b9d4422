"""The predictions of one system on one benchmark: the same columns whatever made them, and their scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .manifests import read_json, replacing, write_json
from .scoring import negative_words, recognise, score

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("gold", pa.string()),
        ("predicted", pa.string()),
        ("raw", pa.string()),
        ("in_schema", pa.bool_()),
    ]
)


def write_predictions(
    path: Path, ids: Sequence[str], gold: Mapping[str, str], raw: Sequence[str], labels: Sequence[str]
) -> None:
    """Write a predictions file: one row an example, in the order of `ids`."""
    rows: list[dict[str, Any]] = []
    for id, text in zip(ids, raw, strict=True):
        predicted, in_schema = recognise(text, labels)
        rows.append({"id": id, "gold": gold[id], "predicted": predicted, "raw": text, "in_schema": in_schema})
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd")


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
