"""PG-Fiction: Python literals, mentions to be found, the known broken row, and what other broken rows say."""

import csv
import io
from collections import Counter

import pyarrow
import pyarrow.parquet
import pytest

from mixtune.data.example import Example, MissingSplit, ReadError
from mixtune.data.readers import pg_fiction
from mixtune.resources import resource

COLUMNS = ["book_id", "title", "author", "author_gender", "author_birth_year", "author_death_year"]
COLUMNS += ["release_date", "pg_subjects", "topics", "chunk_id", "chunk", "relations"]
PER = {"entity1Type": "PER", "entity2Type": "PER"}
SISTER = {"entity1": "Ann", "entity2": "Tom", **PER, "relation": "sibling_of"}
ENEMY = {"entity1": "Tom", "entity2": "Ann", **PER, "relation": "enemy_of"}


def row(*items, book="8", chunk_id="10", chunk="Ann was the sister of Tom.", **cells):
    cells = {"book_id": book, "chunk_id": chunk_id, "chunk": chunk, "relations": repr(list(items)), **cells}
    return [cells.get(column, "x") for column in COLUMNS]


def text_of(rows, columns=COLUMNS):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return file.getvalue()


def read_text(folder, text, name="train.csv", split="train", counts=None):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(pg_fiction.read(folder, split, Counter() if counts is None else counts))


def read(folder, *rows, **options):
    return read_text(folder, text_of(rows), **options)


def test_an_item_becomes_this_example(tmp_path):
    assert read(tmp_path, row(SISTER)) == [
        Example(
            id="pg_fiction/train/8/10/0",
            benchmark="pg_fiction",
            split="train",
            text="Ann was the sister of Tom.",
            head="Ann",
            tail="Tom",
            head_start=0,
            head_end=3,
            tail_start=22,
            tail_end=25,
            head_type="PER",
            tail_type="PER",
            relation="sibling_of",
            group="8",
        )
    ]


def test_white_space_runs_of_text_and_mentions_become_one_blank(tmp_path):
    chunk = "  Old\r\nAnn was the\r\n\r\n\r\nsister of\tTom.\r\n"
    (example,) = read(tmp_path, row({**SISTER, "entity1": "Old \r\nAnn"}, chunk=chunk))
    assert example.text == "Old Ann was the sister of Tom."
    assert (example.head, example.head_start, example.tail_start) == ("Old Ann", 0, 26)


def test_the_list_is_a_python_literal_and_not_json(tmp_path):
    item = {**SISTER, "entity1": "Tom's sister", "entity2": 'the "captain"', "entity1Type": None}
    (example,) = read(tmp_path, row(item, chunk='Tom\'s sister saw the "captain".'))
    assert (example.head, example.tail, example.head_type) == ("Tom's sister", 'the "captain"', "")


def test_missing_types_are_empty(tmp_path):
    (example,) = read(tmp_path, row({"entity1": "Ann", "entity2": "Tom", "relation": "sibling_of"}))
    assert (example.head_type, example.tail_type) == ("", "")


def test_mentions_that_are_not_there_or_there_twice_are_counted(tmp_path):
    counts = Counter()
    chunk = "He saw that Tom was there with Tom."
    items = ({**SISTER, "entity1": "his mother"}, {**ENEMY, "entity2": "he"})
    first, second = read(tmp_path, row(*items, chunk=chunk), counts=counts)
    assert (first.head, first.head_start, first.head_end, first.tail_start) == ("his mother", -1, -1, 12)
    assert (second.head_start, second.tail_start) == (12, 21)  # `he` is first met in `there`
    assert counts["mention not found"] == 1
    assert counts["mention found more than once"] == 2


def test_exact_repeats_in_a_chunk_are_kept_once_and_counted(tmp_path):
    counts = Counter()
    typed_otherwise = {**SISTER, "entity1Type": "ORG"}
    examples = read(tmp_path, row(SISTER, ENEMY, SISTER, SISTER, typed_otherwise), counts=counts)
    assert [e.id.rpartition("/")[2] for e in examples] == ["0", "1", "4"]
    assert counts["relation repeated in its chunk"] == 2


