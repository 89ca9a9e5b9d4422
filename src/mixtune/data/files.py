"""Prepared benchmarks and mixtures on disk: parquet files of examples, and labels.json."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts.manifests import read_json, replacing
from .example import Example
from .formats import BenchmarkList, LabelInventory

SCHEMA = pa.schema([(field.name, pa.int32() if field.type is int else pa.string()) for field in fields(Example)])
ROW_GROUP = 65_536  # rows whose columns are in memory at once

_values = attrgetter(*SCHEMA.names)


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as one parquet file, complete or not at all."""
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(examples), ROW_GROUP):
            columns = list(zip(*map(_values, examples[start : start + ROW_GROUP]), strict=True))
            writer.write_table(pa.Table.from_arrays(list(map(pa.array, columns, SCHEMA.types)), schema=SCHEMA))


def read_examples(path: Path) -> list[Example]:
    """Return the examples of a parquet file written by `write_examples`."""
    with pq.ParquetFile(path) as file:
        batches = (batch.to_pydict().values() for batch in file.iter_batches(ROW_GROUP, columns=SCHEMA.names))
        return [Example(*row) for columns in batches for row in zip(*columns, strict=True)]


def folders(gathered: Path) -> dict[str, Path]:
    """Return the folder of each prepared benchmark by its name, from the list that `gather_benchmarks` wrote."""
    return {name: gathered.parent / name for name in read_json(gathered, BenchmarkList)["benchmarks"]}


def read_labels(folders: Iterable[Path]) -> dict[str, list[str]]:
    """Return the label inventory of each prepared benchmark, by its folder's name."""
    return {folder.name: read_json(folder / "labels.json", LabelInventory)["labels"] for folder in folders}
