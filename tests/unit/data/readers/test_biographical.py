"""Biographical: tagged mentions, the subject column, and what a broken row says."""

from collections import Counter

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError, text_group
from mixtune.data.readers import biographical
from mixtune.resources import resource

HEADER = "sentence\trelation\tP1\tP2\tANNOTATION\twp_id\tset"
ROW = "<e1>Ada Pell</e1> ( born 5 June 1992 ) is a <e2>diver</e2>.\toccupation\te1\te2\toccupation\t77\ttrain"


def read(folder, *lines, split="train", counts=None):
    path = folder / f"m2_{split}.tsv"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return list(biographical.read(folder, split, Counter() if counts is None else counts))


def test_a_row_becomes_this_example(tmp_path):
    assert read(tmp_path, HEADER, ROW) == [
        Example(
            id="biographical/train/2",
            benchmark="biographical",
            split="train",
            text="Ada Pell ( born 5 June 1992 ) is a diver.",
            head="Ada Pell",
            tail="diver",
            head_start=0,
            head_end=8,
            tail_start=35,
            tail_end=40,
            head_type="",
            tail_type="",
            relation="occupation",
            group="77",
        )
    ]


def test_p1_names_the_subject_and_the_order_in_the_text_does_not(tmp_path):
    counts = Counter()
    late_subject = "<e1>1901</e1> saw the birth of <e2>Bo Lind</e2> .\tbirthdate\te2\te1\tbirthdate\t5\ttrain"
    early_subject = "<e2>Bo Lind</e2> died in <e1>Oslo</e1> .\tdplace_name\te2\te1\tdplace_name\t5\ttrain"
    first, second = read(tmp_path, HEADER, late_subject, early_subject, counts=counts)
    assert (first.head, first.head_start, first.tail, first.tail_start) == ("Bo Lind", 22, "1901", 0)
    assert (second.head, second.head_start, second.tail, second.tail_start) == ("Bo Lind", 0, "Oslo", 16)
    assert counts["e2 is the subject"] == 2


def test_quotation_marks_are_characters(tmp_path):
    row = '"<e1>Bo</e1> , 6\' 2" tall , was a "<e2>poet</e2>" .\toccupation\te1\te2\toccupation\t5\ttrain'
    (example,) = read(tmp_path, HEADER, row)
    assert example.text == '"Bo , 6\' 2" tall , was a "poet" .'
    assert (example.head_start, example.tail_start) == (1, 26)


def test_texts_in_quotation_marks_as_programs_write_them_are_counted(tmp_path):
    counts = Counter()
    row = '"<e1>Bo</e1> , called ""Bobo"" , was a <e2>poet</e2> ."\toccupation\te1\te2\toccupation\t5\ttrain'
    (example, _) = read(tmp_path, HEADER, row, ROW, counts=counts)
    assert example.text == '"Bo , called ""Bobo"" , was a poet ."'
    assert counts["text in quotation marks as in CSV, kept"] == 1


def test_the_automatic_label_is_read_not_the_annotation(tmp_path):
    (example,) = read(tmp_path, HEADER, ROW.replace("\te2\toccupation", "\te2\tOther"))
    assert example.relation == "occupation"


def test_columns_are_found_by_name_and_optional_ones_may_be_missing(tmp_path):
    counts = Counter()
    row = "child\t<e1>Ida</e1> had a son , <e2>Ole</e2> ."
    (example,) = read(tmp_path, "\ufeffrelation\tsentence", row, "", counts=counts)
    assert (example.head, example.tail, example.relation) == ("Ida", "Ole", "child")
    assert example.group == text_group("Ida had a son , Ole .")
    assert counts == {
        "subject marker not given, e1 taken": 1,
        "e2 is the subject": 0,
        "page id not given, grouped by sentence": 1,
        "blank lines": 1,
    }


def test_blanks_inside_the_tags_and_nested_tags(tmp_path):
    inner = "<e1> Bo </e1> was born\tbirthdate".replace("born", "born <e2>in <i>1901</e2>")
    nested = "<e1>Ole <e2>Lind</e2></e1>\tOther"
    first, second = read(tmp_path, "sentence\trelation", inner, nested)
    assert (first.text, first.head, first.head_start) == (" Bo  was born in <i>1901", "Bo", 1)
    assert (second.head, second.tail, second.tail_start) == ("Ole Lind", "Lind", 4)


def test_windows_line_ends(tmp_path):
    (example,) = read(tmp_path, HEADER + "\r", ROW + "\r")
    assert example.group == "77"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (ROW.replace("<e2>", ""), "</e2> is a duplicate or out of order"),
        (ROW.replace("</e2>", ""), "no <e2>...</e2>"),
        (ROW.replace("<e2>diver</e2>", "diver"), "no <e2>...</e2>"),
        (ROW.replace("is a", "is <e1>a</e1>"), "<e1> is a duplicate"),
        (ROW.replace("<e2>diver</e2>", "</e2>diver<e2>"), "out of order"),
        (ROW.replace("diver", " "), "tail is empty"),
        (ROW.replace("\toccupation\te1", "\t\te1"), "relation is empty"),
        (ROW.replace("\te1\te2\t", "\te3\te2\t"), "P1 is 'e3'"),
        (ROW.replace("\te1\te2\t", "\t\te2\t"), "P1 is ''"),
        (ROW[:60], "2 columns where the header has 7"),
        (ROW + "\tmore", "8 columns where the header has 7"),
    ],
)
def test_a_broken_row_names_file_and_line(tmp_path, row, problem):
    with pytest.raises(ReadError) as error:
        read(tmp_path, HEADER, ROW, row)
    assert f"{tmp_path / 'm2_train.tsv'}:3: " in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize("header", ["", "sentence\tlabel", "relation"])
