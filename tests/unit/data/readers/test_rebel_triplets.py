"""The Hugging Face form of REBEL: linearised triples, the files that hold them, and what a broken one says."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers import rebel
from mixtune.data.readers.rebel_triplets import parse_triplets
from mixtune.data.reading import read_folder

# Respaced as the data set's script does it, mentions not: "St. Orm" is not in the text.
CONTEXT = "Corva Mill , built in 1812 , is a watermill in St . Orm , Jutland . "
TRIPLETS = (
    "<triplet> Corva Mill <subj> 1812 <obj> inception <subj> St. Orm <obj> location "
    "<triplet> St. Orm <subj> Jutland <obj> located in the administrative territorial entity"
)
BUILT = Example(
    id="rebel/train/Q901-1/0",
    benchmark="rebel",
    split="train",
    text=CONTEXT,
    head="Corva Mill",
    tail="1812",
    head_start=0,
    head_end=10,
    tail_start=22,
    tail_end=26,
    head_type="",
    tail_type="",
    relation="inception",
    group="Q901",  # the document of the piece
)
PLACED = replace(BUILT, id="rebel/train/Q901-1/1", tail="St. Orm", tail_start=-1, tail_end=-1, relation="location")
INSIDE = replace(
    BUILT,
    id="rebel/train/Q901-1/2",
    head="St. Orm",
    tail="Jutland",
    head_start=-1,
    head_end=-1,
    tail_start=58,
    tail_end=65,
    relation="located in the administrative territorial entity",
)


def record(triplets: object = TRIPLETS, id: object = "Q901-1", context: object = CONTEXT) -> dict:
    return {"id": id, "title": "Corva Mill", "context": context, "triplets": triplets}


def write(path: Path, *records: object) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(records)), path)
    else:
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def load(folder: Path, split: str = "train") -> tuple[list[Example], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(rebel.read(folder, split, counts)), +counts


@pytest.mark.parametrize(
    "name",
    [
        "train.jsonl",
        "train.parquet",
        "data/train.jsonl",
        "data/train-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
        "en_train.jsonl",
    ],
)
def test_one_example_a_triple_from_any_file(tmp_path, name):
    write(tmp_path / name, record())
    examples, counts = load(tmp_path)
    assert examples == [BUILT, PLACED, INSIDE]
    assert counts == {"records": 1, "mention not found": 2}


@pytest.mark.parametrize("folder", ["", "data"])
def test_shards_are_read_in_their_order(tmp_path, folder):
    for shard, id_ in enumerate(("Q2-1", "Q1-1")):
        write(tmp_path / folder / f"train-0000{shard}-of-00002.parquet", record(id=id_), record(id=f"{id_}1"))
    pieces = [example.id.split("/")[2] for example in load(tmp_path)[0]]
    assert list(dict.fromkeys(pieces)) == ["Q2-1", "Q2-11", "Q1-1", "Q1-11"]
    assert len(pieces) == 12


def test_more_rows_than_a_parquet_batch(tmp_path):
    write(tmp_path / "train.parquet", *(record(id=f"Q{number}-1") for number in range(1100)))
    examples, counts = load(tmp_path)
    assert counts["records"] == 1100
    assert examples[-1] == replace(INSIDE, id="rebel/train/Q1099-1/2", group="Q1099")


@pytest.mark.parametrize(("split", "name"), [("validation", "validation.jsonl"), ("test", "test.parquet")])
def test_other_splits_have_their_own_ids(tmp_path, split, name):
    write(tmp_path / name, record())
    assert load(tmp_path, split)[0][0] == replace(BUILT, id=f"rebel/{split}/Q901-1/0", split=split)


def test_the_form_is_recognised_by_the_keys_of_each_record(tmp_path):
    def entity(surface: str, start: int) -> dict:
        return {"surfaceform": surface, "boundaries": [start, start + len(surface)]}

    triple = {"subject": entity("Orm", 0), "predicate": {"surfaceform": "country"}, "object": entity("Denmark", 11)}
    document = {"docid": "7", "text": "Orm was in Denmark.", "triples": [triple]}
    write(tmp_path / "train.jsonl", document, record())
    examples, counts = load(tmp_path)
    assert [example.id for example in examples] == ["rebel/train/7/0", BUILT.id, PLACED.id, INSIDE.id]
    assert counts == {"documents": 1, "records": 1, "mention not found": 2}


def test_nested_mentions_are_kept_apart(tmp_path):
    context, triplets = "Lake Orm Dam holds back Lake Orm .", "<triplet> Lake Orm <subj> Lake Orm Dam <obj> dam"
    write(tmp_path / "train.jsonl", record(triplets, context=context))
    (example,), counts = load(tmp_path)
    assert (example.head_start, example.head_end, example.tail_start, example.tail_end) == (24, 32, 0, 12)
    assert counts == {"records": 1, "mention found more than once": 1}


def test_records_without_triples_and_equal_triples(tmp_path):
    once = "<triplet> Corva Mill <subj> 1812 <obj> inception"
    write(tmp_path / "train.jsonl", record(" "), record(f"{once} {once}"))
    examples, counts = load(tmp_path)
    assert examples == [BUILT, replace(BUILT, id="rebel/train/Q901-1/1")]
    assert counts == {"records": 2, "records without triples": 1}


@pytest.mark.parametrize(
    ("triplets", "triples"),
    [
        ("", []),
        ("<triplet> A b <subj> C <obj> r s", [("A b", "C", "r s")]),
        ("<triplet>A<subj>C<obj>r", [("A", "C", "r")]),
        (
            "<triplet> A <subj> B <obj> r <subj> C <obj> s <triplet> B <subj> A <obj> t",
            [("A", "B", "r"), ("A", "C", "s"), ("B", "A", "t")],
        ),
        (
            "<triplet> A <subj> 3 > 2, <i> <obj> dissolved, abolished or demolished date",
            [("A", "3 > 2, <i>", "dissolved, abolished or demolished date")],
        ),
    ],
)
def test_markers_follow_their_spans(triplets, triples):
    assert parse_triplets(triplets) == triples


MALFORMED = {
    "no markers": ("Corva Mill", "no <triplet> before 'Corva Mill'"),
    "no first <triplet>": ("A <subj> B <obj> r", "no <triplet> before 'A <subj>"),
    "nothing after <triplet>": ("<triplet>", "no <subj> after the subject in ''"),
    "subject alone": ("<triplet> A", "no <subj> after the subject in 'A'"),
    "no <subj>": ("<triplet> A B <obj> r", "no <subj> after the subject in 'A B <obj> r'"),
    "markers before their spans": ("<triplet> <subj> A <obj> B r", "an empty part"),
    "<obj> before <subj>": ("<triplet> A <obj> B <subj> r", "no <subj> after the subject"),
    "no <obj>": ("<triplet> A <subj> B r", "expected one <obj> between object and relation in 'B r'"),
    "two <obj>": ("<triplet> A <subj> B <obj> r <obj> s", "expected one <obj>"),
    "trailing <subj>": ("<triplet> A <subj> B <obj> r <subj>", "expected one <obj> between object and relation in ''"),
    "trailing <triplet>": ("<triplet> A <subj> B <obj> r <triplet>", "no <subj> after the subject in ''"),
    "empty subject": ("<triplet> <subj> B <obj> r", "an empty part in (subject, object, relation) ('', 'B', 'r')"),
    "empty object": ("<triplet> A <subj> <obj> r", "an empty part"),
    "empty relation": ("<triplet> A <subj> B <obj> <subj> C <obj> r", "an empty part"),
}


@pytest.mark.parametrize(("triplets", "problem"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_linearisation_is_an_error(triplets, problem):
    with pytest.raises(ValueError) as error:
        parse_triplets(triplets)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(record("<triplet> A <subj> B r"), id="malformed"),
        pytest.param(record(None), id="null triplets"),
        pytest.param(record(id=None), id="null id"),
        pytest.param(record(id=""), id="empty id"),
        pytest.param(record(context=None), id="null context"),
        pytest.param(record(context=" "), id="blank context"),
    ],
)
@pytest.mark.parametrize(("name", "where"), [("train.jsonl", "2"), ("train.parquet", "row 1")])
def test_a_broken_record_names_file_and_record(tmp_path, broken, name, where):
    write(tmp_path / name, record(), broken)
    with pytest.raises(ReadError, match=rf"{name}:{where}: not a record with linearised triplets"):
        load(tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(record(id=901), id="id a number"),
        pytest.param(record([TRIPLETS]), id="triplets a list"),
        pytest.param({"triplets": TRIPLETS, "context": CONTEXT}, id="no id"),
        pytest.param({"triplets": TRIPLETS, "id": "Q901-1"}, id="no context"),
    ],
)
def test_a_broken_line_names_file_and_line(tmp_path, broken):
    write(tmp_path / "train.jsonl", record(), broken)
    with pytest.raises(ReadError, match=r"train\.jsonl:2: not a record with linearised triplets"):
        load(tmp_path)


def test_a_line_of_neither_form_is_an_error(tmp_path):
    write(tmp_path / "train.jsonl", record(), {"id": "Q901-2", "context": CONTEXT})
    with pytest.raises(ReadError, match=r"train\.jsonl:2: not a CROCODILE document"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["train.jsonl", "data/train-00000-of-00001.parquet"])
def test_the_form_is_not_taken_for_a_hub_copy(tmp_path, name):
    write(tmp_path / name, record())
    assert list(read_folder("rebel", tmp_path, "train")) == [BUILT, PLACED, INSIDE]


def test_what_was_read_before_a_broken_record_has_been_yielded(tmp_path):
    write(tmp_path / "train.parquet", record(), record(None))
    stream = rebel.read(tmp_path, "train", Counter())
    assert [next(stream) for _ in range(3)] == [BUILT, PLACED, INSIDE]
    with pytest.raises(ReadError):
        next(stream)


def test_a_parquet_file_without_a_column_or_cut_off_is_an_error(tmp_path):
    path = tmp_path / "train.parquet"
    write(path, {"id": "Q901-1", "context": CONTEXT})
    with pytest.raises(ReadError, match=r"train\.parquet:.*column missing or duplicate: triplets; found: id, context"):
        load(tmp_path)
    write(path, record(id=901))
    with pytest.raises(ReadError, match=r"train\.parquet:row 0: .*must be strings"):
        load(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"train\.parquet:row 0 or later: not a parquet file"):
        load(tmp_path)


def test_csv_is_refused_and_a_missing_shard_is_an_error(tmp_path):
    (tmp_path / "train.csv").write_text("id,context,triplets\n")
    with pytest.raises(ReadError, match=r"train\.csv: REBEL is not read from CSV"):
        load(tmp_path)
    write(tmp_path / "test-00001-of-00002.parquet", record())
    with pytest.raises(ReadError, match="shards are missing"):
        load(tmp_path, "test")


def test_crocodiles_file_wins_and_a_named_file_is_taken_before_all(tmp_path):
    for name, id_ in (("mine.jsonl", "Q1-1"), ("test.parquet", "Q2-1"), ("en_test.jsonl", "Q3-1")):
        write(tmp_path / name, record(id=id_))
        for path in (tmp_path / name, tmp_path) if name != "mine.jsonl" else (tmp_path / name,):
            assert {example.id.split("/")[2] for example in load(path, "test")[0]} == {id_}
    named = read_folder("rebel", tmp_path, "test", files={"test": "mine.jsonl"})
    assert {example.id.split("/")[2] for example in named} == {"Q1-1"}


def test_a_missing_split_names_the_files_of_both_forms(tmp_path):
    write(tmp_path / "train.jsonl", record())
    with pytest.raises(MissingSplit, match=r"en_val\.jsonl or validation\.jsonl or validation\.parquet"):
        load(tmp_path, "validation")
