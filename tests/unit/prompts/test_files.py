"""Files of rendered rows: columns, counts, quantiles."""

import pyarrow as pa
import pyarrow.parquet as pq

from mixtune.prompts.files import Rendered, read_rendered, write_rendered


def test_a_file_holds_these_columns_and_comes_back_as_it_was(tmp_path):
    rows = [Rendered("a", [1, 2, 300], 2, "", 3), Rendered("b", [4], 0, "text", 9), Rendered("c", [5, 6], 1, "text", 5)]
    facts = write_rendered(tmp_path / "new" / "rows.parquet", rows)
    assert facts == {"rows": 3, "longest": 3, "tokens": {"p50": 5, "p90": 8, "p99": 8, "max": 9}, "text cut": 2}
    table = pq.read_table(tmp_path / "new" / "rows.parquet")
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    ids = pa.list_(pa.int32())
    assert kinds == {"id": pa.string(), "input_ids": ids, "answer": pa.int32(), "cut": pa.string()}
    assert read_rendered(tmp_path / "new" / "rows.parquet") == [
        {"id": "a", "input_ids": [1, 2, 300], "answer": 2, "cut": ""},
        {"id": "b", "input_ids": [4], "answer": 0, "cut": "text"},
        {"id": "c", "input_ids": [5, 6], "answer": 1, "cut": "text"},
    ]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows.parquet"]


def test_a_file_without_rows_is_a_file(tmp_path):
    assert write_rendered(tmp_path / "rows.parquet", []) == {"rows": 0, "longest": 0, "tokens": {}}
    assert read_rendered(tmp_path / "rows.parquet") == []
