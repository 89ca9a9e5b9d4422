import json
from collections import Counter

import pytest

from mixtune.data.example import MissingSplit, ReadError
from mixtune.data.readers import json_stream, parsing
from mixtune.data.readers.parsing import (
    array_records,
    join_tokens,
    json_lines,
    json_records,
    json_values,
    native_file,
    utf8_lines,
)

NAMES = {"train": ("one.json", "two.json"), "test": ("test.json",)}


def test_the_first_name_that_exists_is_the_splits_file(tmp_path):
    (tmp_path / "two.json").touch()
    assert native_file(tmp_path, "train", NAMES) == tmp_path / "two.json"
    (tmp_path / "one.json").touch()
    assert native_file(tmp_path, "train", NAMES) == tmp_path / "one.json"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_path_that_is_a_file_is_the_splits_file(tmp_path, split):
    (tmp_path / "mine").touch()
    assert native_file(tmp_path / "mine", split, NAMES) == tmp_path / "mine"


@pytest.mark.parametrize(
    ("split", "problem"),
    [("train", "one.json or two.json"), ("validation", "no native file is known for split 'validation'")],
)
def test_a_missing_file_is_a_missing_split(tmp_path, split, problem):
    (tmp_path / "one.json").mkdir()
    with pytest.raises(MissingSplit, match=rf"split '{split}' not found \(looked for: {problem}\)"):
        native_file(tmp_path, split, NAMES)


@pytest.mark.parametrize("name", ["valid_triples.json", "dev_triples.json", "Validation_Triples.JSON", "VAL.json"])
def test_a_usual_name_of_the_validation_split_is_its_file(tmp_path, name):
    names = {"validation": ("val_triples.json", "val.json"), "test": ("test.json",)}
    (tmp_path / name).touch()
    assert native_file(tmp_path, "validation", names) == tmp_path / name
    with pytest.raises(MissingSplit):
        native_file(tmp_path, "test", names)
    (tmp_path / "dev.json").touch()
    with pytest.raises(ReadError, match=rf"duplicate files of split 'validation' \(.*{name}.*\); keep one of them"):
        native_file(tmp_path, "validation", names)
    (tmp_path / "val_triples.json").touch()
    assert native_file(tmp_path, "validation", names) == tmp_path / "val_triples.json"


@pytest.mark.parametrize(
    ("start", "form"),
    [
        (b"\xff\xfea\0", "UTF-16"),
        (b"\xfe\xff\0a", "UTF-16"),
        (b"\x1f\x8b\x08", "compressed by gzip; decompress the file"),
        (b"PK\x03\x04", "a ZIP archive or a workbook"),
    ],
)
def test_a_file_that_is_no_text_is_named_by_its_form(tmp_path, start, form):
    (tmp_path / "a.txt").write_bytes(start)
    for read in (utf8_lines, json_records, json_lines, json_values):
        with pytest.raises(ReadError, match=rf"a\.txt:1: not UTF-8 but {form}"):
            list(read(tmp_path / "a.txt"))


def test_arrays_and_lines_are_distinguished_by_their_first_character(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf\n[{"a": 1},\n{"a": 2}]')
    assert list(json_values(tmp_path / "a.json")) == [("record 0", {"a": 1}), ("record 1", {"a": 2})]
    assert list(array_records(tmp_path / "a.json")) == [(2, {"a": 1}), (3, {"a": 2})]
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf\n{"a": 1}\n{"a": 2}')
    assert list(json_values(tmp_path / "a.json")) == [(2, {"a": 1}), (3, {"a": 2})]


def test_lines_lose_the_byte_order_mark_and_their_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffa b\r\n\nc\ufeff\r\nd".encode())
    counts = Counter()
    assert list(utf8_lines(tmp_path / "a.txt", counts)) == [(1, "a b"), (2, ""), (3, "c\ufeff"), (4, "d")]
    assert counts == {"lines that end in CRLF": 2}


def test_a_line_must_be_utf8_and_shorter_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "LONGEST", 10)
    (tmp_path / "a.txt").write_bytes(b"123456789\n\xff\n")
    with pytest.raises(ReadError, match=r"a\.txt:1: a line of more than 10 bytes; expected one record per line"):
        list(utf8_lines(tmp_path / "a.txt"))
    (tmp_path / "a.txt").write_bytes(b"12345678\n\xff\n")
    with pytest.raises(ReadError, match=r"a\.txt:2: not UTF-8"):
        list(utf8_lines(tmp_path / "a.txt"))


@pytest.mark.parametrize("block", [1, 3, 2**16])
def test_an_array_is_streamed_record_by_record(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_stream, "_BLOCK", block)
    values = [{"text": "Ann é \ud7ff"}, 12, [], "]", None]
    (tmp_path / "a.json").write_text(f" \n{json.dumps(values, ensure_ascii=False)} \n", encoding="utf-8")
    assert list(json_records(tmp_path / "a.json")) == list(enumerate(values))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "expected one JSON array"),
        (b"{}", "expected one JSON array"),
        (b"[]", "record 0: .*no record before the closing bracket"),
        (b"[1, 2", "record 2: .*expected a comma or the one closing bracket"),
        (b"[1, 2] 3", "record 2: .*expected a comma or the one closing bracket"),
        (b"[1, {]", "record 1: not valid JSON"),
        (b'[1, "\xff"]', "record 1: .*not UTF-8"),
    ],
)
def test_a_broken_array_names_its_record(tmp_path, content, problem):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ReadError, match=rf"a\.json: ?{problem}" if "record" not in problem else rf"a\.json:{problem}"):
        list(json_records(tmp_path / "a.json"))


def test_blank_lines_of_json_lines_are_skipped_and_broken_ones_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('\n{"a": 1}\n \n2\n')
    assert list(json_lines(tmp_path / "a.jsonl")) == [(2, {"a": 1}), (4, 2)]
    (tmp_path / "a.jsonl").write_text("1\n{\n")
    with pytest.raises(ReadError, match=r"a\.jsonl:2: not valid JSON"):
        list(json_lines(tmp_path / "a.jsonl"))
    (tmp_path / "a.jsonl").write_text(" \n")
    with pytest.raises(ReadError, match=r"a\.jsonl: the file holds no record"):
        list(json_lines(tmp_path / "a.jsonl"))


def test_tokens_have_their_spans_in_the_joined_text():
    text, spans = join_tokens(iter(["Ann", "", "met", "Bo"]))
    assert text == "Ann  met Bo"
    assert [text[start:end] for start, end in spans] == ["Ann", "", "met", "Bo"]
