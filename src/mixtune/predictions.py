"""The predictions of one system on one benchmark: the same columns whatever made them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .labels import recognise
from .manifests import replacing

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
