"""Parquet and Arrow files of the library datasets: integers of class labels, and folders of `save_to_disk`."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers.hub_copy import is_hub_copy, read

NAMES = ["NA", "born in", "lives in"]
FEATURES = Features(
    {name: Value("string") for name in ("text", "entity1", "entity2")} | {"relation": ClassLabel(names=NAMES)}
)
ROW = {"text": "Ann Ek was born in Lund.", "entity1": "Ann Ek", "entity2": "Lund"}


def dataset(*labels: int | None, features: Features = FEATURES) -> Dataset:
    return Dataset.from_list([ROW | {"relation": label} for label in labels], features=features)


def read_all(folder: Path, split: str = "train", **options) -> list[Example]:
    return list(read(folder, "own", split, Counter(), **options))


def relations(folder: Path, split: str = "train", **options) -> list[str]:
    return [example.relation for example in read_all(folder, split, **options)]


def test_integers_of_class_labels_are_read_as_their_names(tmp_path):
    dataset(2, 0, 1, None).to_parquet(tmp_path / "train.parquet")
    assert relations(tmp_path, negative="none") == ["lives in", "NA", "born in", "none"]
    with pytest.raises(ReadError, match=r"train\.parquet:row 3: relation is null"):
        relations(tmp_path)


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_an_integer_that_no_name_belongs_to_is_an_error(tmp_path, label, suffix):
    table = dataset(1, 1).data.table
    column = pa.array([1, label], pa.int64())
    table = table.set_column(3, "relation", column).replace_schema_metadata(table.schema.metadata)
    if suffix == ".parquet":
        pq.write_table(table, tmp_path / "train.parquet")
    else:
        with pa.ipc.new_stream(tmp_path / "train.arrow", table.schema) as file:
            file.write_table(table)
    with pytest.raises(ReadError, match=rf"row 1: relation is {label}, not a string: an integer without a name"):
        relations(tmp_path)


def test_integers_without_names_are_an_error(tmp_path):
    features = Features(FEATURES | {"relation": Value("int64")})
    dataset(1, features=features).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(
        ReadError, match=r"row 0: relation is 1, not a string: an integer without a name; write its name"
    ):
        relations(tmp_path)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_folder_of_save_to_disk_is_read_by_its_splits(tmp_path, shards):
    DatasetDict(train=dataset(2, 1, 0), validation=dataset(1, 0)).save_to_disk(
        tmp_path / "data set", num_shards={"train": shards, "validation": shards}
    )
    folder = tmp_path / "data set"
    assert is_hub_copy(folder, {})
    assert (relations(folder), relations(folder, "validation")) == (["lives in", "born in", "NA"], ["born in", "NA"])
    (folder / "train" / "cache-0123.arrow").write_bytes(b"not read")
    assert relations(folder) == ["lives in", "born in", "NA"]
    with pytest.raises(MissingSplit):
        relations(folder, "test")
    if shards > 1:
        (folder / "train" / "data-00000-of-00002.arrow").unlink()
        with pytest.raises(ReadError, match="shards are missing"):
            relations(folder)


def test_a_file_whose_rows_another_file_selects_is_an_error(tmp_path):
    DatasetDict(train=dataset(2, 1, 0)).save_to_disk(tmp_path)
    state = tmp_path / "train" / "state.json"
    content = json.loads(state.read_text()) | {"_indices_data_files": [{"filename": "indices.arrow"}]}
    state.write_text(json.dumps(content))
    with pytest.raises(ReadError, match=r"another file selects rows of this one; call flatten_indices"):
        relations(tmp_path)


def test_an_arrow_file_with_a_footer_is_read_too(tmp_path):
    table = dataset(*[1] * 1500, *[2] * 1000).data.table
    with pa.ipc.new_file(tmp_path / "train.arrow", table.schema) as file:
        file.write_table(table)
    assert Counter(relations(tmp_path)) == {"born in": 1500, "lives in": 1000}


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"no Arrow file at all"])
def test_a_broken_arrow_file_is_named(tmp_path, content):
    (tmp_path / "train.arrow").write_bytes(content)
    is_hub_copy(tmp_path, {})
    with pytest.raises(ReadError, match=r"train\.arrow:row 0 or later: broken \.arrow file"):
        relations(tmp_path)


def test_a_truncated_arrow_file_is_an_error(tmp_path):
    DatasetDict(train=dataset(*[1] * 5000)).save_to_disk(tmp_path)
    path = tmp_path / "train" / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(ReadError, match=r"arrow:row \d+ or later: broken"):
        relations(tmp_path)


def test_columns_have_names_of_their_own_in_arrow_files(tmp_path):
    renamed = dataset(1).rename_columns({"text": "sentence", "relation": "label"})
    DatasetDict(train=renamed).save_to_disk(tmp_path)
    columns = {"text": "sentence", "head": "entity1", "tail": "entity2", "relation": "label"}
    assert relations(tmp_path, columns=columns) == ["born in"]
    with pytest.raises(ReadError, match=r"arrow: column missing or duplicate: text, relation"):
        relations(tmp_path)
