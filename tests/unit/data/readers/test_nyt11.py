"""The NYT11 reader: PRGC's triples of strings, searched in the text."""

import json
from collections import Counter

import pytest

from mixtune.data.example import SPLITS, Example, MissingSplit, ReadError, text_group
from mixtune.data.readers import nyt11
from mixtune.resources import resource

TEXT = "Brynja Holm , who died in Tallinn , the capital of Estonia , never learned Estonian ."
DIED = ["Brynja Holm", "/people/deceased_person/place_of_death", "Tallinn"]
CAPITAL = ["Estonia", "/location/country/capital", "Tallinn"]
CONTAINS = ["Estonia", "/location/location/contains", "Tallinn"]


def write(folder, records, name="test_triples.json"):
    (folder / name).write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return folder


def read(folder, split="test"):
    counts = Counter()
    return list(nyt11.read(folder, split, counts)), counts


def counted(counts):
    return {reason: number for reason, number in counts.items() if number}


def test_a_triple_becomes_an_example(tmp_path):
    examples, counts = read(write(tmp_path, [{"text": TEXT, "triple_list": [DIED]}]))
    assert examples == [
        Example(
            id="nyt11/test/0/0",
            benchmark="nyt11",
            split="test",
            text=TEXT,
            head="Brynja Holm",
            tail="Tallinn",
            head_start=0,
            head_end=11,
            tail_start=26,
            tail_end=33,
            head_type="",
            tail_type="",
            relation="/people/deceased_person/place_of_death",
            group=text_group(TEXT),
        )
    ]
    assert counted(counts) == {"sentences": 1}


def test_order_of_head_and_tail_is_the_triples_not_the_texts(tmp_path):
    text = "Bahia , a state in the northeast of Brazil , has its own cooking ."
    down = ["Brazil", "/location/country/administrative_divisions", "Bahia"]
    up = ["Bahia", "/location/administrative_division/country", "Brazil"]
    examples, _ = read(write(tmp_path, [{"text": text, "triple_list": [down, up]}]))
    assert [(e.head, e.relation, e.tail) for e in examples] == [tuple(down), tuple(up)]
    assert [(e.head_start, e.tail_start) for e in examples] == [(36, 0), (0, 36)]


def test_labels_of_one_pair_are_all_kept_and_the_pair_counted(tmp_path):
    examples, counts = read(write(tmp_path, [{"text": TEXT, "triple_list": [CAPITAL, CONTAINS, DIED]}]))
    assert [e.relation for e in examples] == [CAPITAL[1], CONTAINS[1], DIED[1]]
    assert len({e.group for e in examples}) == 1
    assert counts["pair with several labels in its text"] == 1
    assert counts["triple repeated in its text"] == 0


def test_exact_repetitions_are_kept_and_counted(tmp_path):
    examples, counts = read(write(tmp_path, [{"text": TEXT, "triple_list": [DIED, CAPITAL, DIED, DIED]}]))
    assert [e.id for e in examples] == [f"nyt11/test/0/{number}" for number in range(4)]
    assert [e.relation for e in examples] == [DIED[1], CAPITAL[1], DIED[1], DIED[1]]
    assert counts["triple repeated in its text"] == 2
    assert counts["pair with several labels in its text"] == 0


def test_accent_that_the_text_lacks_gives_no_offsets(tmp_path):
    record = {
        "text": "Divers in Cancun say the wreck is in Mexico .",
        "triple_list": [["Mexico", "/location/location/contains", "Cancún"]],
    }
    (example,), counts = read(write(tmp_path, [record]))
    assert (example.head_start, example.head_end) == (37, 43)
    assert (example.tail, example.tail_start, example.tail_end) == ("Cancún", -1, -1)
    assert counted(counts) == {"sentences": 1, "mention not found": 1}


def test_mention_that_occurs_twice_is_the_first_and_counted(tmp_path):
    record = {
        "text": "In Mostar the bridge is old ; Mostar is in Bosnia .",
        "triple_list": [["Bosnia", "/location/location/contains", "Mostar"]],
    }
    (example,), counts = read(write(tmp_path, [record]))
    assert (example.tail_start, example.tail_end) == (3, 9)
    assert counted(counts) == {"sentences": 1, "mention found more than once": 1}


def test_sentence_without_a_triple_is_counted(tmp_path):
    records = [{"text": "Nothing happened .", "triple_list": []}, {"text": TEXT, "triple_list": [DIED]}]
    examples, counts = read(write(tmp_path, records))
    assert [e.id for e in examples] == ["nyt11/test/1/0"]
    assert counted(counts) == {"sentences": 2, "sentences without a relation": 1}


def test_json_lines_give_the_same_examples(tmp_path):
    records = [
        {"text": TEXT, "triple_list": [DIED, CAPITAL]},
        {"text": f"{TEXT} !", "triple_list": [CONTAINS]},
    ]
    (tmp_path / "array").mkdir()
    (tmp_path / "lines").mkdir()
    write(tmp_path / "array", records)
    lines = "\r\n\r\n".join(json.dumps(record) for record in records)
    (tmp_path / "lines" / "test_triples.json").write_text(f"\n{lines}\n", encoding="utf-8")
    assert read(tmp_path / "lines") == read(tmp_path / "array")
    assert len(read(tmp_path / "lines")[0]) == 3


