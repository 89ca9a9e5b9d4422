"""SemEval-2010 Task 8: tags, direction, quotes, broken blocks, the sample and the real files."""

import os
from collections import Counter
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError, text_group
from mixtune.data.readers.semeval2010_task8 import read

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "resources/sample/semeval2010_task8"
LABELS = (ROOT / "resources/labels/semeval2010_task8.txt").read_text(encoding="utf-8").splitlines()

BLOCK = '7\t"The <e1>fire</e1> began with a <e2>spark</e2>."\nCause-Effect(e2,e1)\nComment: plain\n\n'


def examples(folder: Path, content: str | bytes, split: str = "train") -> tuple[list[Example], Counter[str]]:
    """What the reader yields and counts for a native file of this content."""
    name = {"train": "TRAIN_FILE.TXT", "test": "TEST_FILE_FULL.TXT"}[split]
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    counts: Counter[str] = Counter()
    return list(read(folder, split, counts)), counts


def sentence(tagged: str, label: str = "Other") -> str:
    """A block without a comment."""
    return f'1\t"{tagged}"\n{label}\nComment:\n\n'


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_one_block_is_one_example(tmp_path: Path, split: str, line_end: str) -> None:
    found, counts = examples(tmp_path, BLOCK.replace("\n", line_end), split)
    assert found == [
        Example(
            id=f"semeval2010_task8/{split}/7",
            benchmark="semeval2010_task8",
            split=split,
            text="The fire began with a spark.",
            head="fire",
            tail="spark",
            head_start=4,
            head_end=8,
            tail_start=22,
            tail_end=27,
            head_type="",
            tail_type="",
            relation="Cause-Effect(e2,e1)",
            group=text_group("The fire began with a spark."),
        )
    ]
    crlf = {"lines that end in CRLF": 4} if line_end == "\r\n" else {}
    assert +counts == {"sentences": 1, "annotators' comments left out": 1, **crlf}


def test_direction_stays_in_the_label_and_head_is_e1(tmp_path: Path) -> None:
    tagged = "<e1>Rust</e1> follows <e2>rain</e2>"
    for label in ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"):
        ((example,), _) = examples(tmp_path, sentence(tagged, label))
        assert (example.head, example.tail, example.relation) == ("Rust", "rain", label)


def test_only_the_outer_quotes_go(tmp_path: Path) -> None:
    tagged = '"Never", said the <e1>cook</e1> of the "grand" <e2>hotel</e2>, "again"'
    ((example,), _) = examples(tmp_path, sentence(tagged))
    assert example.text == '"Never", said the cook of the "grand" hotel, "again"'
    assert (example.head_start, example.tail_start) == (18, 38)


def test_mentions_of_the_same_words_keep_their_own_places(tmp_path: Path) -> None:
    tagged = "A box: the <e1>box</e1> in a <e2>box</e2>, no box"
    ((example,), counts) = examples(tmp_path, sentence(tagged))
    assert (example.head, example.head_start, example.tail, example.tail_start) == ("box", 11, "box", 20)
    assert counts["both mentions are the same string"] == 1


def test_adjacent_mentions_and_other_angle_brackets(tmp_path: Path) -> None:
    ((example,), _) = examples(tmp_path, sentence("<e1>farm</e1> <e2>hands</e2> < 12 & <b>"))
    assert (example.text, example.head_end, example.tail_start) == ("farm hands < 12 & <b>", 4, 5)


def test_last_blank_line_may_be_missing_and_further_ones_may_be_between(tmp_path: Path) -> None:
    found, counts = examples(tmp_path, "\n" + sentence("<e1>a</e1> <e2>b</e2>") + "\n" + BLOCK.rstrip("\n"))
    assert [example.id for example in found] == ["semeval2010_task8/train/1", "semeval2010_task8/train/7"]
    assert counts["annotators' comments left out"] == 1


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (BLOCK + "8\tno quotes\nOther\nComment:\n\n", 5, "in double quotes"),
        (BLOCK.replace("7\t", "seven\t"), 1, "expected number, tab"),
        (BLOCK.replace("7\t", "7 "), 1, "expected number, tab"),
        (BLOCK + BLOCK, 5, "sentence 7 is a duplicate"),
        (sentence("no tags at all"), 1, "sentence 1: .*got none"),
        (sentence("<e1>a</e1> <e2>b"), 1, "got <e1> </e1> <e2>$"),
        (sentence("<e2>a</e2> <e1>b</e1>"), 1, "in this order"),
        (sentence("<e1>a <e2>b</e2></e1>"), 1, "in this order"),
        (sentence("<e1>a</e1> <e2>b</e2> <e2>c</e2>"), 1, "once each"),
        (sentence("<e1></e1> <e2>b</e2>"), 1, "head is empty"),
        (sentence("<e1>a</e1> <e2> </e2>"), 1, "tail is empty"),
        (sentence("<e1>a</e1> <e2>b</e2>", label=""), 2, "expected a label"),
        (sentence("<e1>a</e1> <e2>b</e2>", label=" "), 2, "expected a label"),
        (BLOCK.replace("Comment: plain\n", ""), 3, 'expected a line "Comment'),
        (BLOCK.rstrip("\n") + "\n" + BLOCK, 4, "expected a blank line"),
        (BLOCK + '8\t"A <e1>cut</e1> sen', 5, "truncated"),
        (BLOCK + '8\t"A <e1>cut</e1> <e2>line</e2>"\nOth', 5, "truncated"),
        (BLOCK.encode() + b'8\t"A \xe9 <e1>a</e1> <e2>b</e2>"\n', 5, "not UTF-8"),
    ],
)
def test_broken_block_is_an_error_with_its_line(tmp_path: Path, content, line: int, problem: str) -> None:
    with pytest.raises(ReadError, match=rf"TRAIN_FILE\.TXT:{line}: .*{problem}"):
        examples(tmp_path, content)


