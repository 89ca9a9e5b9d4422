"""Every reader on what its format may hold: a good file is read as it is, a broken one refused, and nothing is lost."""

import json
import random
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import judging
from fuzz.__main__ import fuzz
from fuzz.formats import FORMATS
from fuzz.judging import Unchanged, place_in
from fuzz.mutations import mutant
from mixtune.data import Example, ReadError, read
from mixtune.data.readers import json_stream, parsing

SIZE = 50_000_000
FORMAT = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
TEXTS = {name: format for name, format in FORMATS.items() if format.kind != "parquet"}


def drawn(examples: int):
    """Settings that draw the same every time; each example writes the one file of its folder anew."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=checks)


@FORMAT
@drawn(50)
@given(data=st.data())
def test_what_is_written_in_a_format_is_read_as_the_same_examples(format, tmp_path, data):
    Unchanged(format, data.draw(format.files()), tmp_path)


@FORMAT
@drawn(8)
@given(data=st.data())
def test_a_changed_file_is_refused_with_its_place_or_read_without_a_loss(format, tmp_path, data):
    unchanged = Unchanged(format, data.draw(format.files()), tmp_path)
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(40):
        changed = mutant(format, unchanged.natives, draw)
        assert unchanged.judge(changed), changed.what


def lossy(*args, **options):
    yield from list(read(*args, **options))[:-1]


def unguarded(*args, **options):
    try:
        yield from read(*args, **options)
    except ReadError as error:
        raise KeyError("text") from error


def vague(*args, **options):
    try:
        yield from read(*args, **options)
    except ReadError as error:
        raise ReadError(args[1] / FORMATS["gids"].file, None, "broken") from error


def lenient(*args, **options):
    try:
        yield from read(*args, **options)
    except ReadError:
        return


@pytest.mark.parametrize("reader", [lossy, unguarded, vague, lenient])
def test_a_bad_reader_is_found_out_and_the_file_that_shows_it_kept(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(judging, "read", reader)
    (tmp_path / "kept").mkdir()
    assert fuzz(FORMATS["gids"], 50, 0, tmp_path, tmp_path / "kept")["FAILURE"]
    assert (tmp_path / "kept" / "1-train.tsv").is_file()


def refused(folder, format, content: bytes) -> str:
    """The message, without the file's name, of the error that reading a file gives."""
    path = folder / format.file
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(ReadError) as caught:
        list(read(format.benchmark, folder, "train", negative="NA", options=format.options))
    assert time.process_time() - started < 5
    place_in(str(caught.value), path)
    return str(caught.value).removeprefix(f"{path}:")


@pytest.mark.parametrize("inside", [False, True], ids=["rubbish", "within a value"])
@pytest.mark.parametrize("format", TEXTS.values(), ids=TEXTS)
def test_a_line_of_50_mb_is_refused_at_once_and_in_few_words(format, tmp_path, inside):
    opened = {"array": b'[{"a": "', "lines": b'{"a": "'}.get(format.kind, format.pieces([])[0] + b'"')
    refused(tmp_path, format, (opened if inside else b"") + b"x" * SIZE)
    (tmp_path / format.file).unlink()


@pytest.mark.parametrize("content", [b"", b"\n \n", "header"], ids=repr)
@pytest.mark.parametrize("format", TEXTS.values(), ids=TEXTS)
def test_a_file_without_a_record_is_refused(format, tmp_path, content):
    refused(tmp_path, format, b"".join(format.pieces([])) if content == "header" else content)


# JSON


@pytest.mark.parametrize("size", [1, 2, 3, 7, 2**16])
@given(values=st.lists(st.recursive(st.integers() | st.text() | st.booleans(), st.lists, max_leaves=4), min_size=1))
@drawn(50)
def test_an_array_is_read_alike_in_blocks_of_any_size(tmp_path, monkeypatch, size, values):
    monkeypatch.setattr(json_stream, "_BLOCK", size)
    (tmp_path / "a.json").write_text(f" {json.dumps(values, ensure_ascii=False, indent=1)}\n", encoding="utf-8")
    assert list(parsing.json_records(tmp_path / "a.json")) == list(enumerate(values))


@pytest.mark.parametrize("half", ["\\ud83d", "\\ud83d\\u0041", "\\ude00"])
def test_half_a_surrogate_pair_in_an_array_is_no_question_mark(tmp_path, half):
    content = f'[{{"text": "Ann {half} Bo", "triple_list": [["Ann", "/business/person/company", "Bo"]]}}]'
    assert "surrogates not allowed" in refused(tmp_path, FORMATS["nyt11"], content.encode())