def test_the_same_relation_in_another_chunk_is_no_repeat(tmp_path):
    examples = read(tmp_path, row(SISTER), row(SISTER, chunk_id="9"), row(SISTER, book="80"))
    assert [e.id for e in examples] == [f"pg_fiction/train/{place}/0" for place in ("8/10", "8/9", "80/10")]


def test_labels_outside_the_ontology_are_kept_and_counted_but_not_the_negative(tmp_path):
    counts = Counter()
    items = ({**SISTER, "relation": label} for label in ("haunts", "none", "used_by"))
    assert [e.relation for e in read(tmp_path, row(*items), counts=counts)] == ["haunts", "none", "used_by"]
    assert counts["relation outside the ARF ontology"] == 1


def test_chunks_without_a_relation_are_counted(tmp_path):
    counts = Counter()
    empty = row(chunk_id="1"), row(chunk_id="2", relations=""), row(chunk="", chunk_id="3")
    assert read(tmp_path, *empty, counts=counts) == []
    assert counts["chunks"] == counts["chunks without a relation"] == 3
    assert counts["relations cell empty"] == 1


@pytest.mark.parametrize("broken", ['"ompanion_of\'}]"""' + "," * 11, "ompanion_of'}]\"", "ompanion_of'}]\","])
def test_the_known_broken_row_is_counted(tmp_path, broken):
    counts = Counter()
    assert len(read_text(tmp_path, text_of([row(SISTER)]) + broken + "\n", counts=counts)) == 1
    assert counts["broken row"] == 1


def test_a_row_that_holds_more_than_its_book_is_no_known_broken_row(tmp_path):
    half = ["8", "A Tale", *[""] * 10]
    with pytest.raises(ReadError, match=r"train\.csv:2: not a row of ARF"):
        read(tmp_path, half)


def test_blank_lines_are_counted(tmp_path):
    counts = Counter()
    assert len(read_text(tmp_path, text_of([row(SISTER)]) + "\n\n", counts=counts)) == 1
    assert counts["blank lines"] == 2


def test_a_cell_may_be_longer_than_the_csv_module_allows_by_default(tmp_path):
    (example,) = read(tmp_path, row(SISTER, chunk="Ann was the sister of Tom." + " word" * 40_000))
    assert len(example.text) > 131_072


def test_windows_line_ends_and_a_byte_order_mark(tmp_path):
    text = "\ufeff" + text_of([row(SISTER)]).replace("\n", "\r\n")
    assert [e.group for e in read_text(tmp_path, text)] == ["8"]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"relations": "[{'entity1': 'Ann'"}, "SyntaxError"),
        ({"relations": "__import__('os').getcwd()"}, "ValueError"),
        ({"relations": "[" * 3000}, ""),
        ({"relations": "{'entity1': 'Ann'}"}, "relations must be a list"),
        ({"relations": "['Ann']"}, "TypeError"),
        ({"relations": "[None]"}, "TypeError"),
        ({"relations": "[{'entity1': 'Ann', 'relation': 'owns'}]"}, "KeyError('entity2')"),
        ({"relations": repr([{**SISTER, "entity2": 3}])}, "entity2 is 3, expected a string"),
        ({"relations": repr([{**SISTER, "entity2": ["Tom"]}])}, "entity2 is ['Tom'], expected a string"),
        ({"relations": repr([{**SISTER, "entity2Type": 3}])}, "entity2Type is 3, expected a string"),
        ({"relations": repr([{**SISTER, "entity1": " "}])}, "head is empty"),
        ({"relations": repr([{**SISTER, "relation": ""}])}, "relation is empty"),
        ({"relations": repr([{**SISTER, "relation": None}])}, "relation is None"),
        ({"relations": repr([SISTER]), "chunk": " "}, "text is empty"),
        ({"relations": "", "chunk": " "}, "book_id, chunk_id or chunk is empty"),
        ({"relations": "[]", "chunk_id": ""}, "book_id, chunk_id or chunk is empty"),
        ({"relations": repr([SISTER]), "book_id": ""}, "book_id, chunk_id or chunk is empty"),
    ],
)
def test_a_broken_row_names_file_and_line(tmp_path, cells, problem):
    with pytest.raises(ReadError) as error:
        read(tmp_path, row(ENEMY, chunk_id="1"), row(**cells))
    assert f"{tmp_path / 'train.csv'}:3: not a row of ARF" in str(error.value)
    assert problem in str(error.value)


