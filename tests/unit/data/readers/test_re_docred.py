"""The Re-DocRED reader: documents, entities with several mentions, triples with evidence sentences."""

import copy
import json
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers.re_docred import read
from mixtune.data.sampling import sample_examples
from mixtune.resources import resource


def mention(name: str, sentence: int, first: int, end: int, type_: str) -> dict:
    return {
        "name": name,
        "sent_id": sentence,
        "pos": [first, end],
        "type": type_,
        "global_pos": [99, 99],
        "index": "0_0",
    }


DOCUMENT = {
    "title": "Ada Brook",
    "sents": [
        ["Ada", "Brook", ",", "born", "in", "Hull", ",", "wrote", '"', "Loud", "Hour", '"', "."],
        ["Brook", "published", "it", "on", "May", "3", ",", "1990", "."],
        ["She", "lived", "in", "Hull", "."],
    ],
    "vertexSet": [
        [mention("Ada Brook", 0, 0, 2, "PER"), mention("Brook", 1, 0, 1, "PER")],
        [mention("Hull", 0, 5, 6, "LOC"), mention("Hull", 2, 3, 4, "LOC")],
        [mention("Loud Hour", 0, 9, 11, "MISC")],
        [mention("May 3, 1990", 1, 4, 8, "TIME")],
    ],
    "labels": [
        {"r": "P19", "h": 0, "t": 1, "evidence": [0]},
        {"r": "P577", "h": 2, "t": 3, "evidence": [1]},
        {"r": "P551", "h": 0, "t": 1, "evidence": [2, 0]},
        {"r": "P800", "h": 0, "t": 2, "evidence": []},
    ],
}
TEXTS = [" ".join(tokens) for tokens in DOCUMENT["sents"]]
BORN = Example(
    id="re_docred/train/0/0-1-P19/0",
    benchmark="re_docred",
    split="train",
    text=TEXTS[0],
    head="Ada Brook",
    tail="Hull",
    head_start=0,
    head_end=9,
    tail_start=20,
    tail_end=24,
    head_type="PER",
    tail_type="LOC",
    relation="place of birth",
    group="Ada Brook",
)


def document(**changes) -> dict:
    return copy.deepcopy(DOCUMENT) | changes


