"""Tables that give mentions as positions in token lists, as starts without ends, or by markers in the text."""

import csv
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from mixtune.data.example import ReadError
from mixtune.data.readers.hub_copy import read
from mixtune.data.readers.mention_forms import (
    RejectedRecord,
    conflicting_columns,
    is_grouped,
    plain_record,
    recognise,
    required_columns,
    resolve,
    strip_markers,
)

TOKENS = ["Merpati", "flight", "106", "departed", "Tanjung", "Pandan", "(", "TJQ", ")", "."]
TEXT = "Merpati flight 106 departed Tanjung Pandan ( TJQ ) ."
OPENNRE = {
    "token": TOKENS,
    "h": {"name": "TJQ", "id": "Q1", "pos": [7, 8]},
    "t": {"name": "Tanjung Pandan", "id": "Q2", "pos": [4, 6]},
    "relation": "airport of",
}
CHARACTERS = {
    "text": TEXT,
    "h": {"name": "TJQ", "pos": [45, 48]},
    "t": {"name": "Tanjung Pandan", "pos": [28, 42]},
    "relation": "airport of",
}
FEWREL = {"tokens": TOKENS, "h": ["tjq", "Q1", [[7]]], "t": ["tanjung pandan", "Q2", [[4, 5]]]}
SPANS = (45, 48, 28, 42)
MARKED = {"head": ["<<", ">>"], "tail": ["[[", "]]"]}
ABSTRACT = {"text": "text", "relation": "label"}


def lines(path: Path, *records: dict) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def read_all(path: Path, columns: dict | None = None, **options) -> tuple[list, Counter]:
    counts: Counter[str] = Counter()
    return list(read(path, "own", "train", counts, columns=columns, **options)), counts


def read_one(path: Path, columns: dict | None = None, **options) -> tuple[tuple, Counter]:
    (e,), counts = read_all(path, columns, **options)
    return (e.text, e.head, e.tail, (e.head_start, e.head_end, e.tail_start, e.tail_end), e.relation), counts


WANTED = (TEXT, "TJQ", "Tanjung Pandan", SPANS, "airport of")


@pytest.mark.parametrize(
    ("record", "form"),
    [(OPENNRE, "OpenNRE (positions in tokens)"), (CHARACTERS, "OpenNRE (positions in characters)")],
)
@pytest.mark.parametrize("name", ["train.jsonl", "wiki80_train.txt"])
def test_opennre_is_recognised_and_its_positions_are_of_tokens_or_of_the_text(tmp_path, record, form, name):
    lines(tmp_path / name, record)
    assert read_one(tmp_path / name) == (WANTED, {f"rows in the form of {form}": 1})


@pytest.mark.parametrize("indent", [None, 1])
def test_opennre_is_recognised_in_an_array(tmp_path, indent):
    (tmp_path / "train.json").write_text(json.dumps([OPENNRE, OPENNRE], indent=indent), encoding="utf-8-sig")
    examples, counts = read_all(tmp_path)
    assert [e.head_start for e in examples] == [45, 45]
    assert counts == {"rows in the form of OpenNRE (positions in tokens)": 2}


def test_fewrel_is_an_object_with_a_list_of_records_for_each_label(tmp_path):
    second = FEWREL | {"h": ["Merpati", "Q3", [[0], [9]]]}
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"airport of": [FEWREL], 'the "operator"': [second, FEWREL]}, indent=1))
    examples, counts = read_all(path)
    assert [(e.relation, e.head, e.head_start, e.id) for e in examples] == [
        ("airport of", "TJQ", 45, "own/train/0"),
        ('the "operator"', "Merpati", 0, "own/train/1"),
        ('the "operator"', "TJQ", 45, "own/train/2"),
    ]
    assert (examples[0].tail, examples[0].tail_start, examples[0].tail_end) == ("Tanjung Pandan", 28, 42)
    assert counts == {"rows in the form of FewRel": 3, "mention spelt otherwise than its tokens": 5}


def test_fewrel_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps({"airport of": [FEWREL]}), encoding="utf-8-sig")
    assert read_one(tmp_path)[0] == WANTED


