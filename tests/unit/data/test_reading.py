import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mixtune.data.example import SPLITS, MissingSplit, ReadError
from mixtune.data.reading import read_folder
from mixtune.data.registry import REGISTRY
from mixtune.resources import resource


def hub_copy(folder: Path, relation: str = "met") -> Path:
    folder.mkdir(parents=True)
    with (folder / "test.csv").open("w", newline="") as file:
        rows = [("text", "entity1", "entity2", "relation"), ("Ann met Bo.", "Ann", "Bo", relation)]
        csv.writer(file).writerows(rows)
    return folder


@pytest.mark.parametrize("name", REGISTRY)
def test_a_folder_in_hub_layout_is_read_as_one_under_any_name(name, tmp_path):
    (example,) = read_folder(name, hub_copy(tmp_path / "copy"), "test")
    assert (example.id, example.relation) == (f"{name}/test/0", "met")


def test_a_null_relation_of_a_copy_is_the_registrys_negative_or_the_callers(tmp_path):
    folder = hub_copy(tmp_path / "copy", relation="")
    assert next(read_folder("gids", folder, "test", negative="ignored")).relation == "NA"
    assert next(read_folder("own", folder, "test", negative="nothing")).relation == "nothing"
    with pytest.raises(ReadError, match="relation is null"):
        next(read_folder("own", folder, "test"))


@pytest.mark.parametrize("split", SPLITS)
def test_a_missing_folder_for_tacred_names_its_licence_and_its_files(tmp_path, split):
    with pytest.raises(
        MissingSplit, match=r"gone: no such folder; .*LDC2018T24.*train\.json, dev\.json and test\.json"
    ):
        read_folder("tacred", tmp_path / "gone", split)


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "tacred"])
def test_a_missing_folder_names_the_files_that_it_should_hold(tmp_path, name):
    with pytest.raises(MissingSplit) as caught:
        read_folder(name, tmp_path / "gone", "test")
    assert str(caught.value) == f"{tmp_path / 'gone'}: no such folder; expected {REGISTRY[name].native}"


def test_a_missing_folder_of_ones_own_names_the_config_key(tmp_path):
    with pytest.raises(MissingSplit, match=r"no such folder; see benchmarks\.<name>\.path"):
        read_folder("own", tmp_path / "gone", "test")


# Files named by the user


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("split", SPLITS)
def test_a_named_file_is_read_by_the_reader_of_its_format(name, split, tmp_path):
    """As every split, also one that the format does not have; files of other splits stay where they are found."""
    source = resource("sample", name)
    shutil.copytree(source, tmp_path / "corpus")
    native = min(path for path in source.iterdir() if "train" in path.name.lower())
    (tmp_path / "corpus" / "mine").mkdir()
    shutil.copy(native, tmp_path / "corpus" / "mine" / f"rows{native.suffix}")
    files = {split: f"mine/rows{native.suffix}"}
    expected = [
        replace(example, id=example.id.replace("/train/", f"/{split}/"), split=split)
        for example in read_folder(name, source, "train")
    ]
    counts, expected_counts = Counter(), Counter()
    assert list(read_folder(name, tmp_path / "corpus", split, counts, files=files)) == expected
    list(read_folder(name, source, "train", expected_counts))
    assert counts == expected_counts
    other = "train" if split != "train" else "test"
    if name != "pg_fiction" or other == "train":  # the one without a test file
        assert list(read_folder(name, tmp_path / "corpus", other, files=files)) == list(
            read_folder(name, source, other)
        )


def test_the_gold_file_of_biographical_can_be_named(tmp_path):
    row = "sentence\trelation\tANNOTATION\n<e1>Ada</e1> of <e2>Bonn</e2>\tOther\tbplace_name\n"
    (tmp_path / "mine.tsv").write_text(row, encoding="utf-8")
    options, files = {"annotation": "human"}, {"test": "mine.tsv"}
    (example,) = read_folder("biographical", tmp_path, "test", options=options, files=files)
    assert (example.id, example.relation) == ("biographical/test/gold-2", "bplace_name")


@pytest.mark.parametrize("name", ["own", "conll04"])
@pytest.mark.parametrize("file", ["mine.csv", "data/other.csv"])
def test_a_named_file_in_hub_layout_is_read_as_one(name, file, tmp_path):
    copy = hub_copy(tmp_path / "copy")
    (copy / "data").mkdir()
    (copy / "test.csv").rename(copy / file)
    (example,) = read_folder(name, copy, "test", files={"test": file})
    assert (example.id, example.relation) == (f"{name}/test/0", "met")


def test_a_named_file_replaces_that_of_the_folder_and_with_it_its_format(tmp_path):
    shutil.copytree(resource("sample", "gids"), tmp_path / "gids")
    (tmp_path / "gids" / "test.tsv").rename(tmp_path / "gids" / "mine.tsv")
    (tmp_path / "gids" / "test.csv").write_text("text,entity1,entity2,relation\nAnn met Bo.,Ann,Bo,met\n")
    assert next(read_folder("gids", tmp_path / "gids", "test")).relation == "met"
    named = read_folder("gids", tmp_path / "gids", "test", files={"test": "mine.tsv"})
    assert list(named) == list(read_folder("gids", resource("sample", "gids"), "test"))


