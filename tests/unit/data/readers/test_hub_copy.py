import csv
import json
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtune.data.example import Example, MissingSplit, ReadError, text_group
from mixtune.data.readers.hub_copy import is_hub_copy, read

TEXT = "Ann Ek was born in Lund."
ROW = {"text": TEXT, "entity1": "Ann Ek", "entity2": "Lund", "relation": "NA"}
ONE_SHARD = "data/train-00000-of-00001"


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
        lines = [list(rows[0]), *([row.get(name) or "" for name in rows[0]] for row in rows)]
        path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_all(folder: Path, split: str = "train", **options) -> tuple[list[Example], Counter]:
    counts: Counter[str] = Counter()
    return list(read(folder, "gids", split, counts, **options)), counts


FORMATS = pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl", ".json"])


@FORMATS
def test_a_row_gives_the_exact_example(tmp_path, suffix):
    write(tmp_path / (ONE_SHARD + suffix), ROW | {"entity1Type": "PER", "entity2Type": "", "prompt_0_shot": "x"})
    examples, counts = read_all(tmp_path)
    assert examples == [
        Example(
            id="gids/train/0",
            benchmark="gids",
            split="train",
            text=TEXT,
            head="Ann Ek",
            tail="Lund",
            head_start=0,
            head_end=6,
            tail_start=19,
            tail_end=23,
            head_type="PER",
            tail_type="",
            relation="NA",
            group=text_group(TEXT),
        )
    ]
    assert not counts
    assert is_hub_copy(tmp_path, {})


@FORMATS
@pytest.mark.parametrize("label", ["NA", "None", "nan", "null", "n/a", "1"])
def test_null_label_words_stay_words(tmp_path, suffix, label):
    write(tmp_path / f"train{suffix}", ROW | {"relation": label})
    (example,), _ = read_all(tmp_path, negative="Other")
    assert example.relation == label


@FORMATS
def test_null_is_the_negative_label_and_counted(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", ROW | {"relation": None, "entity1Type": None, "entity2Type": "LOC"}, ROW)
    examples, counts = read_all(tmp_path, negative="NA")
    assert [(e.relation, e.head_type) for e in examples] == [("NA", "")] * 2
    assert counts == {"relation was null, read as NA": 1}


@FORMATS
def test_null_without_a_negative_label_is_an_error(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", ROW, ROW | {"relation": None})
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 1: relation is null, and this benchmark has no"):
        read_all(tmp_path)


def test_types_may_be_null_throughout(tmp_path):
    write(tmp_path / "train.parquet", ROW | {"entity1Type": None, "entity2Type": None})
    (example,), _ = read_all(tmp_path)
    assert (example.head_type, example.tail_type) == ("", "")


@FORMATS
def test_rows_are_numbered_over_the_shards_in_sorted_order(tmp_path, suffix):
    for shard in (1, 0, 2):
        rows = [ROW | {"relation": f"label {shard}.{row}"} for row in range(2)]
        write(tmp_path / f"data/train-0000{shard}-of-00003{suffix}", *rows)
    examples, _ = read_all(tmp_path)
    assert [e.id for e in examples] == [f"gids/train/{row}" for row in range(6)]
    assert [e.relation for e in examples] == [f"label {s}.{r}" for s in range(3) for r in range(2)]


def test_an_error_names_the_shard_and_its_row(tmp_path):
    write(tmp_path / "data/train-00000-of-00002.parquet", ROW, ROW)
    write(tmp_path / "data/train-00001-of-00002.parquet", ROW, ROW | {"entity2": None})
    with pytest.raises(ReadError, match=r"train-00001-of-00002\.parquet:row 1: entity2 is null, not a string"):
        read_all(tmp_path)


def test_many_batches_are_read_as_one(tmp_path):
    write(tmp_path / "train.parquet", *[ROW | {"relation": str(row)} for row in range(2500)])
    examples, _ = read_all(tmp_path)
    assert [e.relation for e in examples] == [str(row) for row in range(2500)]


def test_a_missing_shard_is_an_error(tmp_path):
    write(tmp_path / "data/train-00001-of-00002.parquet", ROW)
    with pytest.raises(ReadError, match=r"shards are missing or mixed \(data/train-00001-of-00002\.parquet\)"):
        read_all(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["train.parquet", "data/train-00000-of-00001.parquet"],
        ["train.csv", "train.parquet"],
        ["train.csv", "train.tsv"],
        ["train.csv", "train-extra.csv"],
    ],
)
def test_a_split_that_is_there_twice_is_an_error(tmp_path, names):
    for name in names:
        write(tmp_path / name, ROW)
    with pytest.raises(ReadError, match=r"duplicate files of split 'train' .* keep one set of files"):
        read_all(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.parquet", "train"),
        ("data/validation-00000-of-00001.parquet", "validation"),
        ("dev.csv", "validation"),
        ("dev.tsv", "validation"),
        ("data/test-00000-of-00001.tsv", "test"),
        ("val-00000-of-00001-8f2c.jsonl", "validation"),
        ("data/test.json", "test"),
        ("subsampled/test-00000-of-00001.parquet", "test"),
        ("subsampled/test/0000.parquet", "test"),
        ("data/subsampled/validation.csv", "validation"),
        ("test/0000.parquet", "test"),
    ],
)
def test_the_usual_places_are_found(tmp_path, name, split):
    write(tmp_path / name, ROW)
    (example,), _ = read_all(tmp_path, split)
    assert example.id == f"gids/{split}/0"
    others = {"train", "validation", "test"} - {split}
    for other in others:
        with pytest.raises(MissingSplit, match=rf"split '{other}' not found \(looked for: data/{other}-"):
            read_all(tmp_path, other)


