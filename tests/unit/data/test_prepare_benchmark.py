import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mixtune.artifacts.manifests import is_complete, read_json
from mixtune.data import REGISTRY, SPLITS, MissingSplit, ReadError, read
from mixtune.data.carving import carve_split
from mixtune.data.example import Example
from mixtune.data.files import read_examples, read_labels
from mixtune.data.prepare_benchmark import prepare, prepare_benchmark, write_prepared
from mixtune.data.settings import PrepareBenchmarkSettings
from mixtune.resources import resource

SHARES = {"validation": 0.1, "test": 0.2}


def prepared(benchmark: str, path: Path | None = None, **settings):
    """Prepare a sample corpus, or other files of which nothing is known."""
    options = {"shares": SHARES, "seed": 42, "expect": "sample"} | settings
    return prepare(benchmark, path or resource("sample", benchmark), **options)


def native(benchmark: str, split: str) -> list[Example]:
    """What the reader gives for a split of the sample corpus; nothing where the format has no such split."""
    try:
        return list(read(benchmark, resource("sample", benchmark), split))
    except MissingSplit:
        return []


def ids(examples) -> set[str]:
    return {example.id for example in examples}


def groups(examples) -> set[str]:
    return {example.group for example in examples}


def hub_copy(folder: Path, **splits: list[tuple]) -> Path:
    """A folder in hub layout; the rows of a split are (text, head, tail, relation)."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "entity1", "entity2", "relation"), *rows])
    return folder


def row(number: int, relation: str) -> tuple:
    return (f"Ann met Bo {number} times.", "Ann", "Bo", relation)


def rows(relation: str, *numbers: int) -> list[tuple]:
    return [row(number, relation) for number in numbers]


@pytest.mark.parametrize("benchmark", REGISTRY)
def test_no_row_of_a_sample_corpus_is_lost_or_doubled(benchmark):
    splits = prepared(benchmark).splits
    read_in = [example for split in SPLITS for example in native(benchmark, split)]
    kept = [example for split in SPLITS for example in splits[split]]
    assert sorted(splits) == sorted(SPLITS)
    assert Counter(ids(kept)) == Counter(example.id for example in read_in)
    assert len(kept) == len(read_in)
    assert all(splits[split] for split in SPLITS)
    assert all(example.split == split for split in SPLITS for example in splits[split])


@pytest.mark.parametrize("benchmark", REGISTRY)
def test_a_split_that_is_there_stays_as_it_is_and_a_missing_one_is_carved(benchmark):
    result = prepared(benchmark)
    missing = [split for split in SPLITS if not native(benchmark, split)]
    assert sorted(result.audit["carved"]) == sorted(missing)
    for split in ("validation", "test"):
        if split in missing:
            assert result.audit["carved"][split] == f"{SHARES[split]} of the train rows, by group, seed 42"
        else:
            assert result.splits[split] == native(benchmark, split)
    if not missing:
        assert result.splits["train"] == native(benchmark, "train")


def test_which_splits_are_carved():
    carved = {benchmark: sorted(prepared(benchmark).audit["carved"]) for benchmark in REGISTRY}
    assert {benchmark: splits for benchmark, splits in carved.items() if splits} == {
        "semeval2010_task8": ["validation"],
        "biographical": ["validation"],
        "pg_fiction": ["test", "validation"],
    }


@pytest.mark.parametrize("benchmark", REGISTRY)
def test_no_group_is_divided_between_splits(benchmark):
    splits = prepared(benchmark).splits
    owners = Counter(group for split in SPLITS for group in groups(splits[split]))
    assert max(owners.values()) == 1


@pytest.mark.parametrize("benchmark", ["semeval2010_task8", "biographical", "pg_fiction"])
def test_carving_takes_the_share_of_the_rows_in_whole_groups(benchmark):
    train = native(benchmark, "train")
    stays, moved = carve_split(train, "validation", 0.1, 42)
    largest = max(Counter(example.group for example in train).values())
    assert 0.1 * len(train) <= len(moved) < 0.1 * len(train) + largest
    assert [example for example in train if example.group not in groups(moved)] == stays
    assert groups(stays) & groups(moved) == set()
    assert {example.split for example in moved} == {"validation"}
    assert all(example.id.startswith(f"{benchmark}/train/") for example in moved)  # ids are for ever


def test_the_validation_share_is_of_what_the_test_split_leaves():
    splits = prepared("pg_fiction").splits
    stays, test = carve_split(native("pg_fiction", "train"), "test", 0.2, 42)
    assert splits["test"] == test
    assert (splits["train"], splits["validation"]) == carve_split(stays, "validation", 0.1, 42)


def test_carving_is_drawn_by_its_seed_whatever_the_order_of_the_rows():
    train = native("biographical", "train")
    once, turned = carve_split(train, "validation", 0.1, 42)[1], carve_split(train[::-1], "validation", 0.1, 42)[1]
    assert ids(once) == ids(turned)
    assert len({frozenset(ids(carve_split(train, "validation", 0.1, seed)[1])) for seed in range(5)}) == 5


@pytest.mark.parametrize("seed", range(5))
def test_rare_labels_stay_in_train(tmp_path, seed):
    """`once` is in one group, `pair` in two: the first stays, and one of the two."""
    train = rows("often", *range(40)) + rows("once", 50, 50) + rows("pair", 60, 61) + rows("often", 50)
    splits = prepared("own", hub_copy(tmp_path, train=train, test=rows("often", 90)), seed=seed).splits
    assert len(splits["validation"]) == 5  # 0.1 of 45
    counts = Counter(example.relation for example in splits["train"])
    assert counts["once"] == 2
    assert counts["pair"] >= 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("benchmark", ["semeval2010_task8", "biographical", "pg_fiction"])
def test_every_label_of_the_train_file_stays_in_train(benchmark, share):
    train = native(benchmark, "train")
    stays, _ = carve_split(train, "validation", share, 42)
    assert {example.relation for example in stays} == {example.relation for example in train}


def test_an_unknown_label_in_a_closed_inventory_is_an_error(tmp_path):
    folder = tmp_path / "conll04"
    shutil.copytree(resource("sample", "conll04"), folder)
    path = folder / "conll04_dev.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"Live_In"', '"Lives_In"', 1), encoding="utf-8")
    with pytest.raises(ReadError, match=r"conll04/validation/\S+: unknown label 'Lives_In': not one of the 5 of Co"):
        prepared("conll04", folder)


@pytest.mark.parametrize("benchmark", [name for name in REGISTRY if name != "pg_fiction"])
def test_an_inventory_that_ships_is_used_in_its_order(benchmark):
    result = prepared(benchmark)
    assert result.labels == list(REGISTRY[benchmark].labels)
    assert result.negative == REGISTRY[benchmark].negative


def test_null_label(tmp_path):
    """The word NA is a label from the file to the parquet; null is the negative label; nothing is 'None' or 'nan'."""
    result = prepared("gids")
    write_prepared(result, tmp_path / "gids")
    for split in SPLITS:
        lines = (resource("sample", "gids") / f"{split.replace('validation', 'dev')}.tsv").read_text("utf-8")
        negatives = sum(line.split("\t")[4] == "NA" for line in lines.splitlines())
        examples = read_examples(tmp_path / "gids" / f"{split}.parquet")
        assert negatives == result.audit["splits"][split]["negatives"] > 0
        assert negatives == sum(example.relation == "NA" for example in examples)
    assert read_labels([tmp_path / "gids"])["gids"].count("NA") == 1

    train = [row(1, "NA"), row(2, ""), row(3, "met"), row(4, "null"), row(5, "met")]
    folder = hub_copy(tmp_path / "copy", train=train, validation=[row(6, "met")], test=[row(7, ""), row(8, "None")])
    result = prepared("own", folder, negative="NA")
    write_prepared(result, tmp_path / "own")
    relations = {split: [e.relation for e in read_examples(tmp_path / f"own/{split}.parquet")] for split in SPLITS}
    assert relations == {
        "train": ["NA", "NA", "met", "null", "met"],
        "validation": ["met"],
        "test": ["NA", "None"],  # a word of its author's, and no null
    }
    assert result.labels == ["NA", "met", "null"]
    assert result.audit["splits"]["train"]["counts"] == {"relation was null, read as NA": 1}


def test_labels_from_test(tmp_path):
    """A label that only the test split has is counted and kept as gold, and never put into the inventory."""
    folder = hub_copy(
        tmp_path,
        train=rows("a", 1, 2) + rows("b", 3, 4),
        validation=rows("c", 5),
        test=rows("a", 6) + rows("unseen", 7, 8),
    )
    result = prepared("own", folder)
    assert result.labels == ["a", "b", "c"]
    assert result.audit["splits"]["test"]["outside the inventory"] == 2
    assert result.audit["splits"]["test"]["labels"] == {"a": 1, "unseen": 2}
    assert result.audit["splits"]["train"]["outside the inventory"] == 0
    assert [example.relation for example in result.splits["test"]] == ["a", "unseen", "unseen"]


def test_labels_from_test_where_the_train_file_alone_gives_the_inventory():
    """PG-Fiction's inventory is that of its train split after carving, with the negative label."""
    result = prepared("pg_fiction")
    assert set(result.labels) == {example.relation for example in result.splits["train"]} | {"none"}
    assert result.labels == sorted(result.labels)