@pytest.mark.parametrize("depth", [500, 20_000, 1_000_000])
@pytest.mark.parametrize("name", ["tacred", "conll04", "nyt11", "nyt11 (JSON Lines)", "re_docred", "rebel"])
def test_lists_in_lists_take_neither_the_memory_nor_the_stack(tmp_path, name, depth):
    value = "[" * depth + "]" * depth
    keys = ("text", "token", "tokens", "sents", "docid", "triples", "triple_list", "labels", "vertexSet")
    record = "{" + ", ".join(f'"{key}": {value}' for key in keys) + "}"
    refused(tmp_path, FORMATS[name], (f"[{record}]" if FORMATS[name].kind == "array" else record).encode())


# What single readers passed over


def read_all(folder, name: str, content: str) -> tuple[list[Example], Counter[str]]:
    format, counts = FORMATS[name], Counter()
    (folder / format.file).write_text(content, encoding="utf-8")
    return list(read(format.benchmark, folder, "train", counts)), counts


def test_a_byte_order_mark_is_no_part_of_the_first_mid(tmp_path):
    row = "/m/0a\t/m/0b\tAda\tBonn\tNA\tAda died in Bonn . ###END###\n"
    assert read_all(tmp_path, "gids", f"\ufeff{row}")[0][0].group == "/m/0a|/m/0b"


def document(boundaries: list) -> str:
    sides = {"subject": {"surfaceform": "Bonn", "boundaries": boundaries}}
    sides["object"] = {"surfaceform": "Ada", "boundaries": [0, 3]}
    triple = sides | {"predicate": {"surfaceform": "country"}}
    return json.dumps({"docid": "1", "text": "Ada of Bonn", "triples": [triple]})


def test_boundaries_that_hold_the_mention_only_because_the_text_ends_are_searched_and_counted(tmp_path):
    (found,), counts = read_all(tmp_path, "rebel", document([7, 99]))
    assert (found.head_start, found.head_end) == (7, 11)
    assert counts["boundaries do not match the mention"] == 1


def test_truth_values_are_no_offsets(tmp_path):
    assert "[True, 4]" in refused(tmp_path, FORMATS["rebel"], document([True, 4]).encode())
    mention = {"name": "b", "sent_id": 0, "pos": [True, 2], "type": "LOC"}
    record = {"title": "T", "sents": [["a", "b"]], "vertexSet": [[mention]], "labels": []}
    assert "[True, 2]" in refused(tmp_path, FORMATS["re_docred"], json.dumps([record]).encode())


def test_a_re_docred_document_without_triples_is_counted(tmp_path):
    record = {"title": "T", "sents": [["a"]], "vertexSet": [], "labels": []}
    assert read_all(tmp_path, "re_docred", json.dumps([record]))[1]["documents without triples"] == 1


def test_two_columns_of_a_name_are_refused(tmp_path):
    row = "<e1>Ada</e1> of <e2>Bonn</e2>\tOther\te1\t1\t2\n"
    header = "sentence\trelation\tP1\twp_id\twp_id\n"
    assert "duplicate column" in refused(tmp_path, FORMATS["biographical"], f"{header}{row}".encode())
    chunk = "book_id,chunk_id,chunk,chunk,relations\n1,1,a b,c d,[]\n"
    assert "duplicate column" in refused(tmp_path, FORMATS["pg_fiction"], chunk.encode())


@pytest.mark.parametrize("kind", ["0", "False", "[]"])
def test_a_type_that_is_no_string_is_refused_even_if_it_is_empty(tmp_path, kind):
    item = f"{{'entity1': 'a', 'entity2': 'b', 'relation': 'none', 'entity1Type': {kind}}}"
    content = f'book_id,chunk_id,chunk,relations\n1,1,a b,"[{item}]"\n'
    assert "expected a string" in refused(tmp_path, FORMATS["pg_fiction"], content.encode())


@pytest.mark.parametrize(("start", "end"), [(True, 3), (4, 99), (-3, 6), (6, 6)])
def test_offsets_that_are_no_span_of_the_text_make_no_example(start, end):
    text = "a b c"
    with pytest.raises(ValueError, match=r"whole numbers|is not at"):
        Example("i", "b", "train", text, text[start:end] or "a", "a", start, end, 0, 1, "", "", "r", "g")