@pytest.mark.parametrize("name", ["train_0.csv", "m2_train.tsv", "data/retrain.csv", ".cache/train.csv", "README.md"])
def test_other_files_are_no_split(tmp_path, name):
    write(tmp_path / name, ROW)
    assert not is_hub_copy(tmp_path, {})
    with pytest.raises(MissingSplit):
        read_all(tmp_path)


def test_several_configs_must_be_chosen_from(tmp_path):
    write(tmp_path / "data/test-00000-of-00001.parquet", ROW)
    write(tmp_path / "subsampled/test-00000-of-00001.parquet", ROW | {"relation": "few"})
    with pytest.raises(ReadError, match="several configs; set `config` to one of: default, subsampled"):
        read_all(tmp_path, "test")
    with pytest.raises(ReadError, match="unknown config 'small'; set `config` to one of: default, subsampled"):
        read_all(tmp_path, "test", config="small")
    assert read_all(tmp_path, "test", config="default")[0][0].relation == "NA"
    assert read_all(tmp_path, "test", config="subsampled")[0][0].relation == "few"
    with pytest.raises(MissingSplit):
        read_all(tmp_path, "train", config="subsampled")


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_no_files_at_all(tmp_path, folder):
    assert not is_hub_copy(tmp_path / folder, {})
    with pytest.raises(MissingSplit):
        read_all(tmp_path / folder, config="subsampled")