def test_the_inventory_of_a_copy_of_pg_fiction_is_its_train_splits(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", 1, 2), validation=rows("b", 3), test=rows("c", 4))
    result = prepared("pg_fiction", folder)
    assert result.labels == ["a", "none"]
    assert [result.audit["splits"][split]["outside the inventory"] for split in SPLITS] == [0, 1, 1]


def test_a_copy_of_a_benchmark_has_the_inventory_of_its_train_and_validation_splits(tmp_path):
    """Copies spell and choose labels in their own way, so that what ships does not close them."""
    folder = hub_copy(tmp_path, train=rows("deathPlace", 1, 2), validation=rows("Other", 3), test=rows("c", 4))
    result = prepared("biographical", folder)
    assert result.labels == ["Other", "deathPlace"]
    assert result.audit["splits"]["test"]["outside the inventory"] == 1


@pytest.mark.parametrize(("spelled", "labels"), [("other", ["a", "other"]), ("OTHER", ["OTHER", "a"])])
def test_the_negative_label_is_not_added_in_a_second_spelling(tmp_path, spelled, labels):
    folder = hub_copy(tmp_path, train=rows("a", 1, 2), validation=rows(spelled, 3), test=rows("a", 4))
    assert prepared("biographical", folder).labels == labels


def test_labels_from_test_of_an_open_inventory_that_ships():
    result = prepared("rebel")
    outside = Counter(e.relation for e in result.splits["train"] if e.relation not in REGISTRY["rebel"].labels)
    assert result.audit["splits"]["train"]["outside the inventory"] == outside.total() > 0
    assert set(outside) & set(result.labels) == set()


def test_the_negative_label_is_in_the_inventory_though_no_row_has_it(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", *range(20)), test=rows("a", 30))
    assert prepared("own", folder, negative="nothing").labels == ["a", "nothing"]
    assert prepared("own", folder).labels == ["a"]


def test_an_id_that_occurs_twice_is_an_error(tmp_path):
    folder = tmp_path / "rebel"
    shutil.copytree(resource("sample", "rebel"), folder)
    path = folder / "en_test.jsonl"
    first = next(line for line in path.read_text("utf-8").splitlines() if json.loads(line)["triples"])
    path.write_text(f"{path.read_text('utf-8').rstrip()}\n{first}\n", encoding="utf-8")
    docid = json.loads(first)["docid"]
    with pytest.raises(ReadError, match=rf"duplicate id rebel/test/{docid}/0 in split test"):
        prepared("rebel", folder)


def test_a_missing_train_split_is_an_error(tmp_path):
    with pytest.raises(MissingSplit, match="split 'train' not found"):
        prepared("own", hub_copy(tmp_path, test=rows("a", 1)))


def test_the_audit_counts_what_is_there():
    result = prepared("tacred")
    for split in SPLITS:
        examples, audit = result.splits[split], result.audit["splits"][split]
        assert audit["rows"] == len(examples)
        assert audit["groups"] == len(groups(examples))
        assert audit["labels"] == dict(sorted(Counter(e.relation for e in examples).items()))
        assert audit["negatives"] == sum(e.relation == "no_relation" for e in examples) > 0
    assert result.audit["splits"]["train"]["counts"]["examples with Penn Treebank escapes"] > 0
    assert result.audit["warnings"] == []


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("benchmark", REGISTRY)
def test_what_is_written_is_what_was_prepared(benchmark, tmp_path):
    result = prepared(benchmark)
    write_prepared(result, tmp_path / benchmark)
    manifest = tmp_path / benchmark / "manifest.json"
    assert is_complete(manifest)
    assert sorted(read_json(manifest)["files"]) == [
        "audit.json",
        "labels.json",
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]
    assert sorted(hashes(tmp_path / benchmark)) == sorted([*read_json(manifest)["files"], "manifest.json"])
    for split in SPLITS:
        assert read_examples(tmp_path / benchmark / f"{split}.parquet") == result.splits[split]
    assert read_json(tmp_path / benchmark / "labels.json") == {"labels": result.labels, "negative": result.negative}
    assert read_json(tmp_path / benchmark / "audit.json") == result.audit


def test_another_process_writes_the_same_bytes(tmp_path):
    program = """
import sys
from pathlib import Path
from mixtune.data import REGISTRY
from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.resources import resource
for name in REGISTRY:
    shares = {"test": 0.2, "validation": 0.1}
    prepared = prepare(name, resource("sample", name), shares=shares, seed=42, expect="sample")
    write_prepared(prepared, Path(sys.argv[1]) / name)
"""
    for name in REGISTRY:
        write_prepared(prepared(name), tmp_path / "here" / name)
    for seed in ("0", "1"):  # Python's own hashes, and so the order of its sets, differ
        there = tmp_path / f"there-{seed}"
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", program, str(there)], check=True, env=environment)
        assert hashes(there) == hashes(tmp_path / "here")


@pytest.mark.parametrize("benchmark", REGISTRY)
def test_splits_of_a_sample_corpus_hold_several_labels(benchmark):
    """So that a corpus can serve for a run of the whole workflow."""
    splits = prepared(benchmark).splits
    assert min(len({example.relation for example in examples}) for examples in splits.values()) >= 3


# Official numbers


def spert(folder: Path, **rows: int) -> Path:
    """A CoNLL04 folder in SpERT's form with so many relations in each split, one a sentence."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, number in rows.items():
        sentences = [
            {
                "tokens": ["Ann", "met", "Bo", str(place)],
                "entities": [{"type": "Peop", "start": 0, "end": 1}, {"type": "Peop", "start": 2, "end": 3}],
                "relations": [{"type": LABELS[place % 5], "head": 0, "tail": 1}],
                "orig_id": place,
            }
            for place in range(number)
        ]
        (folder / f"conll04_{split}.json").write_text(json.dumps(sentences), encoding="utf-8")
    return folder


LABELS = ("Work_For", "Kill", "OrgBased_In", "Live_In", "Located_In")


def test_official_numbers_pass(tmp_path):
    result = prepared("conll04", spert(tmp_path, train=1283, dev=343, test=422), expect="official")
    assert result.audit["warnings"] == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"train": 1273}, r"train has 1,273 examples of 5 labels, officially 1,283 examples of 5 labels; this is "
                          r"probably Bekoulis' division .*; set benchmarks\.conll04\.expect: any"),
        ({"train": 1283, "dev": 353}, r"validation has 353 .*Bekoulis"),
        ({"train": 1283, "dev": 343, "test": 421}, r"test has 421 .* is this another variant of the data\?"),
    ],
)  # fmt: skip
def test_other_numbers_are_an_error_that_names_the_variant(tmp_path, rows, message):
    with pytest.raises(ReadError, match=message):
        prepared("conll04", spert(tmp_path, **rows), expect="official")


def test_missing_labels_are_a_difference_too(tmp_path):
    folder = spert(tmp_path, train=1283, dev=343, test=422)
    path = folder / "conll04_test.json"
    path.write_text(path.read_text().replace("Kill", "Live_In"))
    with pytest.raises(ReadError, match="test has 422 examples of 4 labels, officially 422 examples of 5 labels"):
        prepared("conll04", folder, expect="official")


def test_files_of_ones_own_are_taken_with_a_warning(tmp_path):
    folder = spert(tmp_path, train=1273, dev=343, test=10)
    path = folder / "conll04_test.json"
    path.write_text(path.read_text().replace("Kill", "Kills"))
    result = prepared("conll04", folder, expect="any")
    first, second = result.audit["warnings"]
    assert first.startswith("train has 1,273") and "Bekoulis" in first
    assert second.startswith("test has 10 examples")
    assert result.audit["splits"]["test"]["outside the inventory"] == 2


def test_a_copy_without_repeated_triples_is_named_with_what_to_do(tmp_path):
    triples = [["Ann", label, "Bo"] for label in REGISTRY["nyt11"].labels[:22]]
    record = {"text": "Ann met Bo.", "triple_list": [triples[0]]}
    for split, rows in (("train", 30), ("val", 7_985), ("test", 8_120)):
        records = [record] * (rows - 22) + [{"text": "Ann met Bo.", "triple_list": triples}]
        (tmp_path / f"{split}_triples.json").write_text(json.dumps(records))
    with pytest.raises(ReadError) as caught:
        prepared("nyt11", tmp_path, expect="official")
    message = str(caught.value).removeprefix(f"{tmp_path}: ")
    assert message.startswith("NYT11 (benchmarks.nyt11): validation has 7,985 examples of 22 labels, officially 8,489 ")
    assert "this is probably NYT24 without the triples that a sentence repeats; take PRGC's files" in message
    assert message.endswith("; set benchmarks.nyt11.expect: any to use these files nevertheless")
    warnings = prepared("nyt11", tmp_path, expect="any").audit["warnings"]
    assert [warning.split(",")[0] for warning in warnings] == ["validation has 7", "test has 8"]


# Splits that cannot be carved, and files that are not read


def test_a_test_split_without_rows_is_an_error_that_explains(tmp_path):
    folder = hub_copy(tmp_path, train=[row(number, f"label {number}") for number in range(6)])
    with pytest.raises(ReadError) as caught:
        prepared("own", folder)
    assert str(caught.value) == (
        f"{folder}: test has 0 rows: every label of the 6 train rows (6 labels) would lose its last group, and labels "
        "of fewer than two groups stay in train; a system cannot be scored without test rows: add rows, or name a file "
        "in benchmarks.own.files.test"
    )


def test_a_test_file_that_gives_no_row_is_an_error(tmp_path):
    shutil.copytree(resource("sample", "conll04"), tmp_path / "conll04")
    sentence = {"tokens": ["Ann"], "entities": [], "relations": [], "orig_id": 1}
    (tmp_path / "conll04" / "conll04_test.json").write_text(json.dumps([sentence]))
    with pytest.raises(ReadError, match="test has 0 rows, and a system cannot be scored without any; is its"):
        prepared("conll04", tmp_path / "conll04")


def test_a_validation_split_without_rows_is_a_warning(tmp_path):
    rows_by_label = [row(number, f"label {number}") for number in range(6)]
    result = prepared("own", hub_copy(tmp_path, train=rows_by_label, test=rows("label 1", 9)))
    assert (len(result.splits["train"]), result.splits["validation"]) == (6, [])
    (warning,) = result.audit["warnings"]
    assert warning.startswith("validation has 0 rows: every label of the 6 train rows (6 labels) would lose its last")


def test_files_that_look_like_a_split_which_others_are_read_as_are_a_warning(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", *range(20)), validation=rows("a", 20), test=rows("a", 30))
    for name in ("test_public.tsv", "dev_small.csv", "README.md", "labels.csv"):
        (folder / name).touch()
    assert prepared("own", folder).audit["warnings"] == [
        "validation does not include dev_small.csv, which looks like it",
        "test does not include test_public.tsv, which looks like it",
    ]


def test_a_file_that_looks_like_a_missing_split_is_not_passed_over(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", *range(20)), test=rows("a", 30))
    (folder / "test.csv").rename(folder / "my_test.csv")
    with pytest.raises(
        ReadError, match=r"split 'test' not found, but my_test\.csv may be it; name one in benchmarks\.own"
    ):
        prepared("own", folder)
    assert sorted(prepared("own", folder, files={"test": "my_test.csv"}).audit["carved"]) == ["validation"]


def test_labels_that_are_integers_are_an_error_unless_they_are_mapped(tmp_path):
    folder = hub_copy(tmp_path, train=rows("0", *range(9)) + rows("1", *range(9, 20)), test=rows("1", 30))
    with pytest.raises(ReadError, match=r"the labels are integers without names \(0, 1\); name them by .*\.label_map"):
        prepared("own", folder)
    assert prepared("own", folder, label_map=label_map(tmp_path / "map.csv", "0,a", "1,b")).labels == ["a", "b"]


# Labels mapped by the user


def label_map(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["label,becomes", *rows]) + "\n", encoding="utf-8")
    return path


def test_a_label_map_renames_labels_and_counts_them(tmp_path):
    table = label_map(tmp_path / "map.csv", "servant_of,employer_of", "no such,friend_of")
    plain, renamed = prepared("pg_fiction"), prepared("pg_fiction", label_map=table)
    before = Counter(e.relation for split in SPLITS for e in plain.splits[split])
    after = Counter(e.relation for split in SPLITS for e in renamed.splits[split])
    assert before["servant_of"] > 0
    assert after["servant_of"] == 0
    assert after["employer_of"] == before["servant_of"] + before["employer_of"]
    assert after.total() == before.total()
    counted = sum(renamed.audit["splits"][split]["counts"].get("label mapped", 0) for split in SPLITS)
    assert counted == before["servant_of"]


def test_a_label_map_renames_a_shipped_inventory_too(tmp_path):
    table = label_map(tmp_path / "map.csv", "Kill,kills", "Live_In,lives_in")
    assert prepared("conll04", label_map=table).labels == ["Work_For", "kills", "OrgBased_In", "lives_in", "Located_In"]


@pytest.mark.parametrize("rows", [["Kill"], ["Kill,"], [",x"], ["Kill,a", "Kill,b"], ["Kill,a,b"]])
def test_a_broken_label_map_is_an_error(tmp_path, rows):
    with pytest.raises(ReadError, match=r"map\.csv:[23]: expected the columns label and becomes"):
        prepared("conll04", label_map=label_map(tmp_path / "map.csv", *rows))


def test_a_missing_label_map_names_the_config_key(tmp_path):
    with pytest.raises(ReadError, match="label_map"):
        prepared("conll04", label_map=tmp_path / "gone.csv")


# Files named by the user


def test_a_split_whose_named_file_is_missing_is_not_carved(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", *range(20)), test=rows("a", 30))
    with pytest.raises(MissingSplit, match=r"gone\.csv: file not found; correct benchmarks\.own\.files\.test"):
        prepared("own", folder, files={"test": "gone.csv"})


def test_named_files_are_prepared_and_the_rest_is_carved(tmp_path):
    folder = hub_copy(tmp_path, train=rows("a", *range(20)))
    (folder / "train.csv").rename(folder / "rows.csv")
    result = prepared("own", folder, files={"train": "rows.csv"})
    assert sorted(result.audit["carved"]) == ["test", "validation"]
    assert sum(map(len, result.splits.values())) == 20
    assert result.labels == ["a"]


def test_a_native_file_of_another_name_keeps_the_shipped_inventory(tmp_path):
    shutil.copytree(resource("sample", "gids"), tmp_path / "gids")
    (tmp_path / "gids" / "test.tsv").rename(tmp_path / "gids" / "mine.txt")
    result = prepared("gids", tmp_path / "gids", files={"test": "mine.txt"})
    assert result == prepared("gids")


# The job


def settings(benchmark: str, origin: str, **changed) -> PrepareBenchmarkSettings:
    values = {"benchmark": benchmark, "origin": origin, "hub": None, "path": None, "labels": None, "negative": None}
    values |= {"expect": "sample", "label_map": None, "options": {}, "files": {}, "splits": SHARES, "data_seed": 42}
    return PrepareBenchmarkSettings(**(values | changed))


def test_the_job_reads_the_folder_of_the_origin(tmp_path):
    manifest = tmp_path / "results" / "benchmarks" / "gids" / "manifest.json"
    prepare_benchmark(settings("gids", "sample"), manifest)
    expected = hashes(manifest.parent)
    assert is_complete(manifest)
    fetched = tmp_path / "results" / "fetched" / "gids" / "files"
    shutil.copytree(resource("sample", "gids"), fetched)
    path = tmp_path / "data"
    shutil.copytree(resource("sample", "gids"), path)
    (path / "test.tsv").rename(path / "mine.tsv")
    hub = {"id": "Despina/gids", "revision": "main", "config": ""}
    for chosen in (
        settings("gids", "hub", hub=hub),
        settings("gids", "path", path=str(path), files={"test": "mine.tsv"}),
    ):
        shutil.rmtree(manifest.parent)
        prepare_benchmark(chosen, manifest)
        assert hashes(manifest.parent) == expected


def test_the_job_takes_the_config_of_a_copy_and_a_label_map(tmp_path):
    fetched = tmp_path / "results" / "fetched" / "own" / "files"
    hub_copy(fetched / "one", train=rows("a", *range(10)), test=rows("a", 30))
    hub_copy(fetched / "two", train=rows("b", *range(10)), test=rows("b", 30))
    (fetched / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    hub = {"id": "some/own", "revision": "main", "config": "two"}
    table = label_map(tmp_path / "map.csv", "b,c")
    manifest = tmp_path / "results" / "benchmarks" / "own" / "manifest.json"
    prepare_benchmark(settings("own", "hub", hub=hub, label_map=str(table)), manifest)
    assert read_json(manifest.with_name("labels.json")) == {"labels": ["c"], "negative": None}
    assert read_json(manifest)["licence"] == {"id": "cc-by-4.0", "name": "", "link": ""}


# Evaluation-only benchmarks


def test_without_a_train_split_nothing_is_carved_and_the_labels_are_given(tmp_path):
    folder = hub_copy(tmp_path / "own", test=rows("a", *range(8)) + rows("c", 9))
    manifest = tmp_path / "results" / "own" / "manifest.json"
    given = {"path": str(folder), "negative": "none", "evaluation_only": True, "given_labels": ["b", "a"]}
    prepare_benchmark(settings("own", "path", **given), manifest)
    assert {split: len(read_examples(manifest.with_name(f"{split}.parquet"))) for split in SPLITS} == {
        "train": 0, "validation": 0, "test": 9,
    }  # fmt: skip
    assert read_json(manifest.with_name("labels.json")) == {"labels": ["b", "a", "none"], "negative": "none"}
    audit = read_json(manifest.with_name("audit.json"))
    assert audit["carved"] == {}
    assert (audit["splits"]["train"]["rows"], audit["splits"]["test"]["outside the inventory"]) == (0, 1)
    assert audit["shared texts"] == {}
    assert audit["warnings"][0].startswith("train has no rows: the benchmark is evaluation-only")
    assert read_json(manifest)["evaluation_only"] is True
    assert is_complete(manifest)


def test_a_manifest_of_any_other_benchmark_is_as_it_was(tmp_path):
    manifest = tmp_path / "gids" / "manifest.json"
    prepare_benchmark(settings("gids", "sample"), manifest)
    assert list(read_json(manifest)) == ["files"]


def test_labels_without_a_train_split_are_those_of_validation_or_ship_and_never_those_of_test(tmp_path):
    folder = hub_copy(tmp_path / "own", test=rows("a", *range(8)))
    with pytest.raises(ReadError, match=r"no train and no validation rows .* set benchmarks\.own\.labels"):
        prepared("own", folder, evaluation_only=True)
    hub_copy(folder, validation=rows("b", 20))
    result = prepared("own", folder, evaluation_only=True)
    assert (result.labels, len(result.splits["validation"]), result.audit["carved"]) == (["b"], 1, {})
    shutil.copytree(resource("sample", "gids"), tmp_path / "gids")
    for split in ("train", "dev"):
        (tmp_path / "gids" / f"{split}.tsv").unlink()
    result = prepared("gids", tmp_path / "gids", evaluation_only=True)
    assert (result.labels, result.splits["train"]) == (list(REGISTRY["gids"].labels), [])


def test_a_missing_train_split_proposes_the_key_if_there_is_a_test_split(tmp_path):
    folder = hub_copy(tmp_path / "own", test=rows("a", *range(8)))
    proposal = "correct its file's name, or, if there is none, set benchmarks.own.evaluation_only: true"
    with pytest.raises(MissingSplit, match=r"split 'train' not found \(looked for: .*train\.csv.*\); ") as error:
        prepared("own", folder)
    assert str(error.value).endswith(proposal)
    assert str(error.value).count(str(folder)) == 1
    (folder / "test.csv").rename(folder / "validation.csv")
    with pytest.raises(MissingSplit) as error:
        prepared("own", folder)
    assert "evaluation_only" not in str(error.value)
    with pytest.raises(MissingSplit, match="split 'test' not found"):
        prepared("own", folder, evaluation_only=True)


def test_a_train_split_of_an_evaluation_only_benchmark_is_not_left_unread(tmp_path):
    folder = hub_copy(tmp_path / "own", train=rows("a", 1), test=rows("a", 2))
    with pytest.raises(ReadError, match=r"a train split found; remove benchmarks\.own\.evaluation_only"):
        prepared("own", folder, evaluation_only=True, given_labels=["a"])
    (folder / "train.csv").rename(folder / "my_train.csv")
    with pytest.raises(ReadError, match=r"split 'train' not found, but my_train\.csv may be it; name one in"):
        prepared("own", folder, evaluation_only=True, given_labels=["a"])


def test_options_of_the_form_reach_the_reader_and_the_audit(tmp_path):
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps({"text": text, "label": "r"}) + "\n" for text in ("<< a >> [[ b ]]", "a", "[[ c ]] << d >>"))
    )
    options = {
        "columns": {"text": "text", "relation": "label"},
        "markers": {"head": ["<<", ">>"], "tail": ["[[", "]]"]},
    }
    result = prepared("own", tmp_path, options=options)
    assert result.audit["splits"]["train"]["counts"] == {
        "row rejected, marker missing: <<, >>, [[, ]] (first: train.jsonl, row 1)": 1
    }


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_that_scoring_cannot_distinguish_are_an_error_until_they_are_merged(tmp_path, split):
    splits = {"train": rows("USES", *range(9)), "validation": rows("USES", 20), "test": rows("USES", 21)}
    splits[split] += rows("Uses", 30)
    folder, merged = hub_copy(tmp_path / "own", **splits), tmp_path / "merged.csv"
    with pytest.raises(
        ReadError, match=r"spelt 'USES', 'Uses'; .*; rename or merge them with benchmarks.own.label_map"
    ):
        prepared("own", folder)
    merged.write_text("label,becomes\nUses,USES\n")
    assert prepared("own", folder, label_map=merged).labels == ["USES"]


def test_a_label_that_scoring_takes_for_an_abstention_is_an_error(tmp_path):
    folder = hub_copy(tmp_path, train=[*rows("met", *range(9)), *rows('""', 10)])
    with pytest.raises(ReadError, match="is an empty answer in scoring"):
        prepared("own", folder)