def test_a_large_fewrel_file_on_one_line_is_streamed(tmp_path):
    padding = {"names": ["x" * 1000]}
    (tmp_path / "train.json").write_text(json.dumps({str(n): [FEWREL | padding] * 100 for n in range(5)}))
    examples, _ = read_all(tmp_path / "train.json")
    assert Counter(e.relation for e in examples) == dict.fromkeys("01234", 100)


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        ("", "not valid JSON (expected a comma or the one closing bracket after a record"),
        ("]", "not valid JSON (expected one object with a list of records under each name"),
        ("]} {", "not valid JSON (expected a comma or the one closing bracket after a record"),
        ("], 5", "not valid JSON (expected a name and a list of records"),
        (", 5]}", "expected a JSON object"),
        (', {"tokens": ["a"]}]}', "column missing or duplicate: h.0, t.0, h.2, t.2 (found: tokens, relation)"),
    ],
)
def test_a_broken_fewrel_file_is_an_error_that_names_the_record(tmp_path, end, problem):
    (tmp_path / "train.json").write_text('{"a": [' + json.dumps(FEWREL) + end)
    with pytest.raises(ReadError) as error:
        read_all(tmp_path / "train.json")
    assert "train.json:record 1" in str(error.value)
    assert problem in str(error.value)


def test_json_lines_that_begin_with_a_list_are_no_fewrel(tmp_path):
    lines(tmp_path / "train.jsonl", {"entities": [{"name": "TJQ"}], "tokens": TOKENS})
    assert not is_grouped(tmp_path / "train.jsonl")
    (tmp_path / "empty.json").write_text("")
    assert not is_grouped(tmp_path / "empty.json")


DEEPKE = "sentence,relation,head,head_offset,tail,tail_offset\n"


def test_deepke_has_starts_and_the_length_of_the_mention_gives_the_end(tmp_path):
    (tmp_path / "train.csv").write_text(f"{DEEPKE}{TEXT},airport of,TJQ,45,Tanjung Pandan,28\n")
    assert read_one(tmp_path) == (WANTED, {"rows in the form of DeepKE": 1})


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        ("44", "head is 'TJQ', but 44:47 of the text is ' TJ'"),
        ("51", "head is at 51:54, not a span of a text of 52 characters"),
        ("", "head_offset is null, not an integer"),
    ],
)
def test_a_start_at_which_the_mention_is_not_is_an_error(tmp_path, start, problem):
    (tmp_path / "train.csv").write_text(f"{DEEPKE}{TEXT},airport of,TJQ,{start},Tanjung Pandan,28\n")
    with pytest.raises(ReadError, match=rf"train\.csv:row 0: {problem}"):
        read_all(tmp_path)


def test_a_start_of_minus_one_is_a_mention_that_is_not_in_the_text(tmp_path):
    (tmp_path / "train.csv").write_text(f"{DEEPKE}{TEXT},airport of,Garuda,-1,Tanjung Pandan,28\n")
    example, counts = read_one(tmp_path)
    assert (example[1], example[3], counts["mention not found"]) == ("Garuda", (-1, -1, 28, 42), 1)


def test_a_text_and_tokens_are_ambiguous_until_one_is_named(tmp_path):
    lines(tmp_path / "train.jsonl", CHARACTERS | {"token": TOKENS})
    with pytest.raises(ReadError, match=r"token and text may both be .*; name one of them in benchmarks\.own\.columns"):
        read_all(tmp_path)
    columns = {"text": "text", "head_span": "h.pos", "tail_span": "t.pos", "relation": "relation"}
    assert read_one(tmp_path, columns) == (WANTED, {})


@pytest.mark.parametrize(
    "columns",
    [
        {"tokens": "words", "head_span": "a.at", "tail_span": "b.at"},
        {"tokens": "words", "head_start": "a.at.0", "head_end": "a.at.1", "tail_start": "b.at.0", "tail_end": "b.at.1"},
        {"tokens": "words", "head": "a.name", "tail": "b.name", "head_span": "a.at", "tail_span": "b.at"},
    ],
)
def test_token_positions_may_have_any_names(tmp_path, columns):
    a, b = {"name": "tjq", "at": [7, 8]}, {"name": "TanjungPandan", "at": [4, 6]}
    lines(tmp_path / "train.jsonl", {"words": TOKENS, "a": a, "b": b, "link": "airport of"})
    example, counts = read_one(tmp_path, columns | {"relation": "link"})
    assert example == WANTED
    assert counts == ({"mention spelt otherwise than its tokens": 2} if "head" in columns else {})