def read_text(folder: Path, text: str | bytes, **options) -> tuple[list[Example], Counter[str]]:
    counts: Counter[str] = Counter()
    (folder / "train_revised.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read(folder, "train", counts, **options)), counts


def read_all(folder: Path, *documents, **options) -> tuple[list[Example], Counter[str]]:
    return read_text(folder, json.dumps(documents), **options)


def test_one_example_a_triple_and_evidence_sentence(tmp_path):
    examples, counts = read_all(tmp_path, DOCUMENT)
    assert examples == [
        BORN,
        replace(
            BORN,
            id="re_docred/train/0/2-3-P577/1",
            text=TEXTS[1],
            head="Loud Hour",
            tail="May 3 , 1990",
            head_start=-1,
            head_end=-1,
            tail_start=22,
            tail_end=34,
            head_type="MISC",
            tail_type="TIME",
            relation="publication date",
        ),
        replace(
            BORN,
            id="re_docred/train/0/0-1-P551/2",
            text=TEXTS[2],
            head_start=-1,
            head_end=-1,
            tail_start=13,
            tail_end=17,
            relation="residence",
        ),
        replace(BORN, id="re_docred/train/0/0-1-P551/0", relation="residence"),
    ]
    assert counts == {
        "documents": 1,
        "triples": 4,
        "triples without evidence": 1,
        "mention not in the evidence sentence": 2,
        "mention whose name is not its text": 1,
    }


def test_a_mention_is_the_one_of_the_evidence_sentence(tmp_path):
    # vertexSet[0][0] is "Ada Brook", but sentence 1 says "Brook".
    label = {"r": "P577", "h": 0, "t": 3, "evidence": [1]}
    (example,), counts = read_all(tmp_path, document(labels=[label]))
    assert (example.head, example.head_start, example.head_end) == ("Brook", 0, 5)
    assert counts["mention not in the evidence sentence"] == 0


def test_of_several_mentions_the_first_that_does_not_overlap_the_other(tmp_path):
    document_ = document(
        sents=[["Brook", "Street", "and", "Ada", "Brook"]],
        vertexSet=[
            # Not in text order, as in the real files.
            [mention("Ada Brook", 0, 3, 5, "PER"), mention("Brook", 0, 0, 1, "PER")],
            [mention("Brook Street", 0, 0, 2, "LOC")],
            [mention("Street", 0, 1, 2, "MISC")],
            [mention("Brook", 0, 0, 1, "ORG")],
        ],
        labels=[{"r": "P551", "h": 0, "t": tail, "evidence": [0]} for tail in (1, 2)]
        + [{"r": "P127", "h": 1, "t": 3, "evidence": [0]}],
    )
    examples, counts = read_all(tmp_path, document_)
    assert [(e.head, e.head_start, e.tail, e.tail_start) for e in examples] == [
        ("Ada Brook", 17, "Brook Street", 0),
        ("Brook", 0, "Street", 6),
        ("Brook Street", 0, "Brook", 0),
    ]
    assert counts["mentions overlap"] == 1


def test_types_are_those_of_the_mention(tmp_path):
    document_ = document(labels=[{"r": "P19", "h": 0, "t": 1, "evidence": [0, 1]}])
    document_["vertexSet"][0][1]["type"] = "ORG"
    examples, _ = read_all(tmp_path, document_)
    assert [(e.head_type, e.tail_type) for e in examples] == [("PER", "LOC"), ("ORG", "LOC")]


def test_neither_mention_in_the_evidence_sentence(tmp_path):
    (example,), counts = read_all(tmp_path, document(labels=[{"r": "P585", "h": 2, "t": 3, "evidence": [2]}]))
    assert (example.text, example.head, example.tail) == (TEXTS[2], "Loud Hour", "May 3, 1990")
    assert {example.head_start, example.head_end, example.tail_start, example.tail_end} == {-1}
    assert counts["mention not in the evidence sentence"] == 2


def test_line_ends_of_a_name_do_not_reach_the_prompt(tmp_path):
    document_ = document(labels=[{"r": "P577", "h": 2, "t": 3, "evidence": [0]}])
    document_["vertexSet"][3][0]["name"] = "7.\nMay 3, 1990"
    (example,), _ = read_all(tmp_path, document_)
    assert example.tail == "7. May 3, 1990"


def test_several_relations_of_one_pair_have_ids_of_their_own(tmp_path):
    labels = [{"r": r, "h": 0, "t": 1, "evidence": [0]} for r in ("P19", "P20", "P551")]
    examples, _ = read_all(tmp_path, document(labels=labels))
    assert [e.id.split("/")[3] for e in examples] == ["0-1-P19", "0-1-P20", "0-1-P551"]
    assert len({(e.text, e.head, e.tail) for e in examples}) == 1


def test_a_repeated_triple_is_counted_and_kept_with_an_id_of_its_own(tmp_path):
    examples, counts = read_all(tmp_path, document(labels=[DOCUMENT["labels"][0]] * 3))
    assert [e.id for e in examples] == [BORN.id, f"{BORN.id}/2", f"{BORN.id}/3"]
    assert counts["triple and evidence sentence repeated"] == 2


def test_equal_documents_have_different_ids(tmp_path):
    examples, counts = read_all(tmp_path, DOCUMENT, DOCUMENT)
    assert len({e.id for e in examples}) == len(examples) == 8
    assert counts["documents"] == 2


WHOLE = replace(BORN, id="re_docred/train/0/0-1-P19", text=" ".join(TEXTS))


def test_one_example_a_triple_in_the_whole_document(tmp_path):
    examples, counts = read_all(tmp_path, DOCUMENT, unit="document")
    assert examples == [
        WHOLE,
        replace(
            WHOLE,
            id="re_docred/train/0/2-3-P577",
            head="Loud Hour",
            tail="May 3 , 1990",
            head_start=35,
            head_end=44,
            tail_start=71,
            tail_end=83,
            head_type="MISC",
            tail_type="TIME",
            relation="publication date",
        ),
        replace(WHOLE, id="re_docred/train/0/0-1-P551", relation="residence"),
        replace(
            WHOLE,
            id="re_docred/train/0/0-2-P800",
            tail="Loud Hour",
            tail_start=35,
            tail_end=44,
            tail_type="MISC",
            relation="notable work",
        ),
    ]
    assert +counts == {
        "documents": 1,
        "triples": 4,
        "triples without evidence": 1,
        "mention whose name is not its text": 1,
        "unlabelled pairs": 9,
    }


def test_in_the_document_mentions_are_the_first_that_do_not_overlap(tmp_path):
    document_ = document(
        sents=[["Brook", "Street", "."], ["Ada", "Brook", "left", "Brook", "Street", "."]],
        vertexSet=[
            # Not in text order, as in the real files.
            [mention("Ada Brook", 1, 0, 2, "PER"), mention("Brook", 0, 0, 1, "ORG")],
            [mention("Brook Street", 1, 3, 5, "LOC"), mention("Brook Street", 0, 0, 2, "LOC")],
            [mention("Brook", 1, 1, 2, "MISC")],
        ],
        labels=[{"r": "P551", "h": h, "t": t, "evidence": []} for h, t in ((0, 1), (1, 2), (0, 2), (2, 2))],
    )
    examples, counts = read_all(tmp_path, document_, unit="document")
    assert [(e.head, e.head_start, e.head_type, e.tail, e.tail_start) for e in examples] == [
        ("Brook", 0, "ORG", "Brook Street", 30),
        ("Brook Street", 0, "LOC", "Brook", 19),
        ("Brook", 0, "ORG", "Brook", 19),
        ("Brook", 19, "MISC", "Brook", 19),
    ]
    assert counts["mentions overlap"] == 1
    # A label of an entity with itself is no ordered pair of different ones.
    assert counts["unlabelled pairs"] == 3


def test_a_repeated_triple_of_the_document_has_an_id_of_its_own(tmp_path):
    labels = [DOCUMENT["labels"][0]] * 3
    examples, counts = read_all(tmp_path, document(labels=labels), unit="document")
    assert [e.id for e in examples] == [WHOLE.id, f"{WHOLE.id}/2", f"{WHOLE.id}/3"]
    assert counts["triple repeated"] == 2
    assert counts["unlabelled pairs"] == 11


UNLABELLED = ["0-3", "1-0", "1-2", "1-3", "2-0", "2-1", "3-0", "3-1", "3-2"]


def negatives(examples: list[Example]) -> list[str]:
    return [e.id.removeprefix("re_docred/train/") for e in examples if e.relation == "Na"]


def test_all_unlabelled_pairs_are_negatives_with_a_share_of_one(tmp_path):
    examples, counts = read_all(tmp_path, DOCUMENT, DOCUMENT, unit="document", negative_share=1)
    assert negatives(examples) == [f"{record}/{pair}-Na" for record in (0, 1) for pair in UNLABELLED]
    assert examples[6] == replace(
        WHOLE,
        id="re_docred/train/0/1-2-Na",
        head="Hull",
        tail="Loud Hour",
        head_start=20,
        head_end=24,
        tail_start=35,
        tail_end=44,
        head_type="LOC",
        tail_type="MISC",
        relation="Na",
    )
    assert (counts["unlabelled pairs"], counts["negatives drawn"]) == (18, 18)


def test_the_draw_is_the_same_everywhere_and_depends_on_the_seed(tmp_path):
    def drawn(share: float, *labels: dict, **options) -> list[str]:
        return negatives(
            read_all(tmp_path, document(labels=labels), unit="document", negative_share=share, **options)[0]
        )

    labels = DOCUMENT["labels"]
    assert drawn(0.5, *labels) == [f"0/{pair}-Na" for pair in ("0-3", "1-2", "1-3", "2-1", "3-2")]
    assert drawn(0.5, *reversed(labels)) == drawn(0.5, *labels, seed=42)
    assert drawn(0.5, *labels, seed=43) == [f"0/{pair}-Na" for pair in ("0-3", "1-3", "2-1", "3-0", "3-2")]
    assert set(drawn(0.3, *labels)) < set(drawn(0.5, *labels))
    # A label more or less changes nothing for the other pairs.
    assert set(drawn(0.5, *labels)) <= set(drawn(0.5))
    assert drawn(0, *labels) == []


def test_the_draw_is_independent_of_the_order_of_mixtures(tmp_path):
    # With equal hashes a capped mixture of the same seed would take all negatives before any other example.
    sentence = [f"w{number}" for number in range(40)]
    entities = [[mention(word, 0, number, number + 1, "MISC")] for number, word in enumerate(sentence)]
    labelled = [{"r": "P17", "h": h, "t": t, "evidence": []} for h in range(20) for t in range(20) if h != t]
    large = document(sents=[sentence], vertexSet=entities, labels=labelled)
    examples, counts = read_all(tmp_path, large, unit="document", negative_share=0.25)
    assert counts["unlabelled pairs"] == 40 * 39 - 20 * 19 == 1180
    share = counts["negatives drawn"] / len(examples)
    first = sample_examples(examples, len(examples) // 3, seed=42)
    assert abs(counts["negatives drawn"] / 1180 - 0.25) < 0.04
    assert abs(len(negatives(first)) / len(first) - share) < 0.08


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"unit": "sentence"}, "unit is 'sentence'; set .* to evidence or document"),
        ({"unit": "document", "negative_share": 1.5}, "negative_share is 1.5 and unit document; set .* from 0 to 1"),
        ({"unit": "document", "negative_share": -0.1}, "negative_share is -0.1"),
        ({"negative_share": 0.1}, "negative_share is 0.1 and unit evidence; set .* with unit: document"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, problem):
    with pytest.raises(ReadError, match=problem):
        read_all(tmp_path, DOCUMENT, **options)