@FORMATS
def test_a_missing_column_is_an_error_that_lists_the_others(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", {"text": TEXT, "entity1": "Ann Ek", "relation": "NA"})
    assert is_hub_copy(tmp_path, {})
    found = r"column missing or duplicate: entity2 \(found: text, entity1, relation\)"
    with pytest.raises(ReadError, match=rf"train\{suffix}:?1?: {found}"):
        read_all(tmp_path)


def test_a_missing_column_of_a_file_without_rows_is_an_error(tmp_path):
    (tmp_path / "train.csv").write_text("text,relation\n", encoding="utf-8")
    with pytest.raises(ReadError, match="column missing or duplicate: entity1, entity2"):
        read_all(tmp_path)


def test_white_space_around_mentions_is_stripped_and_counted(tmp_path):
    write(tmp_path / "train.csv", ROW | {"entity1": " Ann Ek", "entity2": "Lund\n"}, ROW)
    examples, counts = read_all(tmp_path)
    assert [(e.head, e.tail, e.head_start, e.tail_start) for e in examples] == [("Ann Ek", "Lund", 0, 19)] * 2
    assert counts == {"mention had white space around it": 2}


def test_mentions_are_searched_and_what_is_odd_counted(tmp_path):
    twice = {"text": "Lund, said Lund.", "entity1": "Lund", "entity2": "Lund", "relation": "r"}
    write(tmp_path / "train.jsonl", twice, ROW | {"entity1": "she"})
    (first, second), counts = read_all(tmp_path)
    assert (first.head_start, first.tail_start) == (0, 11)
    assert (second.head_start, second.head_end, second.tail_start) == (-1, -1, 19)
    assert counts == {"mention found more than once": 2, "mention not found": 1}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_blank_lines_are_no_rows_and_counted(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", ROW, ROW)
    text = (tmp_path / f"train{suffix}").read_bytes()
    (tmp_path / f"train{suffix}").write_bytes(text.rstrip().replace(b"\n", b"\n\r\n") + b"\n\n")
    examples, counts = read_all(tmp_path)
    assert [e.id for e in examples] == ["gids/train/0", "gids/train/1"]
    assert counts == {"blank lines": 2 if suffix == ".jsonl" else 3}  # the header's line has one behind it, too


def test_csv_cells_may_hold_commas_quotes_and_line_ends(tmp_path):
    text = 'Ann Ek, "born"\r\n\r\nin Lund'
    write(tmp_path / "train.csv", ROW | {"text": text})
    (example,), _ = read_all(tmp_path)
    assert example.text == text


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("text", None, "text is null, not a string"),
        ("text", " ", "text is empty"),
        ("entity1", "", "head is empty"),
        ("entity2", 3, "entity2 is 3, not a string"),
        ("relation", 4, "relation is 4, not a string"),
        ("relation", "", "relation is empty"),
        ("entity1Type", ["PER"], r"entity1Type is \['PER'\], not a string"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_a_broken_row_is_named_by_file_and_row(tmp_path, suffix, column, value, problem):
    write(tmp_path / f"train{suffix}", ROW | {column: value})
    with pytest.raises(ReadError, match=rf"train\{suffix}:row 0: {problem}"):
        read_all(tmp_path, negative="NA")


def test_text_that_is_no_unicode_is_an_error(tmp_path):
    write(tmp_path / "train.jsonl", ROW | {"text": "Ann Ek \ud800 Lund"})
    with pytest.raises(ReadError, match=r"train\.jsonl:row 0: .*surrogates not allowed"):
        read_all(tmp_path)


HEADER = b"text,entity1,entity2,relation\n"
TABS = HEADER.replace(b",", b"\t")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("train.parquet", b"PAR1 and no more", r"row 0 or later: broken \.parquet file"),
        ("train.csv", HEADER + b"a b,a,b,r\na b,a,b\n", "row 1 or later: .*3 cells under 4 column names"),
        ("train.csv", HEADER + b"a b,a,b,r\n\xff,a,b,r\n", r"row \d or later: .*can't decode byte 0xff"),
        ("train.csv", HEADER + b'"a b,a,b,r\n', "row 0 or later: .*unexpected end of data"),
        ("train.csv", HEADER[:-1] + b",text\na b,a,b,r,c\n", "column missing or duplicate: text"),
        ("train.csv", b"", "column missing or duplicate: text, entity1, entity2, relation"),
        ("train.csv", HEADER, "split 'train' holds no row; is the file truncated"),
        ("train.tsv", TABS + b"a b\ta\tb\tr\n\na b\ta\tb\n", "4: 3 cells under 4 column names"),
        ("train.tsv", TABS + b"a b\ta\tb\tr\tc\n", "2: 5 cells under 4 column names"),
        ("train.tsv", TABS + b"a b\ta\tb\tr\n\xff\ta\tb\tr\n", "3: not UTF-8"),
        ("train.tsv", TABS.decode().encode("utf-16"), "1: not UTF-8"),
        ("train.tsv", TABS[:-1] + b"\ttext\na b\ta\tb\tr\tc\n", "column missing or duplicate: text"),
        (
            "train.tsv",
            HEADER + b"a b,a,b,r\n",
            r"column missing or duplicate: .* \(found: text,entity1,entity2,relation\)",
        ),
        ("train.tsv", b"", "column missing or duplicate: text, entity1, entity2, relation"),
        ("train.tsv", TABS, "split 'train' holds no row; is the file truncated"),
        ("train.jsonl", b"", "split 'train' holds no row; is the file truncated"),
        ("train.json", b'[{"text": "a b"}]', "1: column missing or duplicate: entity1, entity2, relation"),
        ("train.json", b"\n[\n7]", "3: expected one JSON object per line, or one array of objects"),
        ("train.json", b'[{"text": "a b", "entity1"', "record 0: not valid JSON"),
        ("train.jsonl", b'{"text": "a b", "entity1"', "1: not valid JSON"),
        ("train.jsonl", b"\n[1]\n", "2: expected one JSON object per line"),
        ("train.jsonl", b'{"text": "\xff"}\n', "1: not UTF-8"),
        ("train.jsonl", b'{"text": ' + b"[" * 100_000, "row 0 or later: .*recursion"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    is_hub_copy(tmp_path, {})
    with pytest.raises(ReadError, match=rf"{name}:? ?{problem}"):
        read_all(tmp_path)


def test_parquet_strings_that_are_not_utf8_are_an_error(tmp_path):
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    columns = {"text": broken} | {name: pa.array([ROW[name]]) for name in ("entity1", "entity2", "relation")}
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    with pytest.raises(ReadError, match=r"train\.parquet:row 0 or later: broken"):
        read_all(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.json", '[{"token": ["a"], "subj_start": 0}]'),
        ("dev.json", '[\n {"tokens": ["a"], "entities": []}\n]'),
        ("dev.json", '[\n {"text": "a", "triple_list": []}\n]'),
        ("dev.json", '["entity1"]'),
        ("train.jsonl", '{"title": "a", "text": "b", "triples": []}\n'),
        ("test.csv", "sentence,relation\n"),
        ("train.tsv", "/m/0a\t/m/0b\tAnn_Ek\tLund\tNA\tAnn_Ek of Lund . ###END###\n"),
        ("train.tsv", "sentence\trelation\tP1\twp_id\n<e1>Ann</e1> of <e2>Lund</e2>\tOther\te1\t1\n"),
        ("test.tsv", ""),
        ("test.json", ""),
        ("test.json", "{broken"),
    ],
)
def test_native_files_are_no_hub_copy(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert not is_hub_copy(tmp_path, {})


@pytest.mark.parametrize("name", ["train.tsv", "train.json", "train.csv"])
@pytest.mark.parametrize("start", ["", "[", '{"a": "', '"'])
def test_of_a_native_file_only_the_start_is_looked_at(tmp_path, name, start):
    with (tmp_path / name).open("wb") as file:
        file.write(start.encode())
        file.truncate(200_000_000)  # one line; of zeros, which take no space on the disk
    started = time.process_time()
    assert not is_hub_copy(tmp_path, {})
    assert time.process_time() - started < 1


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_json_array_is_read_as_json_lines(tmp_path, indent, mark):
    rows = [ROW, ROW | {"relation": "born in"}]
    (tmp_path / "train.json").write_text(mark + json.dumps(rows, indent=indent), encoding="utf-8")
    assert is_hub_copy(tmp_path, {})
    examples, counts = read_all(tmp_path)
    assert ([(e.id, e.relation) for e in examples], counts) == (
        [("gids/train/0", "NA"), ("gids/train/1", "born in")],
        {},
    )


def test_a_broken_record_of_an_array_is_named_by_its_line(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps([ROW, {"text": TEXT}], indent=1), encoding="utf-8")
    with pytest.raises(ReadError, match=r"train\.json:8: column missing or duplicate: entity1, entity2, relation"):
        read_all(tmp_path)


@pytest.mark.parametrize("name", ["Train.CSV", "DATA/train.csv", "train.JSONL", "train.ndjson", "TRAIN.PARQUET"])
def test_names_of_files_are_read_in_any_case(tmp_path, name):
    path = tmp_path / name.lower()
    write(path.with_suffix(".jsonl") if path.suffix == ".ndjson" else path, ROW)
    if path.suffix == ".ndjson":
        path.with_suffix(".jsonl").rename(path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    path.rename(tmp_path / name)
    assert is_hub_copy(tmp_path, {})
    assert read_all(tmp_path)[0][0].text == TEXT


@pytest.mark.parametrize("name", ["development.csv", "valid.tsv", "Dev.csv"])
def test_usual_names_of_the_validation_split_are_read(tmp_path, name):
    write(tmp_path / name, ROW)
    assert read_all(tmp_path, "validation")[0][0].text == TEXT


def test_an_integer_without_a_name_is_no_label(tmp_path):
    write(tmp_path / "train.jsonl", ROW | {"relation": 4})
    with pytest.raises(
        ReadError, match="relation is 4, not a string: an integer without a name; write its name, or a C"
    ):
        read_all(tmp_path)


def test_other_parquet_is_no_hub_copy_and_a_broken_one_may_be(tmp_path):
    write(tmp_path / "data/train-00000-of-00001.parquet", {"chunk": "a", "relations": "[]"})
    assert not is_hub_copy(tmp_path, {})
    (tmp_path / "data/test-00000-of-00001.parquet").write_bytes(b"cut off")
    assert is_hub_copy(tmp_path, {})
