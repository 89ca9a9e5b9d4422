"""The TACRED reader: inclusive ends, objects before subjects, Penn Treebank escapes, broken records."""

import json
from collections import Counter
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError, text_group
from mixtune.data.readers.tacred import FILES, read
from mixtune.resources import resource

SAMPLE = resource("sample", "tacred")
LABELS = resource("labels", "tacred.txt").read_text(encoding="utf-8").splitlines()
ESCAPES = "examples with Penn Treebank escapes"


def native(**changes):
    """A record of the format; the subject is `Pear Tree`, the object `Oslo` precedes it."""
    record = {
        "id": "0a1b2c3d4e5f60718293",
        "docid": "SMP_ENG_20070104.0001",
        "relation": "org:city_of_headquarters",
        "token": ["Oslo", "-based", "Pear", "Tree", "(", ")", "in", "Oslo", "sells", "pears", "."],
        "subj_start": 2,
        "subj_end": 3,
        "obj_start": 0,
        "obj_end": 0,
        "subj_type": "ORGANIZATION",
        "obj_type": "CITY",
    }
    length = len(record["token"])
    for key, value in (("pos", "NN"), ("ner", "O"), ("head", "0"), ("deprel", "dep")):
        record[f"stanford_{key}"] = [value] * length
    return record | changes