@pytest.mark.parametrize(("split", "name"), [(split, name) for split, names in nyt11.FILES.items() for name in names])
def test_file_names(tmp_path, split, name):
    (example,), _ = read(write(tmp_path, [{"text": TEXT, "triple_list": [DIED]}], name), split)
    assert example.id == f"nyt11/{split}/0/0"


def test_missing_split_names_the_files_looked_for(tmp_path):
    with pytest.raises(MissingSplit, match=r"looked for: val_triples\.json or val\.json or dev\.json"):
        read(tmp_path, "validation")


GOOD = {"text": TEXT, "triple_list": [DIED]}
BROKEN = {
    "no text": {"triple_list": [DIED]},
    "no triples": {"text": TEXT},
    "other format": {"tokens": TEXT.split(), "spo_list": [DIED]},
    "record is a list": [TEXT, [DIED]],
    "record is null": None,
    "text is a list": {"text": TEXT.split(), "triple_list": [DIED]},
    "text is null": {"text": None, "triple_list": []},
    "text is empty": {"text": " ", "triple_list": [DIED]},
    "triples are null": {"text": TEXT, "triple_list": None},
    "triples are a mapping": {"text": TEXT, "triple_list": {}},
    "triple is a string of three letters": {"text": TEXT, "triple_list": ["abc"]},
    "triple of two": {"text": TEXT, "triple_list": [DIED[:2]]},
    "triple of four": {"text": TEXT, "triple_list": [[*DIED, "x"]]},
    "relation is null": {"text": TEXT, "triple_list": [[DIED[0], None, DIED[2]]]},
    "relation is empty": {"text": TEXT, "triple_list": [[DIED[0], "", DIED[2]]]},
    "head is a number": {"text": TEXT, "triple_list": [[7, *DIED[1:]]]},
    "head is empty": {"text": TEXT, "triple_list": [["", *DIED[1:]]]},
    "tail is a list": {"text": TEXT, "triple_list": [[*DIED[:2], ["Tallinn"]]]},
}


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN.keys())
def test_broken_record_names_file_and_record(tmp_path, record):
    with pytest.raises(ReadError, match=r"test_triples\.json:record 1: not a PRGC sentence"):
        read(write(tmp_path, [GOOD, record, GOOD]))


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN.keys())
def test_broken_line_names_file_and_line(tmp_path, record):
    lines = [json.dumps(GOOD), "", json.dumps(record)]
    (tmp_path / "test.json").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ReadError, match=r"test\.json:3: not a PRGC sentence"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (json.dumps([GOOD, GOOD]).encode()[:-20], "record 1: not valid JSON"),
        (json.dumps([GOOD]).encode() + b"[]", "record 1: not valid JSON"),
        (
            json.dumps([{**GOOD, "text": "Malm\xf6"}], ensure_ascii=False).encode("latin-1"),
            "record 0: not valid",
        ),
        (f"{json.dumps(GOOD)}\n{json.dumps(GOOD)[:-20]}".encode(), "2: not valid JSON"),
        (f'{json.dumps(GOOD)}\n{{"text": "Malm\xf6"}}'.encode("latin-1"), "2: not UTF-8"),
        (json.dumps(GOOD, indent=1).encode(), "1: not valid JSON"),
        (b'"text"', " expected one JSON array"),
        (b"", " expected one JSON array"),
        (b" \n", " expected one JSON array"),
    ],
)
def test_broken_file_names_file_and_place(tmp_path, content, where):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(ReadError, match=rf"train\.json:{where}"):
        read(tmp_path, "train")


def test_half_a_surrogate_pair_is_a_read_error(tmp_path):
    record = {"text": f"\ud800 {TEXT}", "triple_list": [DIED]}
    (tmp_path / "test.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ReadError, match=r"test\.json:1: not a PRGC sentence"):
        read(tmp_path)


@pytest.fixture(scope="module")
def sample():
    return {split: read(resource("sample", "nyt11"), split) for split in SPLITS}


def test_sample_is_whole(sample):
    for split, least in {"train": 160, "validation": 24, "test": 48}.items():
        assert len(sample[split][0]) >= least
    examples = [example for split in SPLITS for example in sample[split][0]]
    assert len({example.id for example in examples}) == len(examples)
    inventory = resource("labels", "nyt11.txt").read_text(encoding="utf-8").splitlines()
    assert len(inventory) == len(set(inventory)) == 24
    assert {example.relation for example in examples} <= set(inventory)


def test_sample_splits_share_no_text_and_no_label_is_new_in_test(sample):
    groups = {split: {example.group for example in sample[split][0]} for split in SPLITS}
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & (groups["train"] | groups["test"])
    labels = {split: Counter(example.relation for example in sample[split][0]) for split in SPLITS}
    assert set(labels["train"]) == set(labels["validation"]) == set(labels["test"])
    assert min(labels["train"].values()) >= 8


def test_sample_has_the_awkward_features(sample):
    train = sample["train"][1]
    assert train["triple repeated in its text"] == 1
    assert train["mention not found"] == 4
    assert train["mention found more than once"] > 0
    assert train["pair with several labels in its text"] > 0
    for split in SPLITS:
        examples, _ = sample[split]
        labels_of_input = {}
        for e in examples:
            labels_of_input.setdefault((e.text, e.head, e.tail), set()).add(e.relation)
        rows = [e for e in examples if len(labels_of_input[e.text, e.head, e.tail]) > 1]
        assert 0 < len(rows) < 0.08 * len(examples)
    per_text = Counter(example.group for example in sample["train"][0])
    assert sum(number in (2, 3) for number in per_text.values()) >= 60
