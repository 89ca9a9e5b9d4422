"""Tables whose columns have names of their own: the mapping, native ids, groups, offsets, nested objects."""

import csv
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mixtune.data.example import Example, ReadError, text_group
from mixtune.data.readers.hub_copy import read

ROOT = Path(__file__).parents[4]
TEXT = "A “heavy” dose of aspirin led to tinnitus."
COLUMNS = {"text": "sentence", "head": "drug", "tail": "disease", "relation": "link"}
ROW = {"sentence": TEXT, "drug": "aspirin", "disease": "tinnitus", "link": "causes"}
SPANS = {"head_start": "from", "head_end": "to", "tail_start": "from 2", "tail_end": "to 2"}
AT = {"from": 18, "to": 25, "from 2": 33, "to 2": 41}
WITHOUT_MENTIONS = {"text": "sentence", "relation": "link"} | SPANS
FORMATS = pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl"])


def write(path: Path, *rows: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".tsv":
        lines = [list(rows[0]), *(["" if cell is None else str(cell) for cell in row.values()] for row in rows)]
        path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_all(folder: Path, columns: dict, split: str = "train", **options) -> tuple[list[Example], Counter]:
    counts: Counter[str] = Counter()
    return list(read(folder, "drugs", split, counts, columns=columns, **options)), counts


def read_one(folder: Path, suffix: str, columns: dict, row: dict) -> tuple[Example, Counter]:
    write(folder / f"train{suffix}", row)
    (example,), counts = read_all(folder, columns)
    return example, counts


def spans(example: Example) -> tuple[int, int, int, int]:
    return example.head_start, example.head_end, example.tail_start, example.tail_end


@FORMATS
def test_named_columns_give_the_exact_example(tmp_path, suffix):
    assert read_one(tmp_path, suffix, COLUMNS, {"pmid": 7, **ROW, "text": "not ours"}) == (
        Example(
            id="drugs/train/0",
            benchmark="drugs",
            split="train",
            text=TEXT,
            head="aspirin",
            tail="tinnitus",
            head_start=18,
            head_end=25,
            tail_start=33,
            tail_end=41,
            head_type="",
            tail_type="",
            relation="causes",
            group=text_group(TEXT),
        ),
        {},
    )


@FORMATS
def test_all_that_can_be_named_is_read(tmp_path, suffix):
    columns = {"id": "n", "group": "paper", "head_type": "kind", "tail_type": "kind 2"} | SPANS | COLUMNS
    row = ROW | AT | {"n": "PMID:7.a", "paper": 7, "kind": "Chemical", "kind 2": None}
    example, counts = read_one(tmp_path, suffix, columns, row)
    assert (example.id, example.group) == ("drugs/train/PMID:7.a", "7")
    assert (example.head_type, example.tail_type) == ("Chemical", "")
    assert (example.head, example.tail, *spans(example)) == ("aspirin", "tinnitus", 18, 25, 33, 41)
    assert counts == {}


@FORMATS
@pytest.mark.parametrize("columns", [None, {}])
def test_without_names_a_hub_copys_are_taken(tmp_path, suffix, columns):
    write(tmp_path / f"train{suffix}", ROW)
    found = r"text, entity1, entity2, relation \(found: sentence, drug, disease, link\); name the columns in bench"
    with pytest.raises(ReadError, match=rf"train\{suffix}:?1?: column missing or duplicate: {found}"):
        read_all(tmp_path, columns)


@FORMATS
@pytest.mark.parametrize("ours", ["text", "head", "tail", "relation", "head_type", "id", "group"])
def test_a_named_column_that_is_not_there_is_an_error(tmp_path, suffix, ours):
    write(tmp_path / f"train{suffix}", ROW)
    with pytest.raises(ReadError, match=r"column missing or duplicate: Drug \(found: sentence, drug, disease, link\)"):
        read_all(tmp_path, COLUMNS | {ours: "Drug"})


def test_a_table_without_a_header_gives_no_long_message(tmp_path):
    (tmp_path / "train.tsv").write_text("x" * 1000 + "\t1\n", encoding="utf-8")
    with pytest.raises(
        ReadError, match=r"\(found: x{9,300} … x*, 1\); name the columns in benchmarks.<name>.columns"
    ) as error:
        read_all(tmp_path, COLUMNS)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"text": "sentence"}, "relation, head, tail"),
        ({"head": "drug", "tail": "disease"}, "text, relation"),
        ({"text": "sentence", "relation": "link", "tail": "disease"}, "head"),
        (COLUMNS | {"head_start": "from", "tail_end": "to"}, "head_end, tail_start"),
    ],
)
def test_names_that_the_mapping_lacks_are_reported(tmp_path, columns, missing):
    write(tmp_path / "train.tsv", ROW)
    with pytest.raises(
        ReadError, match=rf"no column is named for {missing}; add the files' names of them to benchmarks.drugs.columns"
    ):
        read_all(tmp_path, columns)