def test_file_without_a_sentence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"TRAIN_FILE\.TXT: the file holds no sentence"):
        examples(tmp_path, "\n\n")


def test_unlabelled_test_file_is_refused_by_name(tmp_path: Path) -> None:
    lines = '8001\t"<e1>a</e1> <e2>b</e2>"\n8002\t"<e1>c</e1> <e2>d</e2>"\n8003\t"<e1>e</e1> <e2>f</e2>"\n'
    (tmp_path / "TEST_FILE.TXT").write_text(lines, encoding="utf-8")
    with pytest.raises(ReadError, match=r"TEST_FILE\.TXT: .*no labels; put TEST_FILE_FULL\.TXT") as caught:
        list(read(tmp_path, "test", Counter()))
    # A split that is merely missing might be passed over; this one must not be.
    assert not isinstance(caught.value, MissingSplit)
    with pytest.raises(ReadError, match=r"TEST_FILE_FULL\.TXT:2: .*file without labels"):
        examples(tmp_path, lines, "test")
    assert len(examples(tmp_path, BLOCK, "test")[0]) == 1


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_missing_split_has_an_error_of_its_own(tmp_path: Path, split: str) -> None:
    with pytest.raises(MissingSplit, match=split):
        list(read(tmp_path, split, Counter()))


def test_inventory_is_nine_relations_in_both_directions_and_other() -> None:
    assert len(LABELS) == len(set(LABELS)) == 19
    assert LABELS[-1] == "Other"
    assert [label.replace("(e1,e2)", "(e2,e1)") for label in LABELS[:18:2]] == LABELS[1:18:2]


def test_sample_is_read_whole() -> None:
    counts: Counter[str] = Counter()
    train, test = (list(read(SAMPLE, split, counts)) for split in ("train", "test"))
    assert len(train) >= 200
    assert len(test) >= 52
    assert len({example.id for example in train + test}) == len(train + test) == counts["sentences"]
    assert len({example.group for example in train + test}) == len(train + test)
    labels = Counter(example.relation for example in train)
    assert set(labels) == set(LABELS)
    assert {example.relation for example in test} < set(labels)
    assert labels["Entity-Destination(e2,e1)"] == 1
    assert sum(n >= 8 for n in labels.values()) >= 15
    assert counts["both mentions are the same string"] >= 2
    assert any('"' in example.text for example in train)
    assert any(example.head == "student" and example.text.count("student") == 2 for example in train)
    with pytest.raises(MissingSplit):
        list(read(SAMPLE, "validation", counts))


@pytest.mark.realdata
@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)
@pytest.mark.parametrize(
    ("split", "sentences", "other", "same", "comments", "first", "last"),
    [("train", 8000, 1410, 9, 2605, 1, 8000), ("test", 2717, 454, 4, 932, 8001, 10717)],
)
def test_real_files(split: str, sentences: int, other: int, same: int, comments: int, first: int, last: int) -> None:
    folder = Path(os.environ["MIXTUNE_REALDATA"]) / "semeval2010_task8"
    counts: Counter[str] = Counter()
    found = list(read(folder, split, counts))
    labels = Counter(example.relation for example in found)
    assert len(found) == len({example.id for example in found}) == sentences
    assert found[0].id == f"semeval2010_task8/{split}/{first}"
    assert found[-1].id == f"semeval2010_task8/{split}/{last}"
    assert set(labels) == set(LABELS)
    assert (labels["Other"], labels["Entity-Destination(e2,e1)"]) == (other, 1)
    assert all(example.head_end <= example.tail_start for example in found)
    assert counts == {
        "sentences": sentences,
        "annotators' comments left out": comments,
        "both mentions are the same string": same,
    }
    if split == "train":
        assert (labels["Cause-Effect(e2,e1)"], labels["Cause-Effect(e1,e2)"]) == (659, 344)
        assert sum('"' in example.text for example in found) == 185
        assert sum(example.text.count(example.head) > 1 for example in found) == 416