def test_a_named_file_with_columns_of_its_own(tmp_path):
    (tmp_path / "mine.tsv").write_text("s\ta\tb\tr\nAnn met Bo.\tAnn\tBo\tmet\n")
    columns = {"text": "s", "head": "a", "tail": "b", "relation": "r"}
    (example,) = read_folder("own", tmp_path, "train", options={"columns": columns}, files={"train": "mine.tsv"})
    assert example.relation == "met"


@pytest.mark.parametrize("name", [*REGISTRY, "own"])
@pytest.mark.parametrize("split", SPLITS)
def test_a_named_file_that_is_missing_names_its_key(name, split, tmp_path):
    folder = resource("sample", name) if name in REGISTRY else hub_copy(tmp_path / "copy")
    with pytest.raises(MissingSplit) as caught:
        list(read_folder(name, folder, split, files={split: "gone.json"}))
    message = f"{folder / 'gone.json'}: file not found; correct benchmarks.{name}.files.{split}"
    assert str(caught.value) == message


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(MissingSplit, match=r"benchmarks\.own\.files\.train"):
        read_folder("own", tmp_path, "train", files={"train": ""})


def test_an_unknown_split_is_an_error():
    with pytest.raises(
        ReadError, match=r"benchmarks\.gids\.files: unknown split 'dev'; expected train, validation, test"
    ):
        read_folder("gids", resource("sample", "gids"), "test", files={"dev": "dev.tsv"})


# Files that look like a split


@pytest.mark.parametrize(
    ("name", "file", "usual"),
    [
        ("nyt11", "val_triples.json", "dev_triples.json"),
        ("tacred", "dev.json", "valid.json"),
        ("conll04", "conll04_dev.json", "conll04_val.json"),
        ("gids", "dev.tsv", "validation.tsv"),
        ("rebel", "en_val.jsonl", "en_dev.jsonl"),
        ("re_docred", "dev_revised.json", "val_revised.json"),
    ],
)
def test_a_usual_name_of_the_validation_split_is_read(name, file, usual, tmp_path):
    shutil.copytree(resource("sample", name), tmp_path / name)
    (tmp_path / name / file).rename(tmp_path / name / usual)
    expected = list(read_folder(name, resource("sample", name), "validation"))
    assert list(read_folder(name, tmp_path / name, "validation")) == expected


@pytest.mark.parametrize("file", ["Train.csv", "TRAIN.PARQUET"])
def test_a_native_name_is_read_in_any_case(tmp_path, file):
    source = resource("sample", "pg_fiction")
    if file.endswith("csv"):
        shutil.copy(source / "train.csv", tmp_path / file)
    else:
        pd.read_csv(source / "train.csv", dtype=str, keep_default_na=False).to_parquet(tmp_path / file)
    expected = [example.id for example in read_folder("pg_fiction", source, "train")]
    assert [example.id for example in read_folder("pg_fiction", tmp_path, "train")] == expected


@pytest.mark.parametrize(
    ("name", "split", "file"),
    [
        ("own", "validation", "dev_triples.json"),
        ("own", "validation", "my_dev.csv"),
        ("own", "train", "train_0.csv"),
        ("own", "train", "train.csv.gz"),
        ("own", "validation", "data/validation_1.tsv"),
        ("biographical", "validation", "m2_dev.tsv"),
        ("semeval2010_task8", "validation", "VALID_FILE.TXT"),
        ("pg_fiction", "test", "test_books.csv"),
    ],
)
def test_a_file_that_looks_like_a_missing_split_is_an_error(name, split, file, tmp_path):
    folder = tmp_path / name
    if name == "own":
        hub_copy(folder)
    else:
        shutil.copytree(resource("sample", name), folder)
    with pytest.raises(MissingSplit):
        next(read_folder(name, folder, split))
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).touch()
    with pytest.raises(ReadError) as caught:
        next(read_folder(name, folder, split))
    assert not isinstance(caught.value, MissingSplit)
    remedy = f"name one in benchmarks.{name}.files.{split}, or move them out of the folder"
    assert str(caught.value) == f"{folder}: split {split!r} not found, but {file} may be it; {remedy}"
    (folder / file).rename(folder / "rows.csv")
    with pytest.raises(MissingSplit):
        next(read_folder(name, folder, split))


def test_a_file_that_is_named_for_another_split_is_not_taken_for_a_missing_one(tmp_path):
    folder = hub_copy(tmp_path / "copy")
    (folder / "test.csv").rename(folder / "dev_rows.csv")
    with pytest.raises(MissingSplit):
        next(read_folder("own", folder, "validation", files={"train": "dev_rows.csv"}))


def test_quoting_is_an_option_of_tables_alone(tmp_path):
    folder = hub_copy(tmp_path / "copy")
    (folder / "test.csv").write_text('text,entity1,entity2,relation\n"Ann met Bo.,Ann,Bo,met\n')
    (example,) = read_folder("gids", folder, "test", options={"quoting": "none"})
    assert example.text == '"Ann met Bo.'
    with pytest.raises(ReadError, match=r"benchmarks\.gids\.quoting is for tables, but these are native files; remove"):
        read_folder("gids", resource("sample", "gids"), "test", options={"quoting": "none"})
