"""Files of rendered rows: parquet with token ids, and the number of last ids that are the answer."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts.manifests import replacing


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids of one example.

    Attributes:
        input_ids: The whole sequence.
        answer: Number of last ids that are the label and the end of turn (0 for a prompt): only these have a
            training loss.
        cut: Part that was shortened to fit the limit: "", "demonstrations" or "text".
        uncut: Tokens before shortening.
    """

    id: str
    input_ids: list[int]
    answer: int
    cut: str
    uncut: int


class RenderedRow(TypedDict):
    """A row of a file, under the names of `Rendered`."""

    id: str
    input_ids: list[int]
    answer: int
    cut: str


ROW_GROUP = 8_192  # rows in memory while a file is written
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
SCHEMA = pa.schema(
    [("id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("answer", pa.int32()), ("cut", pa.string())]
)


def write_rendered(path: Path, rows: Iterable[Rendered]) -> dict[str, int | dict[str, int]]:
    """Write rendered examples, a batch at a time.

    Returns:
        `rows`; `longest`, tokens of the longest row; `tokens`, quantiles of the lengths before shortening
        (`p50`, `p90`, `p99`, `max`); and the number of shortened rows (`demonstrations cut`, `text cut`).
    """
    cuts: Counter[str] = Counter()
    uncut, longest, rows = array("i"), 0, iter(rows)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        while batch := list(islice(rows, ROW_GROUP)):
            columns = [[getattr(row, name) for row in batch] for name in SCHEMA.names]
            writer.write_table(pa.Table.from_arrays(list(map(pa.array, columns, SCHEMA.types)), schema=SCHEMA))
            cuts.update(row.cut for row in batch if row.cut)
            uncut.extend(row.uncut for row in batch)
            longest = max(longest, *(len(row.input_ids) for row in batch))
    quantiles = (
        dict(zip(QUANTILES, map(int, np.quantile(uncut, list(QUANTILES.values()))), strict=True)) if uncut else {}
    )
    counts: dict[str, int | dict[str, int]] = {"rows": len(uncut), "longest": longest, "tokens": quantiles}
    return counts | {f"{part} cut": count for part, count in sorted(cuts.items())}


def read_rendered(path: Path) -> list[RenderedRow]:
    """Return the rows of a file written by `write_rendered`, as dicts."""
    return pq.read_table(path, schema=SCHEMA).to_pylist()