@pytest.mark.parametrize(("relation", "name"), [("P17", "country"), ("P576", "dissolved, abolished or demolished")])
def test_relations_are_given_by_name(tmp_path, relation, name):
    (example,), _ = read_all(tmp_path, document(labels=[{"r": relation, "h": 0, "t": 1, "evidence": [0]}]))
    assert example.relation == name


def changed(part: str, *path, value) -> dict:
    """The document with one value, found by the path, replaced (or deleted, for `...`)."""
    result = document()
    *parents, last = path
    target = result[part]
    for step in parents:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return result


BROKEN = {
    "unknown property": (
        changed("labels", 1, "r", value="P1"),
        "record 1, label 1",
        "'P1' is none of the 96",
    ),
    "property Na": (changed("labels", 0, "r", value="Na"), "record 1, label 0", "'Na' is none of the 96"),
    "property is null": (changed("labels", 0, "r", value=None), "record 1, label 0", "None is none"),
    "property is a list": (changed("labels", 0, "r", value=["P19"]), "record 1, label 0", "TypeError"),
    "no property": (changed("labels", 0, "r", value=...), "record 1, label 0", "KeyError"),
    "no evidence key": (changed("labels", 0, "evidence", value=...), "record 1, label 0", "KeyError"),
    "evidence is null": (changed("labels", 0, "evidence", value=None), "record 1, label 0", "list"),
    "evidence is a number": (changed("labels", 0, "evidence", value=0), "record 1, label 0", "list"),
    "evidence too large": (changed("labels", 0, "evidence", value=[3]), "record 1, label 0", "IndexError"),
    "evidence negative": (changed("labels", 0, "evidence", value=[-1]), "record 1, label 0", "index -1"),
    "evidence is text": (changed("labels", 0, "evidence", value=["0"]), "record 1, label 0", "index '0'"),
    "head too large": (changed("labels", 2, "h", value=4), "record 1, label 2", "IndexError"),
    "tail negative": (changed("labels", 3, "t", value=-1), "record 1, label 3", "index -1"),
    "head is text": (changed("labels", 0, "h", value="0"), "record 1, label 0", "index '0'"),
    "head is true": (changed("labels", 0, "h", value=True), "record 1, label 0", "index True"),
    "no tail": (changed("labels", 0, "t", value=...), "record 1, label 0", "KeyError"),
    "label is text": (changed("labels", 0, value="P19"), "record 1, label 0", "TypeError"),
    "entity without mentions": (changed("vertexSet", 0, value=[]), "record 1, label 0", "IndexError"),
    "pos ends too late": (
        changed("vertexSet", 1, 1, "pos", value=[3, 6]),
        "record 1",
        "sentence of 5 tokens",
    ),
    "pos negative": (changed("vertexSet", 1, 1, "pos", value=[-2, 1]), "record 1", r"pos \[-2, 1\]"),
    "pos empty": (changed("vertexSet", 0, 0, "pos", value=[2, 2]), "record 1", r"pos \[2, 2\]"),
    "pos of one number": (changed("vertexSet", 0, 0, "pos", value=[2]), "record 1", "ValueError"),
    "pos of fractions": (changed("vertexSet", 0, 0, "pos", value=[0.5, 2]), "record 1", "TypeError"),
    "mention of no sentence": (changed("vertexSet", 0, 0, "sent_id", value=3), "record 1", "IndexError"),
    "mention without a type": (changed("vertexSet", 0, 0, "type", value=...), "record 1", "KeyError"),
    "type is null": (changed("vertexSet", 0, 0, "type", value=None), "record 1", "TypeError"),
    "name is a number": (changed("vertexSet", 0, 0, "name", value=7), "record 1", "AttributeError"),
    "token is null": (changed("sents", 0, 3, value=None), "record 1", "TypeError"),
    "sentence is text": (changed("sents", 0, value="Ada Brook"), "record 1", "list"),
    "labels is null": (document(labels=None), "record 1", "list"),
    "title is null": (document(title=None), "record 1", "TypeError"),
    "title is empty": (document(title=" "), "record 1, label 0", "group is empty"),
    "no title": ({k: v for k, v in DOCUMENT.items() if k != "title"}, "record 1", "KeyError"),
    "no sentences": ({k: v for k, v in DOCUMENT.items() if k != "sents"}, "record 1", "KeyError"),
    "document is a list": ([], "record 1", "TypeError"),
    "document is null": (None, "record 1", "TypeError"),
}