def test_tokens_without_positions_are_searched_for_the_mentions(tmp_path):
    lines(tmp_path / "train.jsonl", OPENNRE)
    columns = {"tokens": "token", "head": "h.name", "tail": "t.name", "relation": "relation"}
    assert read_one(tmp_path, columns) == (WANTED, {})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"token": "a b"}, "the tokens are 'a b', not a list of strings"),
        ({"token": []}, r"the tokens are \[\], not a list of strings"),
        ({"token": ["a", 1]}, r"the tokens are \['a', 1\], not a list of strings"),
        ({"h": {"name": "TJQ", "pos": [7, 7]}}, "a mention is at 7:7, not a span of 10 tokens"),
        ({"h": {"name": "TJQ", "pos": [9, 11]}}, "a mention is at 9:11, not a span of 10 tokens"),
        ({"h": {"name": "TJQ", "pos": [7]}}, r"a position is \[7\], expected \[start, end\] or"),
        ({"h": {"name": "TJQ", "pos": [True, 2]}}, r"a position is \[True, 2\], expected \[start, end\] or"),
        ({"h": {"name": "TJQ", "pos": [[6, 8]]}}, r"a position is \[\[6, 8\]\], expected"),
        ({"h": {"name": "TJQ", "pos": [[]]}}, r"a position is \[\[\]\], expected"),
        # The end is exclusive: one that is not would cut every mention, which its name shows.
        ({"t": {"name": "Tanjung Pandan", "pos": [4, 5]}}, "tail is 'Tanjung Pandan', but 28:35 of the text is 'Tan"),
        ({"h": {"name": None, "pos": [7, 8]}}, "h.name is null, not a string"),
    ],
)
def test_a_wrong_position_is_an_error(tmp_path, change, problem):
    lines(tmp_path / "train.jsonl", OPENNRE, OPENNRE | change)
    with pytest.raises(ReadError, match=rf"train\.jsonl:row 1: {problem}"):
        read_all(tmp_path)


def test_indices_of_tokens_are_no_positions_in_a_text(tmp_path):
    lines(tmp_path / "train.jsonl", CHARACTERS | {"h": {"name": "TJQ", "pos": [[45]]}})
    with pytest.raises(ReadError, match=r"row 0: a position is \[\[45\]\], expected \[start, end\]$"):
        read_all(tmp_path)


def test_a_token_position_may_be_absent(tmp_path):
    lines(tmp_path / "train.jsonl", OPENNRE | {"h": {"name": "Garuda", "pos": [-1, -1]}})
    assert read_one(tmp_path)[0][3] == (-1, -1, 28, 42)


@pytest.mark.parametrize(
    ("text", "markers", "wanted"),
    [
        ("<< Aspirin >> inhibits [[ COX ]] .", MARKED, "Aspirin inhibits COX ."),
        ("[[ COX ]] needs <<Aspirin>>.", MARKED, "COX needs Aspirin."),
        ("<e1>Ada</e1> met <e2>Bo</e2>", {"head": ["<e1>", "</e1>"], "tail": ["<e2>", "</e2>"]}, "Ada met Bo"),
        ("[E1] Ada [/E] met [E2] Bo [/E]", {"head": ["[E1]", "[/E]"], "tail": ["[E2]", "[/E]"]}, "Ada met Bo"),
        ("@ Ada @ met # Bo # .", {"head": ["@", "@"], "tail": ["#", "#"]}, "Ada met Bo ."),
        ("a <<b>> c <<< d >>> e", {"head": ["<<<", ">>>"], "tail": ["<<", ">>"]}, "a b c d e"),
        ("@GENE$ binds @CHEMICAL$.", {"head": ["@CHEMICAL$"], "tail": ["@GENE$"]}, "@GENE$ binds @CHEMICAL$."),
    ],
)
def test_markers_leave_the_text_and_give_the_spans(text, markers, wanted):
    stripped, head, tail = strip_markers(text, markers)
    mentions = stripped[slice(*head)], stripped[slice(*tail)]
    assert stripped == wanted
    assert mentions in {("Aspirin", "COX"), ("Ada", "Bo"), ("d", "b"), ("@CHEMICAL$", "@GENE$")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Aspirin inhibits [[ COX ]] .", "marker missing: <<, >>"),
        ("<< Aspirin inhibits [[ COX ]] .", "marker missing: >>"),
        ("<< a >> [[ b ]] [[ c ]]", r"marker found too often: \[\[, \]\]"),
        ("<< a [[ b ]] >>", "markers nested or out of order"),
        (">> a << [[ b ]]", "markers nested or out of order"),
        ("<< >> [[ b ]]", "no mention between the markers"),
    ],
)
def test_other_texts_are_rejected(text, problem):
    with pytest.raises(RejectedRecord, match=problem):
        strip_markers(text, MARKED)


