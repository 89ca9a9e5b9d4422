"""Prepared benchmarks and mixtures on disk: parquet files of examples, and labels.json."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..manifests import read_json, replacing
from .example import Example

SCHEMA = pa.schema([(field.name, pa.int32() if field.type is int else pa.string()) for field in fields(Example)])


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as one parquet file, whole or not at all."""
    table = pa.Table.from_pylist([asdict(example) for example in examples], schema=SCHEMA)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_examples(path: Path) -> list[Example]:
    """The examples of a parquet file written by `write_examples`."""
    return [Example(**row) for row in pq.read_table(path).to_pylist()]


def read_labels(folders: Iterable[Path]) -> dict[str, list[str]]:
    """The label inventory of each prepared benchmark, by its folder's name."""
    return {folder.name: read_json(folder / "labels.json")["labels"] for folder in folders}
