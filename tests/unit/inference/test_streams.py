"""What `mixtune predict` is given: rows of three formats as they arrive, good and bad ones, and lists of labels."""

import json
import os

import pandas as pd
import pytest

from mixtune.data.example import LONGEST
from mixtune.errors import UserError
from mixtune.inference.lines import Lines
from mixtune.inference.streams import parse_example, read_label_list, read_rows, windows

GOOD = {"text": "Ada met Bob.", "head": "Ada", "tail": "Bob"}
SPANS = {"head_start": 0, "head_end": 3, "tail_start": 8, "tail_end": 11}
LINE = json.dumps(GOOD).encode()


@pytest.fixture
def rows(tmp_path):
    """Reads bytes as a file: `rows(content, form)` gives its rows, without those of blank lines."""

    def read(content: bytes, form: str = "jsonl", **options):
        (tmp_path / "given").write_bytes(content)
        with (tmp_path / "given").open("rb", buffering=0) as file:
            return list(filter(None, read_rows(Lines(file), form, "given", **options)))

    return read


def problems(found):
    return {row.number: row.problem for row in found if row.problem}


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("jsonl", b'\xef\xbb\xbf{"text": "A \\"1\\" met B.", "head": "A", "tail": "B", "n": "7"}\r\n \r\n' + LINE),
        ("csv", b'\xef\xbb\xbftext,head,tail,n\r\n"A ""1"" met B.",A,B,7\r\n\r\nAda met Bob.,Ada,Bob,\r\n'),
        ("tsv", b'text\thead\ttail\tn\nA "1" met B.\tA\tB\t7\n\nAda met Bob.\tAda\tBob\t'),
    ],
)
def test_marks_line_ends_and_blank_lines_are_no_matter(rows, form, content):
    first, second = rows(content, form)
    assert first.record == {"text": 'A "1" met B.', "head": "A", "tail": "B", "n": "7"}
    assert (first.number, second.number) == ((1, 3) if form == "jsonl" else (2, 4))
    assert (second.example.text, second.example.head_start, second.example.tail_start) == ("Ada met Bob.", 0, 8)


def test_a_cell_may_have_several_lines(rows):
    first, second = rows(b'text,head,tail\n"Ada\nmet Bob.",Ada,Bob\nAda met Bob.,Ada,Bob\n', "csv")
    assert (first.record["text"], first.number, second.number) == ("Ada\nmet Bob.", 2, 4)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "expected an object"),
        (b"{}", "text, head, tail must be strings"),
        (b'{"text": "a", "head": "a"}', "text, head, tail must be strings, none empty; check tail"),
        (b'{"text": "a", "head": " ", "tail": "a"}', "none empty; check head"),
        (b'{"text": 3, "head": "a", "tail": "a"}', "must be strings, .*check text"),
        (b'{"text": "a\\ud83d", "head": "a", "tail": "a"}', "surrogates"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b" " * LONGEST + b"{}", "longer than"),
        (json.dumps(GOOD | SPANS | {"head_start": 1}).encode(), "mention 'Ada' is not at 1:3 of the text"),
        (json.dumps(GOOD | SPANS | {"tail_end": "11"}).encode(), "must be whole numbers"),
        (json.dumps(GOOD | SPANS | {"tail_end": None}).encode(), "or none; tail_end is missing"),
        (json.dumps(GOOD | {"head": "ada"}).encode(), "^head 'ada' not found in text; .* or give offsets"),
        (json.dumps(GOOD | {"head": "Eve", "tail": "Dan"}).encode(), "^head 'Eve' and tail 'Dan' not found in text"),
    ],
    ids=range(15),
)
def test_a_bad_line_is_reported_with_its_number_and_the_next_is_read(rows, line, problem):
    found = rows(b"\n".join([LINE, b"", line, LINE]))
    assert [row.number for row in found] == [1, 3, 4]
    assert [row.example is None for row in found] == [False, True, False]
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(problems(found)[3])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"Ada met Bob.,Ada", "2 cells under 3 column names"),
        (b'"Ada" met Bob.,Ada,Bob', "expected after"),
        (b"Ada met Bob.,Ada,", "check tail"),
        (b"\xff,Ada,Bob", "not UTF-8"),
    ],
)
def test_a_bad_row_of_csv_is_reported_with_its_number_and_the_next_is_read(rows, line, problem):
    good = b"Ada met Bob.,Ada,Bob"
    found = rows(b"\n".join([b"text,head,tail", good, line, good]), "csv")
    assert [(row.number, row.example is None) for row in found] == [(2, False), (3, True), (4, False)]
    assert problem in problems(found)[3]