def test_a_duplicate_chunk_is_an_error(tmp_path):
    with pytest.raises(ReadError, match=r"train\.csv:3: .*duplicate chunk 10 of book 8"):
        read(tmp_path, row(SISTER), row(ENEMY))


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        ('8,x,x,x,x,x,x,x,x,11,"Ann was', r"train\.csv:3: not valid CSV from here"),
        ("8,x,x,x,x,x,x,x,x,11", r"train\.csv:3: 10 columns where the header has 12"),
        ("8" + ",x" * 12 + "\n", r"train\.csv:3: 13 columns where the header has 12"),
        (b"8,x,\xe9t\xe9", r"train\.csv:\d+: not UTF-8"),
    ],
)
def test_a_truncated_or_misencoded_file(tmp_path, tail, problem):
    tail = tail if isinstance(tail, bytes) else tail.encode()
    with pytest.raises(ReadError, match=problem):
        read_text(tmp_path, text_of([row(SISTER)]).encode() + tail)


@pytest.mark.parametrize("text", ["", "book_id,chunk_id,chunk\n", "text,entity1,entity2,relation\n"])
def test_missing_columns(tmp_path, text):
    with pytest.raises(ReadError, match=r"train\.csv:1: missing columns: .*relations"):
        read_text(tmp_path, text)


def write_parquet(path, *rows):
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([dict(zip(COLUMNS, cells, strict=True)) for cells in rows]), path
    )


def test_parquet_gives_the_same_examples_and_its_nulls_are_empty_cells(tmp_path):
    counts = Counter()
    write_parquet(tmp_path / "train.parquet", row(SISTER, ENEMY), ["ompanion_of'}]\"", *[None] * 11])
    from_parquet = list(pg_fiction.read(tmp_path, "train", counts))
    assert counts["broken row"] == 1
    assert from_parquet == read(tmp_path, row(SISTER, ENEMY))  # train.csv comes first, where both are there


def test_broken_parquet_names_file_and_record(tmp_path):
    path = tmp_path / "train.parquet"
    write_parquet(path, row(SISTER), row(SISTER, book=None))
    with pytest.raises(ReadError, match=r"train\.parquet:record 1: .*book_id is None"):
        list(pg_fiction.read(tmp_path, "train", Counter()))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"train\.parquet: cannot be read"):
        list(pg_fiction.read(tmp_path, "train", Counter()))
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Ann"]}), path)
    with pytest.raises(ReadError, match="missing columns"):
        list(pg_fiction.read(tmp_path, "train", Counter()))


def test_other_splits_are_read_where_a_user_has_them(tmp_path):
    (example,) = read(tmp_path, row(SISTER), name="test.csv", split="test")
    assert example.id == "pg_fiction/test/8/10/0"
    with pytest.raises(MissingSplit, match=r"arf\.csv"):
        list(pg_fiction.read(tmp_path, "train", Counter()))


def test_the_ontology_has_47_strings():
    labels = resource("labels", "arf_ontology.txt").read_text().split("\n")
    assert labels.pop() == ""
    assert len(labels) == len(set(labels)) == 47


def test_the_sample_corpus():
    counts = Counter()
    examples = list(pg_fiction.read(resource("sample", "pg_fiction"), "train", counts))
    books = {e.group for e in examples}
    labels = Counter(e.relation for e in examples)
    ontology = set(resource("labels", "arf_ontology.txt").read_text().split())
    assert len(examples) >= 290
    assert len(books) >= 20
    assert len({e.id for e in examples}) == len(examples)
    assert set(labels) - ontology == {"none", "servant_of"}
    assert counts["relation outside the ARF ontology"] == labels["servant_of"] > 0
    assert 0.15 <= labels["none"] / len(examples) <= 0.25
    assert len(labels) == 16
    for book in books:
        mine = {e.relation for e in examples if e.group == book}
        assert len(mine) >= 14, f"book {book} has only {sorted(mine)}"
    assert not {e.text for e in examples if e.group == "0"} & {e.text for e in examples if e.group != "0"}
    assert counts["broken row"] == 1
    assert counts["chunks without a relation"] == 1
    assert counts["relation repeated in its chunk"] >= 3
    assert counts["mention not found"] >= 3
    assert any(not e.head_type for e in examples)