def test_tsv_has_no_quoting_and_any_line_end(tmp_path):
    text = '"A ""heavy"" dose of\u2028aspirin\x85led to tinnitus.'
    lines = ["sentence\tdrug\tlink\tdisease", f'{text}\taspirin\t"causes"\ttinnitus']
    (tmp_path / "train.tsv").write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    (example,), counts = read_all(tmp_path, COLUMNS)
    assert (example.text, example.relation, example.tail, counts) == (text, '"causes"', "tinnitus", {})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, suffix):
    write(tmp_path / "plain" / f"train{suffix}", ROW)
    (tmp_path / f"train{suffix}").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "plain" / f"train{suffix}").read_bytes())
    (tmp_path / "plain" / f"train{suffix}").unlink()
    assert read_all(tmp_path, COLUMNS)[0][0].text == TEXT


def test_csv_texts_may_be_long(tmp_path):
    example, _ = read_one(tmp_path, ".csv", COLUMNS, ROW | {"sentence": TEXT + " So it went on." * 20_000})
    assert len(example.text) == len(TEXT) + 300_000


@FORMATS
def test_negatives_may_be_null_and_labels_have_white_space(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", ROW | {"link": " causes "}, ROW | {"link": None})
    examples, counts = read_all(tmp_path, COLUMNS, negative="unrelated")
    assert [e.relation for e in examples] == ["causes", "unrelated"]
    assert counts == {"label had white space around it": 1, "relation was null, read as unrelated": 1}
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 1: link is null, and this benchmark has no negative"):
        read_all(tmp_path, COLUMNS)


NESTED = {
    "text": "text",
    "head": "subject.text",
    "tail": "object.surface.text",
    "head_type": "subject.type",
    "relation": "relation",
}
OBJECTS = {
    "text": TEXT,
    "subject": {"text": "aspirin", "type": "Chemical"},
    "object": {"surface": {"text": "tinnitus"}},
    "relation": "causes",
}


def test_json_columns_may_be_paths_into_objects(tmp_path):
    example, counts = read_one(tmp_path, ".jsonl", NESTED, OBJECTS)
    assert (example.head, example.tail, example.head_type, counts) == ("aspirin", "tinnitus", "Chemical", {})


def test_a_key_spelt_like_a_path_is_taken_before_the_path(tmp_path):
    example, _ = read_one(tmp_path, ".jsonl", NESTED, OBJECTS | {"subject.text": "dose"})
    assert example.head == "dose"


@pytest.mark.parametrize("subject", [None, "aspirin", ["text"], {}, {"name": "aspirin", "type": "Chemical"}])
def test_a_path_that_leads_nowhere_is_an_error(tmp_path, subject):
    write(tmp_path / "train.jsonl", OBJECTS, OBJECTS | {"subject": subject})
    there = "subject.name, subject.type" if subject and "name" in subject else "subject"
    missing = "subject.text" if subject and "name" in subject else "subject.text, subject.type"
    problem = rf"2: column missing or duplicate: {missing} \(found: text, {there}, object.surface.text, relation\)"
    with pytest.raises(ReadError, match=rf"train\.jsonl:{problem}"):
        read_all(tmp_path, NESTED)


def test_a_path_that_ends_at_an_object_is_an_error(tmp_path):
    write(tmp_path / "train.jsonl", OBJECTS)
    with pytest.raises(ReadError, match=r"train\.jsonl:row 0: subject is {.*}, not a string"):
        read_all(tmp_path, NESTED | {"head": "subject"})


@FORMATS
def test_ids_and_groups_are_kept_and_trimmed(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", *(ROW | {"n": n, "paper": paper} for n, paper in (("b", "p"), (" a", "p "))))
    examples, counts = read_all(tmp_path, COLUMNS | {"id": "n", "group": "paper"})
    assert [(e.id, e.group) for e in examples] == [("drugs/train/b", "p"), ("drugs/train/a", "p")]
    assert counts == {"id had white space around it": 1, "group had white space around it": 1}


@FORMATS
def test_numbers_are_ids_and_groups_too(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", *(ROW | {"n": n, "paper": 5} for n in (31, 0)))
    examples, _ = read_all(tmp_path, COLUMNS | {"id": "n", "group": "paper"})
    assert [(e.id, e.group) for e in examples] == [("drugs/train/31", "5"), ("drugs/train/0", "5")]


@FORMATS
def test_an_id_that_is_there_twice_is_an_error(tmp_path, suffix):
    write(tmp_path / f"train-00000-of-00002{suffix}", ROW | {"n": "a"}, ROW | {"n": "b"})
    write(tmp_path / f"train-00001-of-00002{suffix}", ROW | {"n": "c"}, ROW | {"n": "b"})
    with pytest.raises(ReadError, match=rf"train-00001-of-00002\{suffix}:row 1: duplicate n 'b' in this split"):
        read_all(tmp_path, COLUMNS | {"id": "n"})
    assert len(read_all(tmp_path, COLUMNS | {"group": "n"})[0]) == 4


def test_splits_may_number_their_rows_alike(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / f"{split}.tsv", ROW | {"n": 1})
        assert read_all(tmp_path, COLUMNS | {"id": "n"}, split)[0][0].id == f"drugs/{split}/1"


@FORMATS
@pytest.mark.parametrize("ours", ["id", "group"])
@pytest.mark.parametrize(("value", "problem"), [(None, "n is null, not a string"), (" ", "n is empty")])
def test_an_empty_id_or_group_is_an_error(tmp_path, suffix, ours, value, problem):
    write(tmp_path / f"train{suffix}", ROW | {"n": value})
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 0: {problem}"):
        read_all(tmp_path, COLUMNS | {ours: "n"})


@pytest.mark.parametrize("value", [True, 1.0, ["a"]])
def test_other_values_are_no_id(tmp_path, value):
    write(tmp_path / "train.jsonl", ROW | {"n": value})
    with pytest.raises(ReadError, match=r"train\.jsonl:row 0: n is .*, not a string"):
        read_all(tmp_path, COLUMNS | {"id": "n"})


@FORMATS
def test_with_offsets_the_mention_is_the_slice(tmp_path, suffix):
    text = "Aspirin, aspirin, tinnitus."
    row = {"sentence": text, "from": 9, "to": 16, "from 2": 18, "to 2": 26, "link": "causes"}
    example, counts = read_one(tmp_path, suffix, WITHOUT_MENTIONS, row)
    assert (example.head, example.tail, *spans(example)) == ("aspirin", "tinnitus", 9, 16, 18, 26)
    assert counts == {}


@FORMATS
def test_offsets_choose_among_occurrences(tmp_path, suffix):
    row = ROW | {"sentence": "aspirin, aspirin: tinnitus", "from": 9, "to": 16, "from 2": 18, "to 2": 26}
    example, counts = read_one(tmp_path, suffix, COLUMNS | SPANS, row)
    assert (*spans(example), counts) == (9, 16, 18, 26, {})


def test_one_mention_may_come_from_its_column_alone(tmp_path):
    columns = WITHOUT_MENTIONS | {"tail": "disease"}
    example, counts = read_one(tmp_path, ".tsv", columns, ROW | AT | {"disease": "ringing", "from 2": -1, "to 2": -1})
    assert (example.head, example.tail, *spans(example)) == ("aspirin", "ringing", 18, 25, -1, -1)
    assert counts == {"mention not found": 1}


def test_offsets_count_characters_not_bytes(tmp_path):
    row = {"sentence": "💊 é: aspirin, tinnitus", "from": 5, "to": 12, "from 2": 14, "to 2": 22, "link": "causes"}
    example, _ = read_one(tmp_path, ".jsonl", WITHOUT_MENTIONS, row)
    assert (example.head, example.tail) == ("aspirin", "tinnitus")


@FORMATS
@pytest.mark.parametrize(
    ("columns", "change", "head"),
    [
        (COLUMNS | SPANS, {"from": 17}, "aspirin"),
        (COLUMNS | SPANS, {"drug": " aspirin", "from": 17, "to": 26}, "aspirin"),
        (COLUMNS | SPANS, {"drug": "aspirin "}, "aspirin"),
        (WITHOUT_MENTIONS, {"from": 15}, "of aspirin"),
        (WITHOUT_MENTIONS, {"from": 17, "to": 26}, "aspirin"),
    ],
)
def test_offsets_move_with_white_space_that_is_stripped(tmp_path, suffix, columns, change, head):
    example, counts = read_one(tmp_path, suffix, columns, ROW | AT | change)
    assert (example.head, *spans(example)) == (head, 25 - len(head), 25, 33, 41)
    assert counts == ({} if head == "of aspirin" else {"mention had white space around it": 1})


def test_mentions_whose_offsets_overlap_are_counted(tmp_path):
    example, counts = read_one(tmp_path, ".csv", WITHOUT_MENTIONS, ROW | AT | {"from 2": 10, "to 2": 25})
    assert (example.head, example.tail, counts) == ("aspirin", "dose of aspirin", {"mentions overlap": 1})


@FORMATS
@pytest.mark.parametrize(
    ("columns", "change", "problem"),
    [
        (COLUMNS, {"from": 19}, "head is 'aspirin', but 19:25 of the text is 'spirin'"),
        (COLUMNS, {"disease": "Tinnitus"}, "tail is 'Tinnitus', but 33:41 of the text is 'tinnitus'"),
        (COLUMNS, {"from 2": -9, "to 2": -1}, "tail is at -9:-1, not a span of a text of 42 characters"),
        (COLUMNS, {"from": -1}, "head is at -1:25, not a span"),
        (COLUMNS, {"to 2": 43}, "tail is at 33:43, not a span"),
        (COLUMNS, {"from": 25, "to": 18}, "head is at 25:18, not a span"),
        (COLUMNS, {"from": 18, "to": 18}, "head is at 18:18, not a span"),
        (COLUMNS, {"from": None}, "from is null, not an integer"),
        (COLUMNS, {"drug": None}, "drug is null, not a string"),
        (WITHOUT_MENTIONS, {"from": 17, "to": 18}, "head is empty"),
        (WITHOUT_MENTIONS, {"from": -1, "to": -1}, "head is not in the text by its offsets, and no column holds it"),
    ],
)
def test_wrong_offsets_are_an_error(tmp_path, suffix, columns, change, problem):
    if suffix in (".csv", ".tsv") and problem.startswith("tail is at -9"):
        problem = "from 2 is '-9', not an integer"
    write(tmp_path / f"train{suffix}", ROW | AT, ROW | AT | change)
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 1: {problem}"):
        read_all(tmp_path, columns | SPANS)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("value", ["18.0", " 18", "+18", "x", "²", "١٨", "1" * 5000])
def test_offsets_are_written_in_digits(tmp_path, suffix, value):
    write(tmp_path / f"train{suffix}", ROW | AT | {"from": value})
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 0: from is '.*', not an integer"):
        read_all(tmp_path, COLUMNS | SPANS)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("value", ["18", 18.0, True])
def test_offsets_are_integers(tmp_path, suffix, value):
    write(tmp_path / f"train{suffix}", ROW | AT | {"from": value})
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 0: from is .*, not an integer"):
        read_all(tmp_path, COLUMNS | SPANS)


@pytest.mark.parametrize("column", ["sentence", "drug", "link", "n", "kind", "paper"])
def test_half_a_surrogate_pair_is_an_error_in_every_column(tmp_path, column):
    row = ROW | {"n": "a", "kind": "b", "paper": "c"}
    write(tmp_path / "train.jsonl", row | {column: row[column] + "\ud800"})
    with pytest.raises(ReadError, match=r"train\.jsonl:row 0: .*surrogates not allowed"):
        read_all(tmp_path, COLUMNS | {"id": "n", "head_type": "kind", "group": "paper"})


@FORMATS
def test_rows_are_streamed(tmp_path, suffix):
    rows = [ROW | {"sentence": f"{TEXT} {number} {'x' * 1000}"} for number in range(20_000)]
    write(tmp_path / f"train{suffix}", *rows)
    del rows
    tracemalloc.start()
    assert sum(1 for _ in read(tmp_path, "drugs", "train", Counter(), columns=COLUMNS)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000  # of 20 MB of texts


def test_the_worked_example_is_read():
    entry = yaml.safe_load((ROOT / "docs/examples/own_benchmark.yaml").read_text(encoding="utf-8"))["benchmarks"][
        "drugs"
    ]
    assert entry["path"] == "docs/examples/own_benchmark"
    labels = {}
    for split in ("train", "test"):
        examples, counts = read_all(ROOT / entry["path"], entry["columns"], split, negative=entry["negative"])
        assert counts == {}
        labels[split] = Counter(e.relation for e in examples)
    assert labels == {
        "train": {"treats": 5, "causes": 4, "unrelated": 3},
        "test": {"treats": 2, "causes": 1, "unrelated": 1},
    }