def test_an_unclosed_quotation_mark_is_reported_at_its_line(rows):
    found = rows(b'text,head,tail\nAda met Bob.,Ada,Bob\n"Ada met Bob.,Ada,Bob\nAda met Bob.,Ada,Bob\n', "csv")
    assert problems(found) == {3: "unexpected end of data"}
    assert len(found) == 2


def test_spans_are_numbers_in_every_format_and_may_be_left_out(rows):
    table = (
        b"text,head,tail,head_start,head_end,tail_start,tail_end\nAda Ada Bob,Ada,Bob,4,7,8,11\nAda Bob,Ada,Bob,,,,\n"
    )
    placed, found = rows(table, "csv")
    assert (placed.example.head_start, placed.record["head_start"]) == (4, 4)
    assert (found.example.head_start, found.record["head_start"]) == (0, None)
    assert rows(json.dumps(placed.record).encode())[0].example == placed.example


def test_a_mention_that_is_not_in_the_text_has_offsets_of_minus_one(rows):
    absent = {"head": "she", "head_start": -1, "head_end": -1}
    (row,) = rows(json.dumps(GOOD | SPANS | absent).encode())
    assert (row.example.head, row.example.head_start, row.problem) == ("she", -1, "")


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (b"text,head,head,tail", "head"),
        (b"text,head,tail,n,n,,", "n"),
        (b"sentence,head,tail", r"text \(found: sentence, head, tail\)"),
        (b'"x"y,', ""),
    ],
)
def test_a_header_that_lacks_a_column_or_has_one_twice_ends_it(rows, header, column):
    with pytest.raises(UserError, match=rf"^given: (column missing or duplicate: {column}|the header cannot be read)"):
        rows(header + b"\n", "csv")
    assert rows(b"", "csv") == []


QUOTES = [
    {"text": text, "head": "Ada", "tail": "Bob"} for text in ('"Ada" met Bob.', "Ada met Bob.", 'Bob: "Hi, Ada."')
]


@pytest.mark.parametrize("quoting", [0, 1])
def test_tables_of_pandas_are_read_as_they_were_written(rows, quoting):
    frame = pd.DataFrame(QUOTES)
    for form, separator in (("csv", ","), ("csv", ";"), ("tsv", "\t")):
        content = frame.to_csv(sep=separator, quoting=quoting, index=False).encode()
        assert [row.record for row in rows(content, form)] == QUOTES


def test_plain_marks_in_tsv_stay(rows):
    given = [GOOD | {"text": text} for text in ('"Ada met Bob.', 'Ada met "Bob."', '"Oh, Ada met Bob."')]
    content = "\n".join(["text\thead\ttail", *("\t".join(row.values()) for row in given)]).encode()
    assert [row.record for row in rows(content, "tsv")] == given
    assert [row.record for row in rows(content.replace(b"\t", b","), "csv", quoting="none")][:2] == given[:2]


