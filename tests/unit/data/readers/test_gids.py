"""The GIDS reader: its format, traps, broken records, the sample, and the real file where there is one."""

import os
from collections import Counter
from pathlib import Path

import pytest

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers.gids import read
from mixtune.resources import resource

DEGREE = "/people/person/education./education/education/degree"
BIRTH = "/people/person/place_of_birth"
DEATH = "/people/deceased_person/place_of_death"
REAL = Path(os.environ.get("MIXTUNE_REALDATA", "")) / "gids"
realdata = pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real benchmark files here"
)


def row(
    head="Ada_Moss",
    tail="Bonn",
    text="Ada_Moss died in Bonn . ###END### ",
    relation=DEATH,
    mids=("/m/0a", "/m/0b"),
):
    return "\t".join((*mids, head, tail, relation, text))


def read_rows(folder: Path, *rows: str, split="train", name="train.tsv"):
    (folder / name).write_bytes("".join(r + "\n" for r in rows).encode())
    counts = Counter()
    return list(read(folder, split, counts)), +counts


def read_one(folder: Path, *args, **kwargs):
    examples, counts = read_rows(folder, row(*args, **kwargs))
    (example,) = examples
    return example, counts


def spans(example: Example):
    return example.head_start, example.head_end, example.tail_start, example.tail_end


def test_row_becomes_example(tmp_path):
    text = "Peter_Lamb_ was born in Windsor,_London , not in Windsor. ###END### "
    examples, counts = read_rows(
        tmp_path,
        row(),
        row("Peter_Lamb_", "Windsor,_London", text, BIRTH, ("/m/0c", "/m/0d")),
        split="validation",
        name="dev.tsv",
    )
    assert examples[1] == Example(
        id="gids/validation/2",
        benchmark="gids",
        split="validation",
        text="Peter Lamb  was born in Windsor, London , not in Windsor.",
        head="Peter Lamb",
        tail="Windsor, London",
        head_start=0,
        head_end=10,
        tail_start=24,
        tail_end=39,
        head_type="",
        tail_type="",
        relation=BIRTH,
        group="/m/0c|/m/0d",
    )
    assert counts == {}


def test_null_label_na_is_a_word_and_first_row_is_data(tmp_path):
    example, _ = read_one(tmp_path, relation="NA")
    assert (example.id, example.relation) == ("gids/train/1", "NA")


def test_degree_keeps_the_spelling_of_the_data(tmp_path):
    assert read_one(tmp_path, relation=DEGREE)[0].relation == DEGREE
    assert read_one(tmp_path, relation=DEGREE + "s")[0].relation == DEGREE + "s"


def test_quotes_are_ordinary_characters(tmp_path):
    examples, _ = read_rows(
        tmp_path,
        row(text='"Ada_Moss died in Bonn . ###END### '),
        row(text='Ada_Moss died in ""Bonn"" . ###END### '),
    )
    assert [e.text for e in examples] == ['"Ada Moss died in Bonn .', 'Ada Moss died in ""Bonn"" .']


def test_rows_of_one_pair_share_the_group_and_differ_in_id(tmp_path):
    examples, _ = read_rows(tmp_path, row(), row(text="In Bonn , Ada_Moss was ill and died. ###END### "))
    assert [(e.id, e.group) for e in examples] == [
        ("gids/train/1", "/m/0a|/m/0b"),
        ("gids/train/2", "/m/0a|/m/0b"),
    ]


def test_offsets_move_with_blanks_and_underscores_stripped_at_the_start(tmp_path):
    example, _ = read_one(tmp_path, "_Ada_Moss_", "Bonn_", "  _Ada_Moss_ died in Bonn_ ###END### ")
    assert (example.text, spans(example)) == ("Ada Moss  died in Bonn", (0, 8, 18, 22))


def test_mention_within_the_other_is_not_taken(tmp_path):
    text = "In Windsor,_London , Windsor the painter died; Windsor,_London mourned. ###END### "
    example, counts = read_one(tmp_path, "Windsor", "Windsor,_London", text)
    assert spans(example) == (21, 28, 3, 18)
    assert counts == {"mention found more than once": 1}


def test_mention_within_a_second_occurrence_of_the_other_is_not_taken(tmp_path):
    text = "By Windsor,_London and Windsor,_London came (Windsor). ###END### "
    assert spans(read_one(tmp_path, "Windsor", "Windsor,_London", text)[0]) == (45, 52, 3, 18)


def test_tail_only_within_the_head_is_counted_as_overlap(tmp_path):
    example, counts = read_one(tmp_path, "Rudolf_of_Arlon", "Arlon", "Rudolf_of_Arlon was born. ###END### ", BIRTH)
    assert spans(example) == (0, 15, 10, 15)
    assert counts == {"mention found only in the text without underscores": 1, "mentions overlap": 1}


def test_equal_mentions_take_two_occurrences(tmp_path):
    assert spans(read_one(tmp_path, "Bonn", "Bonn", "Bonn of Bonn . ###END### ", "NA")[0]) == (0, 4, 8, 12)


def test_occurrence_set_off_by_blanks_goes_before_an_earlier_one(tmp_path):
    example, counts = read_one(tmp_path, text="Bonn's Ada_Moss of Bonn, who died in Bonn . ###END### ")
    assert spans(example) == (7, 15, 37, 41)
    assert counts == {}


def test_first_of_several_occurrences_is_taken_and_counted(tmp_path):
    example, counts = read_one(tmp_path, text="Ada_Moss went to Bonn and in Bonn she died. ###END### ")
    assert spans(example) == (0, 8, 17, 21)
    assert counts == {"mention found more than once": 1}