@pytest.mark.parametrize("unit", ["evidence", "document"])
@pytest.mark.parametrize(("broken", "where", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_an_error_that_names_file_and_record(tmp_path, broken, where, problem, unit):
    with pytest.raises(ReadError, match=rf"train_revised\.json:{where}: .*{problem}"):
        read_all(tmp_path, DOCUMENT, broken, unit=unit)


def test_a_blank_evidence_sentence_is_an_error_only_where_it_is_the_text(tmp_path):
    labels = [{"r": "P19", "h": 0, "t": 1, "evidence": [3]}]
    blank = document(sents=[*DOCUMENT["sents"], [" "]], labels=labels)
    with pytest.raises(ReadError, match=r"record 1, label 0: .*text is empty"):
        read_all(tmp_path, DOCUMENT, blank)
    assert read_all(tmp_path, blank, unit="document")[0] == [
        replace(BORN, id="re_docred/train/0/0-1-P19", text=f"{' '.join(TEXTS)}  ")
    ]


def test_an_entity_without_mentions_is_an_error_where_a_negative_needs_it(tmp_path):
    broken = document(vertexSet=[*DOCUMENT["vertexSet"], []])
    with pytest.raises(ReadError, match=r"record 0, unlabelled pairs: .*IndexError"):
        read_all(tmp_path, broken, unit="document", negative_share=1)


def test_documents_without_labels_are_docreds_test_file(tmp_path):
    unlabelled = {k: v for k, v in DOCUMENT.items() if k != "labels"}
    with pytest.raises(ReadError, match=r"train_revised\.json:record 0: no labels \(DocRED's test\.json"):
        read_all(tmp_path, unlabelled)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([DOCUMENT, DOCUMENT])[:-40],
        json.dumps([DOCUMENT])[:-1],
        json.dumps([DOCUMENT]).encode().replace(b"Hull", b"H\xffll"),
        json.dumps(DOCUMENT),
        json.dumps(DOCUMENT) + "\n",
        "",
    ],
    ids=["cut in a record", "no end", "bad UTF-8", "object", "JSON lines", "empty"],
)
def test_a_broken_file_is_an_error_that_names_it(tmp_path, text):
    with pytest.raises(ReadError, match=r"train_revised\.json"):
        read_text(tmp_path, text)