def write(folder: Path, *records, split: str = "train") -> Path:
    path = folder / FILES[split][0]
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def read_all(folder: Path, split: str = "train") -> tuple[list[Example], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(read(folder, split, counts)), counts


def test_a_record_becomes_this_example(tmp_path):
    write(tmp_path, native(), split="validation")
    examples, counts = read_all(tmp_path, "validation")
    text = "Oslo -based Pear Tree ( ) in Oslo sells pears ."
    assert examples == [
        Example(
            id="tacred/validation/0a1b2c3d4e5f60718293",
            benchmark="tacred",
            split="validation",
            text=text,
            head="Pear Tree",
            tail="Oslo",
            head_start=12,
            head_end=21,
            tail_start=0,
            tail_end=4,
            head_type="ORGANIZATION",
            tail_type="CITY",
            relation="org:city_of_headquarters",
            group=text_group(text),
        )
    ]
    assert +counts == Counter()


def test_ends_are_inclusive_so_one_token_mentions_are_whole(tmp_path):
    write(tmp_path, native(subj_start=2, subj_end=2, obj_start=10, obj_end=10))
    [example], _ = read_all(tmp_path)
    assert (example.head, example.tail) == ("Pear", ".")
    assert example.tail_end == len(example.text)


def test_indices_choose_between_equal_surfaces(tmp_path):
    write(tmp_path, native(obj_start=7, obj_end=7))
    [example], _ = read_all(tmp_path)
    assert (example.tail, example.tail_start) == ("Oslo", 29)


def test_escapes_become_plain_characters_before_offsets_are_counted(tmp_path):
    tokens = [
        "``",
        "Lea",
        "``",
        "Ann",
        "-LRB-",
        "UK",
        "-RRB-",
        "''",
        "-LSB-",
        "-LCB-",
        "-RCB-",
        "-RSB-",
        "''",
        ":--RRB-",
        "`",
        "actor\\/clown",
        "A\\*",
        "Bo",
    ]
    write(tmp_path, native(token=tokens, subj_start=2, subj_end=7, obj_start=15, obj_end=15))
    [example], counts = read_all(tmp_path)
    assert example.text == """" Lea " Ann ( UK ) " [ { } ] " :-) ' actor/clown A* Bo"""
    assert (example.head, example.head_start, example.head_end) == ('" Ann ( UK ) "', 6, 20)
    assert (example.tail, example.tail_start) == ("actor/clown", 37)
    assert counts[ESCAPES] == 1


def test_labels_with_colon_and_slash_are_kept_whole(tmp_path):
    write(tmp_path, native(relation="org:political/religious_affiliation"))
    assert read_all(tmp_path)[0][0].relation == "org:political/religious_affiliation"


def test_characters_beyond_ascii_count_as_one(tmp_path):
    write(tmp_path, native(token=["Éire", "𝒳", "Zoë", "Ng"], subj_start=2, subj_end=3))
    [example], _ = read_all(tmp_path)
    assert (example.head, example.head_start, example.tail) == ("Zoë Ng", 7, "Éire")


def test_rows_of_one_sentence_share_a_group(tmp_path):
    write(
        tmp_path,
        native(),
        native(id="b", obj_start=7, obj_end=7),
        native(id="c", token=["Other", "a", "b", "c"]),
    )
    first, second, third = read_all(tmp_path)[0]
    assert first.group == second.group != third.group


def test_repeated_record_id_is_counted_and_made_distinct(tmp_path):
    write(tmp_path, native(), native(), native(id="b"), native())
    examples, counts = read_all(tmp_path)
    ids = [example.id.rpartition("/")[2] for example in examples]
    assert ids == ["0a1b2c3d4e5f60718293", "0a1b2c3d4e5f60718293#2", "b", "0a1b2c3d4e5f60718293#3"]
    assert counts["record id seen before"] == 2


@pytest.mark.parametrize(("first", "last", "overlap"), [(2, 3, 1), (3, 4, 1), (4, 5, 0), (0, 1, 0), (0, 8, 1)])
def test_overlapping_mentions_are_counted(tmp_path, first, last, overlap):
    write(tmp_path, native(obj_start=first, obj_end=last))
    assert read_all(tmp_path)[1]["mentions overlap"] == overlap


def test_parser_columns_are_not_needed(tmp_path):
    record = {key: value for key, value in native().items() if not key.startswith("stanford")}
    write(tmp_path, record)
    assert read_all(tmp_path)[0][0].head == "Pear Tree"


@pytest.mark.parametrize(
    "changes",
    [
        {"subj_end": 11},
        {"subj_start": 3, "subj_end": 2},
        {"obj_start": -1},
        {"obj_start": -2, "obj_end": -1},
        {"obj_end": True},
        {"obj_end": 0.0},
        {"obj_end": "0"},
        {"obj_end": None},
        {"token": "Oslo -based Pear Tree"},
        {"token": ["Oslo", None, "Pear", "Tree"]},
        {"token": []},
        {"token": None},
        {"token": ["", "-based", "Pear", "Tree"]},
        {"relation": ""},
        {"relation": " "},
        {"relation": None},
        {"relation": 3},
        {"id": ""},
        {"id": 17},
        {"subj_type": None},
        {"obj_type": ["CITY"]},
    ],
)
def test_a_broken_record_is_an_error_that_names_file_and_record(tmp_path, changes):
    path = write(tmp_path, native(), native(id="b") | changes)
    with pytest.raises(ReadError) as caught:
        read_all(tmp_path)
    assert str(caught.value).startswith(f"{path}:record 1: ")


@pytest.mark.parametrize(
    "key",
    ["id", "relation", "token", "subj_start", "subj_end", "obj_start", "obj_end", "subj_type", "obj_type"],
)
def test_a_missing_key_is_an_error_that_names_it(tmp_path, key):
    record = native()
    del record[key]
    path = write(tmp_path, record)
    with pytest.raises(ReadError, match=key) as caught:
        read_all(tmp_path)
    assert str(caught.value).startswith(f"{path}:record 0: ")


@pytest.mark.parametrize("record", [None, 7, "text", ["id"], [], True])
def test_a_record_that_is_no_object_is_an_error(tmp_path, record):
    path = write(tmp_path, native(), record)
    with pytest.raises(ReadError) as caught:
        read_all(tmp_path)
    assert str(caught.value).startswith(f"{path}:record 1: ")


def test_a_truncated_file_gives_its_whole_records_and_then_an_error(tmp_path):
    path = write(tmp_path, native(), native(id="b"))
    path.write_bytes(path.read_bytes()[:-40])
    examples = read(tmp_path, "train", Counter())
    assert next(examples).tail == "Oslo"
    with pytest.raises(ReadError, match="truncated") as caught:
        next(examples)
    assert str(caught.value).startswith(f"{path}:record 1: ")


@pytest.mark.parametrize("content", [b"", b"  \n", b'{"id": "a"}', b'"[]"', b"[] []", b"[", b"\xef\xbb\xbf[]"])
def test_a_file_that_is_no_array_is_an_error(tmp_path, content):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(ReadError, match=r"train\.json"):
        read_all(tmp_path)


def test_bad_utf8_is_an_error_that_names_file_and_record(tmp_path):
    path = write(tmp_path, native(), native(id="b", token=["Oslo", "QQQ", "Pear", "Tree"]))
    path.write_bytes(path.read_bytes().replace(b"QQQ", b"\xe9\xff!"))
    with pytest.raises(ReadError) as caught:
        read_all(tmp_path)
    assert str(caught.value).startswith(f"{path}:record 1: ")


def test_a_missing_split_is_reported(tmp_path):
    with pytest.raises(MissingSplit, match=r"dev\.json"):
        read_all(tmp_path, "validation")


def test_inventory_is_the_documented_one():
    assert len(LABELS) == len(set(LABELS)) == 42
    assert LABELS[0] == "no_relation"
    assert LABELS[1:] == sorted(LABELS[1:])
    assert Counter(label.partition(":")[0] for label in LABELS[1:]) == {"org": 16, "per": 25}


@pytest.fixture(scope="module")
def sample():
    return {split: read_all(SAMPLE, split) for split in FILES}


@pytest.mark.parametrize(("split", "least"), [("train", 160), ("validation", 24), ("test", 48)])
def test_sample_reads_fully(sample, split, least):
    examples, counts = sample[split]
    records = json.loads((SAMPLE / FILES[split][0]).read_text(encoding="utf-8"))
    assert len(examples) == len(records) >= least
    assert counts["record id seen before"] == counts["mentions overlap"] == 0
    assert {example.relation for example in examples} <= set(LABELS)
    assert 0.2 < sum(example.relation == "no_relation" for example in examples) / len(examples) < 0.4
    for record in records:
        lengths = {len(record[f"stanford_{key}"]) for key in ("pos", "ner", "head", "deprel")}
        assert lengths == {len(record["token"])}


def test_sample_ids_are_unique_and_no_text_is_in_two_splits(sample):
    ids = [example.id for examples, _ in sample.values() for example in examples]
    assert len(ids) == len(set(ids))
    groups = [{example.group for example in examples} for examples, _ in sample.values()]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_sample_labels_can_be_learnt(sample):
    seen = Counter(example.relation for example in sample["train"][0])
    assert min(seen.values()) >= 6
    for split in ("validation", "test"):
        assert {example.relation for example in sample[split][0]} == set(seen)


def test_sample_shows_the_awkward_features(sample):
    for split, (examples, counts) in sample.items():
        assert counts[ESCAPES] >= 3, split
        assert sum(example.tail_start < example.head_start for example in examples) >= 5, split
        assert not any("-LRB-" in example.text or "``" in example.text for example in examples)
    examples = [example for examples, _ in sample.values() for example in examples]
    assert any(example.text.find(example.head) != example.head_start for example in examples)
    assert any("(" in example.head for example in examples)
    assert any("/" in example.tail for example in examples)
