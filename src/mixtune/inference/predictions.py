"""Predictions file of one system on one benchmark; its columns are the same for all kinds of systems."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts.manifests import replacing
from ..data.labels import recognise

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("gold", pa.string()),
        ("predicted", pa.string()),
        ("raw", pa.string()),
        ("in_schema", pa.bool_()),
        ("confidence", pa.float32()),
    ]
)


def write_predictions(
    path: Path,
    ids: Sequence[str],
    gold: Mapping[str, str],
    answers: Sequence[tuple[str, float | None]],
    labels: Sequence[str],
) -> None:
    """Write a predictions file: one row per example, in the order of `ids`.

    Args:
        gold: Gold label of each id.
        answers: Raw output of each id, and its probability among the labels (0..1) where it was computed.
        labels: The benchmark's label inventory.
    """
    rows: list[dict[str, str | bool | float | None]] = []
    for id, (raw, confidence) in zip(ids, answers, strict=True):
        predicted, in_schema = recognise(raw, labels)
        row = {"id": id, "gold": gold[id], "predicted": predicted, "raw": raw, "in_schema": in_schema}
        rows.append(row | {"confidence": confidence})
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd")