def test_missing_split(tmp_path):
    with pytest.raises(MissingSplit, match=re.escape("test_revised.json")):
        list(read(tmp_path, "test", Counter()))


def test_inventory():
    names = json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8"))
    assert len(names) == len(set(names.values())) == 96
    assert next(iter(names.items())) == ("P6", "head of government")
    assert list(names)[-1] == "P3373"
    assert all(re.fullmatch(r"P\d+", key) and name.strip() == name != "" for key, name in names.items())


@pytest.fixture(scope="module")
def sample() -> dict[str, tuple[list[Example], Counter[str]]]:
    result = {}
    for split in ("train", "validation", "test"):
        counts: Counter[str] = Counter()
        result[split] = list(read(resource("sample", "re_docred"), split, counts)), counts
    return result


def test_sample_is_large_enough_and_learnable(sample):
    for split, minimum in (("train", 160), ("validation", 24), ("test", 48)):
        assert len(sample[split][0]) >= minimum
    train = Counter(e.relation for e in sample["train"][0])
    assert min(train.values()) >= 8
    assert {e.relation for split in ("validation", "test") for e in sample[split][0]} <= set(train)
    assert set(train) <= set(json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8")).values())


def test_sample_ids_are_unique_and_texts_and_documents_are_in_one_split(sample):
    ids = [e.id for examples, _ in sample.values() for e in examples]
    assert len(ids) == len(set(ids))
    for key in ("text", "group"):
        found = [{getattr(e, key) for e in examples} for examples, _ in sample.values()]
        assert len(set.union(*found)) == sum(map(len, found))


def test_sample_has_the_awkward_features_of_the_real_files(sample):
    examples, counts = sample["train"]
    assert 0 < counts["mention not in the evidence sentence"] < 0.1 * len(examples)
    assert counts["triples without evidence"] >= 20
    assert counts["mention whose name is not its text"] >= 5
    labels = Counter((e.text, e.head, e.tail) for e in examples)
    assert max(labels.values()) == 2
    assert "dissolved, abolished or demolished" in {e.relation for e in examples}
    assert "located in the administrative territorial entity" in {e.relation for e in examples}


@pytest.mark.realdata
@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)
def test_counts_of_the_real_file():
    counts: Counter[str] = Counter()
    folder = Path(os.environ["MIXTUNE_REALDATA"]) / "re_docred"
    examples = list(read(folder, "validation", counts))
    assert len(examples) == len({e.id for e in examples}) == 12_524
    assert counts == {
        "documents": 500,
        "documents without triples": 1,
        "triples": 17_284,
        "triples without evidence": 9_811,
        "mention not in the evidence sentence": 9_125,
        "mention whose name is not its text": 284,
        "mentions overlap": 2,
    }
    # The best that any answer by (text, head, tail) can do: 0.787.
    inputs: dict[tuple[str, str, str], Counter[str]] = {}
    for e in examples:
        inputs.setdefault((e.text, e.head, e.tail), Counter())[e.relation] += 1
    assert round(sum(max(c.values()) for c in inputs.values()) / len(examples), 3) == 0.787


@pytest.mark.realdata
@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)
def test_document_counts_of_the_real_file():
    counts: Counter[str] = Counter()
    folder = Path(os.environ["MIXTUNE_REALDATA"]) / "re_docred"
    examples = list(read(folder, "validation", counts, unit="document", negative_share=0.03))
    assert len(examples) == len({e.id for e in examples})
    assert sum(e.relation != "Na" for e in examples) == 17_284
    assert len({e.relation for e in examples} - {"Na"}) == 95
    assert min(min(e.head_start, e.tail_start) for e in examples) >= 0
    assert +counts == {
        "documents": 500,
        "documents without triples": 1,
        "triples": 17_284,
        "triples without evidence": 9_811,
        "mention whose name is not its text": 284,
        "mentions overlap": 3,
        "unlabelled pairs": 179_870,
        "negatives drawn": 5_271,
    }
