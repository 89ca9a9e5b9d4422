"""The REBEL reader: CROCODILE documents, their triples and what is wrong with their boundaries."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers import rebel
from mixtune.resources import resource

TEXT = "Corva Mill is a watermill in Jutland.\n\nCorva Mill was built in 1812, in Jutland's worst year."
DATE = "1812-01-01T00:00:00Z^^http://www.w3.org/2001/XMLSchema#dateTime"
OUTSIDE = "director / manager"


def entity(surface: str, boundaries: list | None, uri: str = "Q901") -> dict:
    return {"uri": uri, "boundaries": boundaries, "surfaceform": surface, "annotator": "Me"}


def triple(subject: dict, predicate: str | None, obj: dict) -> dict:
    return {
        "subject": subject,
        "predicate": {
            "uri": "P31",
            "boundaries": None,
            "surfaceform": predicate,
            "annotator": "Simple-Aligner",
        },
        "object": obj,
        "sentence_id": 0,
        "dependency_path": None,
        "confidence": None,
        "annotator": "Simple-Aligner",
    }


MILL = entity("Corva Mill", [0, 10])
YEAR = entity("1812", [63, 67], DATE)
BUILT = triple(MILL, "inception", YEAR)


def document(*triples: dict, text: str = TEXT, docid: str = "7001") -> dict:
    entities = [entity["subject"] for entity in triples]
    return {
        "docid": docid,
        "title": "Corva Mill",
        "uri": "Q901",
        "text": text,
        "entities": entities,
        "triples": list(triples),
    }


def write(folder: Path, *records: object, name: str = "en_train.jsonl") -> None:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(folder: Path, split: str = "train") -> tuple[list[Example], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(rebel.read(folder, split, counts)), +counts


def spans(example: Example) -> tuple[int, int, int, int]:
    return example.head_start, example.head_end, example.tail_start, example.tail_end


def one(folder: Path, subject: dict, obj: dict, text: str = TEXT) -> tuple[tuple[int, int, int, int], Counter[str]]:
    write(folder, document(triple(subject, "location", obj), text=text))
    (example,), counts = load(folder)
    del counts["documents"]
    return spans(example), counts


def test_a_literal_object_is_its_surface_form_and_paragraphs_stay(tmp_path):
    write(tmp_path, document(BUILT))
    examples, counts = load(tmp_path)
    assert examples == [
        Example(
            id="rebel/train/7001/0",
            benchmark="rebel",
            split="train",
            text=TEXT,
            head="Corva Mill",
            tail="1812",
            head_start=0,
            head_end=10,
            tail_start=63,
            tail_end=67,
            head_type="",
            tail_type="",
            relation="inception",
            group="7001",
        )
    ]
    assert "\n\n" in examples[0].text
    assert counts == {"documents": 1}


def test_triples_are_numbered_and_equal_ones_keep_their_own_ids(tmp_path):
    where = triple(entity("Jutland", [29, 36]), "has part", MILL)
    write(tmp_path, document(BUILT, where, BUILT), document(BUILT, docid="7002"))
    examples, _ = load(tmp_path)
    numbers = ["7001/0", "7001/1", "7001/2", "7002/0"]
    assert [example.id for example in examples] == [f"rebel/train/{number}" for number in numbers]
    assert [example.group for example in examples] == ["7001", "7001", "7001", "7002"]
    assert (examples[1].head, examples[1].tail) == ("Jutland", "Corva Mill")


def test_documents_without_triples_are_counted(tmp_path):
    write(tmp_path, document(), document(BUILT), document(docid="7003"))
    examples, counts = load(tmp_path)
    assert len(examples) == 1
    assert counts == {"documents": 3, "documents without triples": 2}


@pytest.mark.parametrize("relation", [OUTSIDE, "dissolved, abolished or demolished date", "Gram staining"])
def test_a_relation_is_kept_as_it_is_spelled_inside_the_inventory_or_not(tmp_path, relation):
    write(tmp_path, document(triple(MILL, relation, YEAR)))
    assert load(tmp_path)[0][0].relation == relation


def test_boundaries_win_over_the_first_occurrence(tmp_path):
    found, counts = one(tmp_path, entity("Corva Mill", [39, 49]), entity("Jutland", [72, 79]))
    assert found == (39, 49, 72, 79)
    assert not counts


def test_wrong_boundaries_are_searched_and_counted(tmp_path):
    found, counts = one(tmp_path, MILL, entity("1812", [65, 69], DATE))
    assert found == (0, 10, 63, 67)
    assert counts == {"boundaries do not match the mention": 1}


def test_both_boundaries_wrong_takes_the_first_pair_of_occurrences(tmp_path):
    found, counts = one(tmp_path, entity("Corva Mill", [41, 51]), entity("Jutland", [74, 81]))
    assert found == (0, 10, 29, 36)
    assert counts == {"boundaries do not match the mention": 2, "mention found more than once": 2}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_searched_mention_keeps_clear_of_the_one_that_is_known(tmp_path, swapped):
    text = "Lake Orm Dam holds back Lake Orm."
    known, lost = entity("Lake Orm Dam", [0, 12]), entity("Lake Orm", [26, 34])
    found, counts = one(tmp_path, *((lost, known) if swapped else (known, lost)), text=text)
    assert found == ((24, 32, 0, 12) if swapped else (0, 12, 24, 32))
    assert counts == {"boundaries do not match the mention": 1, "mention found more than once": 1}


def test_an_end_beyond_the_text_is_a_shifted_span(tmp_path):
    text = "Corva Mill sits in Jutland."
    found, counts = one(tmp_path, MILL, entity("Jutland", [21, 28]), text=text)
    assert found == (0, 10, 19, 26)
    assert counts == {"boundaries do not match the mention": 1}


@pytest.mark.parametrize("boundaries", [None, [1, 5]])
def test_a_mention_that_is_not_in_the_text_has_no_offsets(tmp_path, boundaries):
    found, counts = one(tmp_path, MILL, entity("Zealand", boundaries))
    assert found == (0, 10, -1, -1)
    reason = "boundaries do not match the mention" if boundaries else "boundaries missing"
    assert counts == {reason: 1, "mention not found": 1}


@pytest.mark.parametrize("boundaries", [[15, 19], [13, 17]])
def test_a_date_inside_a_name_overlaps_and_is_kept(tmp_path, boundaries):
    text = "The Almanac of 1812 is lost."
    found, counts = one(tmp_path, entity("Almanac of 1812", [4, 19]), entity("1812", boundaries, DATE), text=text)
    assert found == (4, 19, 15, 19)
    assert counts["mentions overlap"] == 1


def test_a_file_of_another_name_is_read_where_it_is_named_and_only_there(tmp_path):
    write(tmp_path, document(BUILT), name="sample_200.jsonl")
    with pytest.raises(MissingSplit, match="split 'test' not found"):
        load(tmp_path, "test")
    assert load(tmp_path / "sample_200.jsonl", "test")[0][0].id == "rebel/test/7001/0"
    write(tmp_path, document(BUILT, docid="8"), name="en_test.jsonl")
    assert load(tmp_path, "test")[0][0].id == "rebel/test/8/0"
    assert load(tmp_path / "sample_200.jsonl", "test")[0][0].id == "rebel/test/7001/0"


def test_a_missing_split_names_the_files_looked_for(tmp_path):
    with pytest.raises(MissingSplit, match=r"en_val\.jsonl"):
        load(tmp_path, "validation")


def without(key: str) -> dict:
    return {name: value for name, value in document(BUILT).items() if name != key}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param([], id="not an object"),
        pytest.param(without("docid"), id="no docid"),
        pytest.param(without("text"), id="no text"),
        pytest.param(without("triples"), id="no triples key"),
        pytest.param(document() | {"triples": None}, id="null triples"),
        pytest.param(document() | {"text": None}, id="null text"),
        pytest.param(document(BUILT) | {"docid": 7001}, id="docid a number"),
        pytest.param(document(BUILT, text=" "), id="blank text"),
        pytest.param(document(BUILT, docid=""), id="blank docid"),
        pytest.param(document(triple(MILL, None, YEAR)), id="null predicate"),
        pytest.param(document(triple(MILL, "", YEAR)), id="empty label"),
        pytest.param(document(triple(MILL, 31, YEAR)), id="label a number"),
        pytest.param(document(BUILT | {"predicate": None}), id="no predicate"),
        pytest.param(document(BUILT | {"object": None}), id="no object"),
        pytest.param(document() | {"triples": ["inception"]}, id="triple a string"),
        pytest.param(document(triple(MILL, "inception", entity("", [3, 3]))), id="empty mention"),
        pytest.param(document(triple(entity(None, [0, 4]), "inception", YEAR)), id="null mention"),
        pytest.param(document(triple(entity("Corva", [-3, 4]), "inception", YEAR)), id="negative start"),
        pytest.param(document(triple(entity("Corva", [5, 0]), "inception", YEAR)), id="end before start"),
        pytest.param(document(triple(entity("Corva", [0]), "inception", YEAR)), id="half a span"),
        pytest.param(document(triple(entity("Corva", ["0", "5"]), "inception", YEAR)), id="offsets as strings"),
        pytest.param(document(triple({"surfaceform": "Corva"}, "inception", YEAR)), id="no boundaries key"),
        pytest.param(json.dumps(document(BUILT))[:-20], id="truncated line"),
        pytest.param("7001\tCorva Mill", id="not JSON"),
    ],
)
def test_a_broken_record_names_file_and_line(tmp_path, record):
    write(tmp_path, document(BUILT), record)
    with pytest.raises(ReadError, match=r"en_train\.jsonl:2: "):
        load(tmp_path)


def test_bad_utf8_names_file_and_line(tmp_path):
    line = json.dumps(document(BUILT)).encode()
    (tmp_path / "en_train.jsonl").write_bytes(line + b"\n" + line.replace(b"Jutland", b"J\xfctland") + b"\n")
    with pytest.raises(ReadError, match=r"en_train\.jsonl:2: not UTF-8"):
        load(tmp_path)


def inventory() -> list[str]:
    return resource("labels", "rebel.txt").read_text(encoding="utf-8").splitlines()


def test_the_inventory_is_the_220_most_frequent_relations_in_order():
    labels = inventory()
    assert len(labels) == len(set(labels)) == 220
    assert labels[:3] == [
        "country",
        "located in the administrative territorial entity",
        "contains administrative territorial entity",
    ]
    assert labels[-1] == "indigenous to"
    assert OUTSIDE not in labels


def test_sample_corpus():
    read = {split: load(resource("sample", "rebel"), split) for split in rebel.FILES}
    examples = {split: examples for split, (examples, _) in read.items()}
    assert len(examples["train"]) >= 160
    assert len(examples["validation"]) >= 24
    assert len(examples["test"]) >= 48
    everything = [example for part in examples.values() for example in part]
    assert len({example.id for example in everything}) == len(everything)
    relations = {split: Counter(example.relation for example in part) for split, part in examples.items()}
    labels = set(inventory())
    assert {label: n for label, n in relations["train"].items() if label not in labels} == {OUTSIDE: 1}
    assert set(relations["validation"]) | set(relations["test"]) <= set(relations["train"]) & labels
    assert min(n for label, n in relations["train"].items() if label != OUTSIDE) >= 8
    texts = {split: {example.text for example in part} for split, part in examples.items()}
    groups = {split: {example.group for example in part} for split, part in examples.items()}
    for one_of in (texts, groups):
        assert not one_of["train"] & (one_of["validation"] | one_of["test"])
        assert not one_of["validation"] & one_of["test"]
    for _, counts in read.values():
        assert counts["documents without triples"]
        assert counts["boundaries do not match the mention"]
        assert not counts["mention not found"]
    assert read["train"][1]["mentions overlap"]
    assert any("\n\n" in text for text in texts["train"])


@pytest.mark.realdata
@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)
def test_real_sample_counts():
    folder = Path(os.environ["MIXTUNE_REALDATA"]) / "rebel"
    examples, counts = load(folder / "sample_200.jsonl", "test")
    assert len(examples) == len({example.id for example in examples}) == 535
    assert len({example.relation for example in examples}) == 89
    assert counts == {
        "documents": 200,
        "documents without triples": 23,
        "boundaries do not match the mention": 195,
        "mention found more than once": 29,
        "mentions overlap": 9,
    }
    listed = (folder / "relations_count.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in listed[:220]] == inventory()