def test_marks_that_are_unclear_are_a_problem_of_their_row(rows):
    cells = ['"Oh, Ada met Bob."', '"Ada ""met"" Bob."', '"Oh, Ada met Bob."', 'Ada "met" Bob.']
    content = "\n".join(["text\thead\ttail", *(f"{cell}\tAda\tBob" for cell in cells)]).encode()
    found = rows(content, "tsv")
    assert [row.record.get("text") for row in found] == [None, 'Ada "met" Bob.', "Oh, Ada met Bob.", None]
    assert "which its text may contain or not; set --quoting csv" in problems(found)[2]
    assert "both as in CSV and as plain characters (see line 3); set --quoting" in problems(found)[5]
    assert [row.record["text"] for row in rows(content, "tsv", quoting="none")] == cells
    assert rows(content, "tsv", quoting="csv")[0].record["text"] == "Oh, Ada met Bob."


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pd.DataFrame([GOOD]).to_csv(sep="\t").encode("utf-16"), "UTF-16, e.g. of Excel's 'Unicode Text'"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; decompress the file"),
        (b"PK\x03\x04", "a ZIP archive or a workbook"),
        (b"PAR1", "parquet"),
    ],
)
def test_a_stream_that_is_no_text_is_refused(rows, form, content, message):
    with pytest.raises(UserError, match=f"^given: not UTF-8 but {message}"):
        rows(content, form)


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_is_read_object_by_object(rows, indent):
    given = [GOOD, GOOD | {"n": 7}, GOOD | SPANS]
    found = rows(b"\xef\xbb\xbf\n " + json.dumps(given, indent=indent).encode())
    assert [row.record for row in found] == given
    assert [row.number for row in found] == ([2, 2, 2] if indent is None else [3, 8, 14])
    assert problems(found) == {}


def test_a_bad_object_of_an_array_is_reported_and_the_next_is_read(rows):
    found = rows(b"[\n" + LINE + b",\n7,\n" + b'{"text": "a"},\n' + LINE + b"\n]")
    assert [row.example is None for row in found] == [False, True, True, False]
    assert problems(found) == {
        3: "object 2 of the array: expected an object",
        4: "object 3 of the array: text, head, tail must be strings, none empty; check head, tail",
    }


@pytest.mark.parametrize("end", [b"", b",", b", {", b" {}", b"]\n{}", b", \xff", b"," + b"[" * 100_000])
def test_a_broken_array_is_read_up_to_there(rows, end):
    good, bad = rows(b"[" + LINE + end)
    assert good.record == GOOD
    assert bad.problem.startswith("after object 1: not valid JSON (")
    assert bad.problem.endswith("the rest of the array is not read")


def test_demonstrations_of_an_array_are_distinguished(rows):
    found = rows(json.dumps([GOOD | {"relation": "met"}] * 2).encode(), has_relation=True)
    assert len({row.example.group for row in found}) == 2


def test_objects_of_an_array_that_have_arrived_do_not_wait_for_the_others():
    ours, theirs = os.pipe()
    with open(ours, "rb", buffering=0) as file, open(theirs, "wb", buffering=0) as pipe:
        lines = Lines(file)
        found = windows(read_rows(lines, "jsonl", "pipe"), lines.is_ready, 3)
        pipe.write(b"[" + LINE + b",\n" + LINE[:9])
        assert [row.number for row in next(found)] == [1]
        pipe.write(LINE[9:] + b"\n]")
        pipe.close()
        assert [row.number for row in next(found)] == [2]
        assert list(found) == []


def test_demonstrations_have_a_relation_and_are_distinguished(rows):
    first, second, bad = rows(
        b"\n".join([json.dumps(GOOD | {"relation": "met"}).encode()] * 2 + [LINE]), has_relation=True
    )
    assert first.example.relation == "met"
    assert len({first.example.group, second.example.group, parse_example(GOOD).group}) == 3
    assert "check relation" in bad.problem


def test_what_has_arrived_does_not_wait_for_what_has_not():
    ours, theirs = os.pipe()
    with open(ours, "rb", buffering=0) as file, open(theirs, "wb", buffering=0) as pipe:
        lines = Lines(file)
        found = windows(read_rows(lines, "jsonl", "pipe"), lines.is_ready, 3)

        def numbers():
            return [row.number for row in next(found)]

        pipe.write(LINE + b"\n" + LINE + b"\n\n" + LINE[:9])  # a blank line, and half of the next one
        assert numbers() == [1, 2]
        pipe.write(LINE[9:] + b"\nno JSON\n")
        assert numbers() == [4, 5]
        pipe.write((LINE + b"\n") * 4 + LINE)
        assert numbers() == [6, 7, 8]
        assert numbers() == [9]
        pipe.close()
        assert numbers() == [10]
        assert list(found) == []


