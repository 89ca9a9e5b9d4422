"""Columns of parquet and Arrow files, e.g. those that `save_to_disk` of the library datasets writes.

An integer of a class label is read as its name, which the file's schema holds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from ..example import ReadError

SUFFIXES = (".parquet", ".arrow")

_ROWS = 1024  # of a batch


def read_names(path: Path) -> list[str]:
    """Return the names of a file's columns."""
    if path.suffix.lower() == ".parquet":
        return pq.read_schema(path).names
    with _open_arrow(path) as batches:
        return batches.schema.names


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, list[object]]]]:
    """Yield the number of rows of each batch, and the values of those columns that the file has.

    Raises:
        ReadError: The rows of an Arrow file are selected by another file.
    """
    if path.suffix.lower() == ".parquet":
        with pq.ParquetFile(path) as file:
            wanted = [name for name in columns if name in file.schema_arrow.names]
            labels = _class_labels(file.schema_arrow)
            for batch in file.iter_batches(_ROWS, columns=wanted):
                yield batch.num_rows, _values(batch, wanted, labels)
        return
    _check_state(path)
    with _open_arrow(path) as batches:
        wanted = [name for name in columns if name in batches.schema.names]
        labels = _class_labels(batches.schema)
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                rows = batch.slice(start, _ROWS)
                yield rows.num_rows, _values(rows, wanted, labels)


@contextmanager
def _open_arrow(path: Path) -> Iterator["_Batches"]:
    """Open an Arrow file of either form: a stream, as the library datasets writes it, or with a footer."""
    with pa.OSFile(str(path)) as source:
        has_footer = source.read(6) == b"ARROW1"
        source.seek(0)
        yield _Batches(pyarrow.ipc.open_file(source) if has_footer else pyarrow.ipc.open_stream(source))


class _Batches:
    """Schema and record batches of an open Arrow file."""

    def __init__(self, reader: "pa.RecordBatchFileReader | pa.RecordBatchStreamReader") -> None:
        self._reader = reader
        self.schema: pa.Schema = reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._reader, pa.RecordBatchFileReader):
            yield from map(self._reader.get_batch, range(self._reader.num_record_batches))
        else:
            yield from self._reader


def _check_state(path: Path) -> None:
    """Refuse a file of which other files select the rows, as `state.json` of old versions of the library records."""
    state = path.with_name("state.json")
    if state.is_file():
        content = json.loads(state.read_text(encoding="utf-8"))
        if content.get("_indices_data_files") or content.get("_indices_files"):
            problem = "another file selects rows of this one; call flatten_indices() before save_to_disk()"
            raise ReadError(path, None, problem)


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of each column of class labels, in the order of their integers."""
    written = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(written).get("info", {}).get("features", {}) if written else {}
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _values(
    batch: pa.RecordBatch, columns: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> dict[str, list[object]]:
    values = {column: batch.column(column).to_pylist() for column in columns}
    for column in labels.keys() & values.keys():
        values[column] = [_label(value, labels[column]) for value in values[column]]
    return values


def _label(value: object, names: Sequence[str]) -> object:
    """Return the name of an integer; one that has none stays, and is refused as a label."""
    return names[value] if type(value) is int and 0 <= value < len(names) else value