def test_rejected_rows_are_counted_with_the_place_of_the_first(tmp_path):
    texts = ["<< a >> [[ b ]]", "<< a >> b", "a [[ [[ b ]]", "<< c >> d", "[[ d ]] << c >>", "<< e >> [[ f ]]"]
    lines(tmp_path / "train.jsonl", *({"text": text, "label": f"r{n}"} for n, text in enumerate(texts)))
    examples, counts = read_all(tmp_path, ABSTRACT, markers=MARKED)
    assert [(e.id, e.relation) for e in examples] == [(f"own/train/{n}", f"r{n}") for n in (0, 4, 5)]
    assert counts == {
        "row rejected, marker missing: [[, ]] (first: train.jsonl, row 1)": 2,
        "row rejected, marker missing: <<, >> (first: train.jsonl, row 2)": 1,
    }


def test_markers_that_most_rows_lack_are_an_error(tmp_path):
    lines(tmp_path / "train.jsonl", *({"text": text, "label": "r"} for text in ("<< a >> [[ b ]]", "a b", "c d")))
    with pytest.raises(ReadError, match=r"most of the 3 rows are rejected: 2 × row .*benchmarks\.own\.markers"):
        read_all(tmp_path, ABSTRACT, markers=MARKED)


def test_markers_may_be_tokens(tmp_path):
    lines(tmp_path / "train.jsonl", {"words": ["[E1]", "Ada", "[/E1]", "met", "[E2]", "Bo", "[/E2]"], "label": "r"})
    markers = {"head": ["[E1]", "[/E1]"], "tail": ["[E2]", "[/E2]"]}
    example, _ = read_one(tmp_path, {"tokens": "words", "relation": "label"}, markers=markers)
    assert example == ("Ada met Bo", "Ada", "Bo", (0, 3, 8, 10), "r")


def test_columns_of_mentions_and_markers_exclude_each_other(tmp_path):
    with pytest.raises(ReadError, match=r"head, tail and markers exclude each other; keep one way"):
        read_all(tmp_path, ABSTRACT | {"head": "a", "tail": "b"}, markers=MARKED)
    with pytest.raises(ReadError, match=r"text, tokens exclude each other"):
        read_all(tmp_path, ABSTRACT | {"head": "a", "tail": "b", "tokens": "c"})


@pytest.mark.parametrize(
    ("named", "required"),
    [
        (["text", "relation", "head", "head_start", "tail_start"], ["text", "relation", *("head_start", "head_end")]),
        (["tokens", "head_start", "tail_start", "head", "tail"], ["tokens", "relation", "head_start", "head_end"]),
        (["text", "relation", "head", "tail", "head_start", "tail_start"], ["text", "relation", "head", "tail"]),
        (["tokens", "head_span"], ["tokens", "relation", "head_span", "tail_span"]),
    ],
)
def test_starts_suffice_where_the_mention_has_a_column(named, required):
    assert required_columns(named)[:4] == required


def test_two_ways_to_give_positions_conflict():
    assert conflicting_columns(["text", "head_span", "tail_span", "head", "tail"]) == []
    assert conflicting_columns(["text", "head_span", "tail_end"]) == ["tail_end", "head_span"]


def test_other_records_have_no_form():
    assert recognise(["text", "entity1", "entity2", "relation"]) is None
    assert plain_record({"text": "a", "head": "b"}) == {}
    assert resolve({"text": "a", "head": None}, None, Counter()) == {"text": "a", "head": None}


def test_a_hub_copy_with_further_columns_stays_one(tmp_path):
    with (tmp_path / "train.csv").open("w", newline="") as file:
        fields = ["text", "h", "t", "entity1", "entity2", "relation"]
        csv.writer(file).writerows([fields, ["Ada met Bo", "x", "y", "Ada", "Bo", "met"]])
    assert read_one(tmp_path) == (("Ada met Bo", "Ada", "Bo", (0, 3, 8, 10), "met"), {})


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_tokens_and_spans_of_tables_are_lists(tmp_path, suffix):
    table = pa.table({"words": [TOKENS], "h": [[7, 8]], "t": [[4, 6]], "label": ["airport of"]})
    if suffix == "parquet":
        pq.write_table(table, tmp_path / "train.parquet")
    else:
        with pa.OSFile(str(tmp_path / "train.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    columns = {"tokens": "words", "head_span": "h", "tail_span": "t", "relation": "label"}
    assert read_one(tmp_path, columns)[0] == WANTED


def test_markers_are_removed_from_texts_in_quotation_marks(tmp_path):
    (tmp_path / "train.tsv").write_text('text\tlabel\n"<< Ada >> ""met"" [[ Bob ]]."\tmet\n')
    example, _ = read_one(tmp_path, ABSTRACT, markers=MARKED)
    assert example == ('Ada "met" Bob.', "Ada", "Bob", (0, 3, 10, 13), "met")
    example, _ = read_one(tmp_path, ABSTRACT, markers=MARKED, quoting="none")
    assert example[0] == '"Ada ""met"" Bob."'
