import json
import os
from collections import Counter
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError, text_group
from mixtune.data.readers.conll04 import read
from mixtune.resources import resource

TOKENS = ["In", "Lund", ",", "Ann", "Lund", "of", "Acme", "Ltd.", "was", "shot", "by", "Bo", "Ek", "."]
ENTITIES = [
    {"type": "Loc", "start": 1, "end": 2},
    {"type": "Peop", "start": 3, "end": 5},
    {"type": "Org", "start": 6, "end": 8},
    {"type": "Peop", "start": 11, "end": 13},
]
TEXT = "In Lund , Ann Lund of Acme Ltd. was shot by Bo Ek ."


def sentence(**changed) -> dict:
    relations = [{"type": "Work_For", "head": 1, "tail": 2}]
    return {"tokens": TOKENS, "entities": ENTITIES, "relations": relations, "orig_id": 7} | changed


def related(head, tail, label="Kill") -> dict:
    return sentence(relations=[{"type": label, "head": head, "tail": tail}])


def with_entity(**changed) -> dict:
    return sentence(entities=[ENTITIES[0], ENTITIES[1] | changed, *ENTITIES[2:]])


def without(key: str) -> dict:
    return {name: value for name, value in sentence().items() if name != key}


def read_all(folder: Path, *records, split="train", name="conll04_train.json") -> tuple[list[Example], Counter]:
    (folder / name).write_text(json.dumps(records), encoding="utf-8")
    counts: Counter[str] = Counter()
    return list(read(folder, split, counts)), counts


def test_a_sentence_gives_the_exact_example(tmp_path):
    examples, counts = read_all(tmp_path, sentence())
    assert examples == [
        Example(
            id="conll04/train/7/1-2",
            benchmark="conll04",
            split="train",
            text=TEXT,
            head="Ann Lund",
            tail="Acme Ltd.",
            head_start=10,
            head_end=18,
            tail_start=22,
            tail_end=31,
            head_type="Peop",
            tail_type="Org",
            relation="Work_For",
            group=text_group(TEXT),
        )
    ]
    assert counts == {"sentences": 1, "sentences without a relation": 0}


def test_several_relations_of_one_sentence_share_its_group_and_keep_their_direction(tmp_path):
    relations = [{"type": "Kill", "head": 3, "tail": 1}, {"type": "Work_For", "head": 1, "tail": 2}]
    examples, _ = read_all(tmp_path, sentence(relations=relations))
    assert [(e.id, e.head, e.tail) for e in examples] == [
        ("conll04/train/7/3-1", "Bo Ek", "Ann Lund"),
        ("conll04/train/7/1-2", "Ann Lund", "Acme Ltd."),
    ]
    assert len({e.group for e in examples}) == 1


def test_a_surface_that_occurs_twice_is_cut_out_by_its_tokens(tmp_path):
    later = {"type": "Loc", "start": 4, "end": 5}
    (example,), _ = read_all(tmp_path, sentence(entities=[*ENTITIES, later], relations=related(3, 4)["relations"]))
    assert (example.tail, example.tail_start, TEXT.index("Lund")) == ("Lund", 14, 3)


def test_a_sentence_without_a_relation_is_counted(tmp_path):
    examples, counts = read_all(tmp_path, sentence(relations=[]), sentence())
    assert len(examples) == 1
    assert counts == {"sentences": 2, "sentences without a relation": 1}


@pytest.mark.parametrize("name", ["conll04_dev.json", "dev.json"])
def test_the_validation_split_is_called_dev(tmp_path, name):
    (example,), _ = read_all(tmp_path, sentence(), split="validation", name=name)
    assert example.id == "conll04/validation/7/1-2"


