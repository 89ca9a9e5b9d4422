import pyarrow.parquet as pq
import pytest

from mixtune.data import files
from mixtune.data.example import Example
from mixtune.data.files import read_examples, read_labels, write_examples


def example(number: int) -> Example:
    kinds = {"head_type": "PER", "tail_type": "", "relation": "met", "group": f"g{number}"}
    place = {"benchmark": "own", "split": "test", "key": str(number)}
    return Example.at("Ann met Bo.", (0, 3), (-1, -1), tail="Robert", **place, **kinds)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_examples_are_read_as_they_were_written_in_groups_of_rows(tmp_path, monkeypatch, number):
    monkeypatch.setattr(files, "ROW_GROUP", 2)
    examples = [example(n) for n in range(number)]
    write_examples(tmp_path / "test.parquet", examples)
    assert read_examples(tmp_path / "test.parquet") == examples
    assert pq.ParquetFile(tmp_path / "test.parquet").num_row_groups == -(-number // 2)


def test_a_file_that_cannot_be_completed_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROW_GROUP", 2)
    with pytest.raises(AttributeError):
        write_examples(tmp_path / "test.parquet", [example(0), example(1), None])
    assert list(tmp_path.iterdir()) == []


def test_labels_are_read_by_the_folders_names(tmp_path):
    for name in ("gids", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.json").write_text(f'{{"labels": ["NA", "{name}"], "negative": "NA"}}')
    assert read_labels([tmp_path / "own", tmp_path / "gids"]) == {"own": ["NA", "own"], "gids": ["NA", "gids"]}