def test_a_missing_column_names_the_header_line(tmp_path, header):
    with pytest.raises(ReadError, match=r"m2_train\.tsv:1: no column"):
        read(tmp_path, header, ROW)


def test_an_empty_file_and_bad_utf8(tmp_path):
    with pytest.raises(ReadError, match=r"m2_train\.tsv:1: no column"):
        read(tmp_path)
    (tmp_path / "m2_train.tsv").write_bytes(f"{HEADER}\n".encode() + ROW.encode().replace(b"Pell", b"P\xe9ll"))
    with pytest.raises(ReadError, match=r"m2_train\.tsv:2: not UTF-8"):
        list(biographical.read(tmp_path, "train", Counter()))


def test_there_is_no_validation_split(tmp_path):
    with pytest.raises(MissingSplit, match="validation"):
        list(biographical.read(tmp_path, "validation", Counter()))


def test_the_short_file_name_is_read_too(tmp_path):
    (tmp_path / "test.tsv").write_text(f"{HEADER}\n{ROW}\n")
    (example,) = biographical.read(tmp_path, "test", Counter())
    assert example.id == "biographical/test/2"


GOLD = ROW.replace("\te2\toccupation\t", "\te2\tOther\t").replace("\ttrain", "\ttest")


def read_human(folder, *lines, name="m2_gold.tsv", split="test"):
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    counts = Counter()
    return list(biographical.read(folder, split, counts, annotation="human")), counts


@pytest.mark.parametrize("name", ["m2_gold.tsv", "gold.tsv"])
def test_human_labels_are_the_annotation_of_the_gold_file(tmp_path, name):
    read(tmp_path, HEADER, ROW, split="test")
    examples, counts = read_human(tmp_path, HEADER, GOLD, ROW, name=name)
    assert examples == [
        Example(
            id=f"biographical/test/gold-{line}",
            benchmark="biographical",
            split="test",
            text="Ada Pell ( born 5 June 1992 ) is a diver.",
            head="Ada Pell",
            tail="diver",
            head_start=0,
            head_end=8,
            tail_start=35,
            tail_end=40,
            head_type="",
            tail_type="",
            relation=relation,
            group="77",
        )
        for line, relation in ((2, "Other"), (3, "occupation"))
    ]
    assert counts == {
        "subject marker not given, e1 taken": 0,
        "e2 is the subject": 0,
        "page id not given, grouped by sentence": 0,
        "human label differs from the automatic one": 1,
    }


def test_with_human_labels_train_stays_automatic(tmp_path):
    examples, counts = read_human(tmp_path, HEADER, GOLD, name="m2_train.tsv", split="train")
    assert [(e.id, e.relation) for e in examples] == [("biographical/train/2", "occupation")]
    assert "human label differs from the automatic one" not in counts
    with pytest.raises(MissingSplit, match="validation"):
        read_human(tmp_path, HEADER, GOLD, split="validation")


def test_with_automatic_labels_the_gold_file_is_not_read(tmp_path):
    (tmp_path / "m2_gold.tsv").write_bytes(b"\xff")
    (tmp_path / "gold.tsv").write_bytes(b"\xff")
    with pytest.raises(MissingSplit, match="split 'test' not found"):
        list(biographical.read(tmp_path, "test", Counter(), annotation="automatic"))
    (example,) = read(tmp_path, HEADER, GOLD, split="test")
    assert (example.id, example.relation) == ("biographical/test/2", "occupation")


def test_a_missing_gold_file_says_what_to_do(tmp_path):
    read(tmp_path, HEADER, ROW, split="test")
    with pytest.raises(ReadError, match=r"looked for: m2_gold\.tsv or gold\.tsv\); put .*annotation to automatic"):
        list(biographical.read(tmp_path, "test", Counter(), annotation="human"))


@pytest.mark.parametrize(
    ("line", "place", "problem"),
    [
        (HEADER.replace("ANNOTATION", "label"), 1, "no column 'ANNOTATION' in the header; found: sentence, relation"),
        (HEADER.replace("relation", "label"), 1, "no column 'relation'"),
        (GOLD.replace("Other", ""), 3, "relation is empty"),
        (GOLD[:60], 3, "2 columns where the header has 7"),
    ],
)
def test_a_broken_gold_file_names_file_and_line(tmp_path, line, place, problem):
    with pytest.raises(ReadError) as error:
        read_human(tmp_path, *([line, GOLD] if place == 1 else [HEADER, GOLD, line]))
    assert f"{tmp_path / 'm2_gold.tsv'}:{place}: " in str(error.value)
    assert problem in str(error.value)
    assert ("annotation to automatic" in str(error.value)) == ("'ANNOTATION'" in problem)


def test_an_unknown_annotation_is_an_error(tmp_path):
    with pytest.raises(ReadError, match=r"annotation is 'gold'; set .* to automatic or human"):
        list(biographical.read(tmp_path, "train", Counter(), annotation="gold"))


def test_the_sample_corpus():
    folder, labels = (
        resource("sample", "biographical"),
        set(resource("labels", "biographical.txt").read_text().split()),
    )
    counts = Counter()
    train, test = (list(biographical.read(folder, split, counts)) for split in ("train", "test"))
    assert len(train) >= 200
    assert len(test) >= 52
    assert len({e.id for e in train + test}) == len(train + test)
    for examples in (train, test):
        assert {e.relation for e in examples} == labels
        assert 0.2 <= sum(e.relation == "Other" for e in examples) / len(examples) <= 0.33
    assert min(Counter(e.relation for e in train).values()) >= 8
    assert not {e.text for e in train} & {e.text for e in test}
    assert not {e.group for e in train} & {e.group for e in test}
    assert 0.1 <= counts["e2 is the subject"] / len(train + test) <= 0.2  # 1 of 7 in the gold file