def test_a_missing_split_has_an_error_of_its_own(tmp_path):
    with pytest.raises(MissingSplit, match=r"split 'test' not found .*conll04_test\.json or test\.json"):
        list(read(tmp_path, "test", Counter()))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (with_entity(start=-2, end=-1), r"entity -2:-1 is empty or outside the 14 tokens"),
        (with_entity(start=-1), r"entity -1:5 is empty"),
        (with_entity(end=15), r"entity 3:15 is empty or outside the 14 tokens"),
        (with_entity(start=5), r"entity 5:5 is empty"),
        (with_entity(start=3.0), r"'start' is 3\.0"),
        (with_entity(start=True), r"'start' is True"),
        (with_entity(type=None), r"'type' is None"),
        (related(-1, 0), r"relation -1-0 points outside the 4 entities"),
        (related(1, 4), r"relation 1-4 points outside the 4 entities"),
        (related(1, 1), r"relation 1-1 joins an entity with itself"),
        (related("1", 0), r"'head' is '1'"),
        (related(1, 0, label=""), r"relation is empty"),
        (related(1, 0, label=None), r"'type' is None"),
        (related(1, 0, label=5), r"'type' is 5"),
        (without("orig_id"), r"no 'orig_id'"),
        (sentence(orig_id=None), r"'orig_id' is None"),
        (without("tokens"), r"no 'tokens'"),
        (without("entities"), r"no 'entities'"),
        (without("relations"), r"no 'relations'"),
        (sentence(relations=None), r"'relations' is None"),
        (sentence(relations=[3]), r"no 'head' in 3"),
        (sentence(tokens="In Lund"), r"'tokens' is 'In Lund'"),
        (sentence(tokens=[*TOKENS[:13], 1]), r"not a string"),
        (sentence(tokens=[*TOKENS[:6], "", "", *TOKENS[8:]]), r"tail is empty"),
        (sentence(tokens=[]), r"outside the 0 tokens"),
        ([sentence()], r"no 'tokens'"),
        (None, r"no 'tokens' in None"),
        (without("entities") | {"tags": ["U-Loc"]}, r"TablERT's variant .* use SpERT's"),
    ],
)
def test_a_broken_sentence_is_named_by_file_and_record(tmp_path, record, problem):
    with pytest.raises(ReadError, match=rf"conll04_train\.json:record 1: .*{problem}"):
        read_all(tmp_path, sentence(), record)


@pytest.mark.parametrize("second", [sentence(), related(1, 2)])
def test_an_id_that_would_not_be_unique_is_an_error(tmp_path, second):
    with pytest.raises(ReadError, match=r"conll04_train\.json:record 1: duplicate id conll04/train/7/1-2; give"):
        read_all(tmp_path, sentence(), second)


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"tokens": ["a"', b"[1} ", b'[{"tokens": ["\xff"]}]'])
def test_a_broken_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(ReadError, match=r"train\.json"):
        list(read(tmp_path, "train", Counter()))


def test_a_truncated_file_gives_its_whole_records_and_then_an_error(tmp_path):
    whole = json.dumps([sentence(), sentence(orig_id=8)])
    (tmp_path / "train.json").write_text(whole[:-20], encoding="utf-8")
    examples = read(tmp_path, "train", Counter())
    assert next(examples).id == "conll04/train/7/1-2"
    with pytest.raises(ReadError, match=r"(?s)train\.json:record 1: not valid JSON .* is the file truncated"):
        next(examples)


SAMPLE = resource("sample", "conll04")


def test_the_sample_reads_in_full():
    labels = resource("labels", "conll04.txt").read_text(encoding="utf-8").split()
    assert labels == ["Work_For", "Kill", "OrgBased_In", "Live_In", "Located_In"]
    texts, ids = {}, []
    for split, at_least in {"train": 160, "validation": 24, "test": 48}.items():
        counts: Counter[str] = Counter()
        examples = list(read(SAMPLE, split, counts))
        assert len(examples) >= at_least
        assert len(examples) > counts["sentences"]
        assert {e.relation for e in examples} == set(labels)
        assert any(e.head_start > e.tail_start for e in examples)
        texts[split] = {e.group for e in examples}
        ids += [e.id for e in examples]
    assert len(set(ids)) == len(ids)
    assert not texts["train"] & (texts["test"] | texts["validation"])
    assert not texts["validation"] & texts["test"]


@pytest.mark.realdata
@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)
@pytest.mark.parametrize(
    ("split", "sentences", "rows"), [("train", 922, 1283), ("validation", 231, 343), ("test", 288, 422)]
)
def test_the_real_files_give_the_published_counts(split, sentences, rows):
    counts: Counter[str] = Counter()
    examples = list(read(Path(os.environ["MIXTUNE_REALDATA"]) / "conll04", split, counts))
    assert (counts["sentences"], len(examples)) == (sentences, rows)
    assert len({e.id for e in examples}) == rows
    types = {
        ("Org", "Loc"): "OrgBased_In",
        ("Peop", "Org"): "Work_For",
        ("Loc", "Loc"): "Located_In",
        ("Peop", "Loc"): "Live_In",
        ("Peop", "Peop"): "Kill",
    }
    assert all(types[e.head_type, e.tail_type] == e.relation for e in examples)