def test_files_are_read_in_whole_windows(tmp_path):
    (tmp_path / "in.jsonl").write_bytes((LINE + b"\n") * 5000)
    with (tmp_path / "in.jsonl").open("rb", buffering=0) as file:
        lines = Lines(file)
        found = [len(window) for window in windows(read_rows(lines, "jsonl", "in"), lines.is_ready, 1024)]
    assert found == [1024] * 4 + [904]
    assert lines.taken == lines.size == (tmp_path / "in.jsonl").stat().st_size


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "\ufeffmet\r\n\r\n  lives in \n"),
        ("labels.json", '["met", "lives in"]'),
        ("labels.json", '{"labels": ["met", "lives in"], "negative": null}'),
        ("LABELS.JSON", '["met", "lives in"]'),
    ],
)
def test_labels_are_one_per_line_or_in_a_benchmarks_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert read_label_list(tmp_path / name) == ["met", "lives in"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.txt", "\n", "is not a list of labels"),
        ("labels.json", "{}", "is not a list of labels"),
        ("labels.json", '["met", 3]', "is not a list of labels"),
        ("labels.json", "[", "cannot be read"),
        ("labels.json", "[" * 100_000, "cannot be read"),
        ("labels.txt", "", "is not a list of labels"),
        ("labels.txt", 'met\n"Met"', "duplicate label: met"),
        ("labels.txt", "met\n''", "label .* is an empty answer in scoring"),
    ],
)
def test_a_list_of_labels_that_is_none_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}:? {message}"):
        read_label_list(tmp_path / name)


@pytest.mark.parametrize(
    "record",
    [
        {"token": ["Ada", "met", "Bob"], "h": {"name": "Ada", "pos": [0, 1]}, "t": {"name": "bob", "pos": [2, 3]}},
        {"text": "Ada met Bob", "h": {"name": "Ada", "pos": [0, 3]}, "t": {"name": "Bob", "pos": [8, 11]}},
        {"tokens": ["Ada", "met", "Bob"], "h": ["ada", "Q1", [[0]]], "t": ["bob", "Q2", [[2]]]},
    ],
)
def test_records_of_opennre_and_fewrel_are_examples(rows, record):
    (row,) = rows(json.dumps(record).encode())
    assert (row.example.text, row.example.head, row.example.tail) == ("Ada met Bob", "Ada", "Bob")
    assert (row.example.head_start, row.example.tail_start, row.record) == (0, 8, record)
    assert [found.example for found in rows(json.dumps([record, record]).encode())] == [row.example] * 2
    (row,) = rows(json.dumps(record | {"relation": "met"}).encode(), has_relation=True)
    assert row.example.relation == "met"
    (row,) = rows(json.dumps(record | {"t": None}).encode())
    assert "position is None" in row.problem


MARKERS = {"head": ["<<", ">>"], "tail": ["[[", "]]"]}


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("jsonl", b'{"text": "[[ Bob ]] met <<Ada>>.", "head": "kept"}'),
        ("jsonl", b'[{"text": "[[ Bob ]] met <<Ada>>.", "head": "kept"}]'),
        ("csv", b"text,head\n[[ Bob ]] met <<Ada>>.,kept"),
    ],
)
def test_markers_give_the_mentions_and_the_record_stays(rows, form, content):
    (row,) = rows(content, form, markers=MARKERS)
    assert row.record == {"text": "[[ Bob ]] met <<Ada>>.", "head": "kept"}
    assert row.example == parse_example({"text": "Bob met Ada.", "head": "Ada", "tail": "Bob"})


def test_a_row_without_its_markers_is_a_problem_of_that_row(rows):
    texts = ["<<Ada>> met Bob", "<<Ada>> met [[]]", "<<Ada [[met]] Bob>>", None, "<<A>> met [[B]]"]
    found = rows(b"\n".join(json.dumps({"text": text}).encode() for text in texts), markers=MARKERS)
    assert [row.problem.partition(":")[0] for row in found] == [
        "marker missing", "no mention between the markers", "markers nested or out of order",
        "text, head, tail must be strings, none empty; check text, head, tail", "",
    ]  # fmt: skip


def test_placeholders_are_the_mentions(rows):
    (row,) = rows(b'{"text": "@GENE$ binds @DRUG$."}', markers={"head": ["@DRUG$"], "tail": ["@GENE$"]})
    assert (row.example.text, row.example.head, row.example.tail_start) == ("@GENE$ binds @DRUG$.", "@DRUG$", 0)
