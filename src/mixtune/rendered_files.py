"""Files of rendered rows: parquet with token ids, and how many of the last ids are the answer."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .manifests import replacing


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids of one example.

    Attributes:
        input_ids: The whole sequence.
        answer: How many of the last ids are the label and the end of turn (0 for a prompt): these, and
            only these, bear the training loss.
        cut: What had to go to fit: "", "demonstrations" or "text".
    """

    id: str
    input_ids: list[int]
    answer: int
    cut: str


SCHEMA = pa.schema(
    [("id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("answer", pa.int32()), ("cut", pa.string())]
)


def write_rendered(path: Path, rows: Iterable[Rendered]) -> dict[str, int]:
    """Write rendered examples; returns how many lost what (`demonstrations`, `text`), and the longest."""
    rows = list(rows)
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    cuts = Counter(row.cut for row in rows if row.cut)
    longest = max((len(row.input_ids) for row in rows), default=0)
    return {"rows": len(rows), "longest": longest, **{f"{what} cut": n for what, n in sorted(cuts.items())}}


def read_rendered(path: Path) -> list[dict[str, Any]]:
    """Rows of a file written by `write_rendered`, as dicts."""
    return pq.read_table(path, schema=SCHEMA).to_pylist()