def test_whole_word_goes_before_part_of_a_word(tmp_path):
    text = "Mathematics: M. Loos died in Bonnland, not Bonn; ###END### "
    assert spans(read_one(tmp_path, "M", "Bonn", text)[0]) == (13, 14, 43, 47)


def test_mention_without_underscores_within_a_word_or_absent_is_counted(tmp_path):
    examples, counts = read_rows(
        tmp_path,
        row(text="Ada Moss died in Bonn . ###END### "),
        row(text="Ada_Moss died in Bonnland . ###END### "),
        row(text="Ada_Moss died. ###END### "),
        row(text="She died in Bonn . ###END### "),
    )
    assert [spans(e) for e in examples] == [(0, 8, 17, 21), (0, 8, 17, 21), (0, 8, -1, -1), (-1, -1, 12, 16)]
    assert counts == {
        "mention found only in the text without underscores": 1,
        "mention found only within a word": 1,
        "mention not found": 2,
    }


def test_mentions_are_no_regular_expressions(tmp_path):
    example, _ = read_one(tmp_path, "A.(B)_[Md.", "C_/_D+", "AxB and A.(B)_[Md. of C_/_D+ . ###END### ")
    assert spans(example) == (8, 18, 22, 28)


def test_other_underscores_become_blanks_and_are_counted(tmp_path):
    example, counts = read_one(tmp_path, text="Ada_Moss died in Bonn : http://x.example/old_labels ###END### ")
    assert example.text.endswith("http://x.example/old labels")
    assert counts == {"texts with underscores outside the mentions": 1}


def test_blank_lines_and_crlf(tmp_path):
    examples, counts = read_rows(tmp_path, row() + "\r", "", row())
    assert [(e.id, e.text) for e in examples] == [
        ("gids/train/1", "Ada Moss died in Bonn ."),
        ("gids/train/3", "Ada Moss died in Bonn ."),
    ]
    assert counts == {"blank lines": 1, "lines that end in CRLF": 1}


def test_unusual_line_separators_inside_a_text_end_no_line(tmp_path):
    assert len(read_rows(tmp_path, row(text="Ada_Moss\x85died\u2028in Bonn . ###END### "))[0]) == 1


def test_text_without_end_mark_is_read_and_counted(tmp_path):
    bare = "Ada_Moss died in Bonn ."
    assert read_rows(tmp_path, row(text=bare), row())[1] == {"texts without ###END###": 1}
    assert read_rows(tmp_path, row(text=bare), row(text=bare))[1] == {"texts without ###END###": 2}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("/m/0a\t/m/0b\tAda_Moss\tBonn\tNA", "5 columns separated by TABs, expected 6"),
        (row() + "\textra", "7 columns"),
        (row(relation=""), "relation is empty"),
        (row(head=""), "head is empty"),
        (row(tail="_"), "tail is empty"),
        (row(text=" ###END### "), "text is empty"),
        (row(mids=("", "/m/0b")), "a mid is empty"),
        (row(mids=("/m/0a", " ")), "a mid is empty"),
        (
            row(text="Ada_Moss died in Bonn . ###END### " + row()[:20].replace("\t", " ")),
            "text continues after ###END###",
        ),
        (row(text="Ada_Moss died in Bo"), "the last text has no ###END###; is the file truncated?"),
    ],
)
def test_broken_record_names_file_and_line(tmp_path, line, problem):
    with pytest.raises(ReadError) as error:
        read_rows(tmp_path, row(), line)
    assert str(error.value).startswith(f"{tmp_path / 'train.tsv'}:2: ")
    assert problem in str(error.value)


def test_bad_utf8_names_file_and_line(tmp_path):
    (tmp_path / "train.tsv").write_bytes(
        row().encode() + b"\n" + row().encode("utf-8").replace(b"died", b"di\xe9d") + b"\n"
    )
    with pytest.raises(ReadError, match=r"train\.tsv:2: not UTF-8"):
        list(read(tmp_path, "train", Counter()))


def test_missing_file(tmp_path):
    with pytest.raises(MissingSplit, match=r"looked for: dev\.tsv"):
        list(read(tmp_path, "validation", Counter()))


def test_sample_corpus():
    labels = resource("labels", "gids.txt").read_text(encoding="utf-8").splitlines()
    assert labels == ["NA", DEATH, BIRTH, DEGREE.replace("degree", "institution"), DEGREE]
    splits = {}
    for split, least in (("train", 160), ("validation", 24), ("test", 48)):
        examples = splits[split] = list(read(resource("sample", "gids"), split, Counter()))
        assert len(examples) >= least
        assert len({e.id for e in examples}) == len({e.text for e in examples}) == len(examples)
        assert {e.relation for e in examples} == set(labels)
        assert all(e.head_start >= 0 and e.tail_start >= 0 for e in examples)
        assert len({e.group for e in examples}) < len(examples)
    assert min(Counter(e.relation for e in splits["train"]).values()) >= 8
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not {e.text for e in splits[one]} & {e.text for e in splits[other]}
        assert not {e.group for e in splits[one]} & {e.group for e in splits[other]}


@pytest.mark.realdata
@realdata
def test_real_validation_split():
    counts = Counter()
    examples = list(read(REAL, "validation", counts))
    assert len(examples) == len({e.id for e in examples}) == 1864
    assert len({e.group for e in examples}) == 1082
    assert Counter(e.relation for e in examples) == {
        "NA": 447,
        DEATH: 365,
        BIRTH: 323,
        DEGREE.replace("degree", "institution"): 439,
        DEGREE: 290,
    }
    assert +counts == {
        "mention found more than once": 73,
        "mention found only in the text without underscores": 1,
        "mentions overlap": 1,
        "texts with underscores outside the mentions": 3,
    }
    assert set(resource("labels", "gids.txt").read_text(encoding="utf-8").splitlines()) == {
        e.relation for e in examples
    }
