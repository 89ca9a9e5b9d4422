"""Quotation marks in TSV: the dialect that a file's cells show, and files as pandas, csv and others write them."""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from mixtune.data.example import ReadError
from mixtune.data.readers.hub_copy import is_hub_copy, read
from mixtune.data.readers.quoting import Unquoting, is_quoted

COLUMNS = ["text", "entity1", "entity2", "relation"]
TEXTS = [
    'He said "Ada lives in London" twice.',
    '"Ada lives in London."',
    "Ada lives\tin London.",
    "Ada lives\nin London.",
    '"',
    "Yes, Ada lives in London.",
    'An unbalanced " mark: Ada, London',
]


def rows(*texts: str) -> pd.DataFrame:
    return pd.DataFrame([(f"{text} Ada London", "Ada", "London", "lives in") for text in texts], columns=COLUMNS)


def texts(folder: Path, quoting: str | None = None) -> list[str]:
    return [e.text for e in read(folder, "own", "train", Counter(), quoting=quoting)]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_tsv_file_of_pandas_is_read_as_it_was_written(tmp_path, quoting, index, end):
    frame = rows(*TEXTS)
    frame.to_csv(tmp_path / "train.tsv", sep="\t", quoting=quoting, index=index, lineterminator=end)
    assert is_hub_copy(tmp_path, {})
    assert texts(tmp_path) == list(frame["text"])


@pytest.mark.parametrize("text", [text for text in TEXTS if '"' in text or "\t" in text or "\n" in text])
def test_one_quoted_cell_is_enough(tmp_path, text):
    frame = rows("Ada is in London.", text)
    frame.to_csv(tmp_path / "train.tsv", sep="\t", index=False)
    assert texts(tmp_path) == list(frame["text"])


@pytest.mark.parametrize(
    "plain",
    [
        ['He said "Ada is in London.'],
        ['"Ada is in London.', 'So he said."'],  # a quotation over two sentences
        ['"Ada is in London.', "And then:", 'so he said."', 'A "b" c.'],
        ['"Ada is in London."'],
        ['"Ada is in London."', 'He said "yes".'],
        ['""Ada"" is in London.'],
        ['5" or 6"'],
        ['"Yes, Ada is in London."', 'He said "yes".'],
    ],
)
def test_plain_marks_are_part_of_the_text(tmp_path, plain):
    lines = ["\t".join(COLUMNS), *("\t".join([text, "Ada", "London", "lives in"]) for text in plain)]
    (tmp_path / "train.tsv").write_text("\n".join(lines), encoding="utf-8")
    assert texts(tmp_path) == plain


def write_plain(folder: Path, *plain: str) -> None:
    lines = ["\t".join(COLUMNS), *("\t".join([text, "Ada", "London", "lives in"]) for text in plain)]
    (folder / "train.tsv").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (['"Yes, Ada is in London."'], "2: quotation marks around a cell, which its text may contain or not; set"),
        (['a "b" c', '"He said ""yes""."'], "3: quotation marks as in CSV, but plain ones in line 2; set"),
        (['"He said ""yes""."', "a", '"cut off'], "2: quotation marks as in CSV, but plain ones in line 4; set"),
    ],
)
def test_unclear_marks_are_an_error_that_names_the_key(tmp_path, lines, problem):
    write_plain(tmp_path, *lines)
    with pytest.raises(ReadError, match=rf"train\.tsv:{problem} benchmarks\.<name>\.quoting to csv .* or none"):
        texts(tmp_path)
    assert texts(tmp_path, "none") == lines
    if "cut" not in lines[-1] and '" c' not in lines[0]:
        assert texts(tmp_path, "csv") == ["Yes, Ada is in London."]


def test_a_broken_row_is_found_in_either_dialect(tmp_path):
    frame = rows(TEXTS[0], TEXTS[2])
    frame.to_csv(tmp_path / "train.tsv", sep="\t", index=False)
    with (tmp_path / "train.tsv").open("a") as file:
        file.write("Ada\tLondon\tlives in\n")
    with pytest.raises(ReadError, match=r"train\.tsv:row 2 or later: .*3 cells under 4 column names, in line 4"):
        texts(tmp_path)
    with pytest.raises(ReadError, match=r"train\.tsv:3: 5 cells under 4 column names"):
        texts(tmp_path, "none")


def test_csv_may_have_plain_marks_by_config(tmp_path):
    (tmp_path / "train.csv").write_text(f'{",".join(COLUMNS)}\n"Ada is in London,Ada,London,in\n')
    with pytest.raises(ReadError, match="unexpected end of data"):
        texts(tmp_path)
    assert texts(tmp_path, "none") == ['"Ada is in London']


@pytest.mark.parametrize("text", ["Ada; London", 'He said "Ada", then London.', "Ada\nLondon"])
def test_csv_of_excel_may_be_separated_by_semicolons(tmp_path, text):
    frame = rows(text)
    frame.to_csv(tmp_path / "train.csv", sep=";", index=False, encoding="utf-8-sig", lineterminator="\r\n")
    assert is_hub_copy(tmp_path, {})
    assert texts(tmp_path) == list(frame["text"])


@pytest.mark.parametrize(("form", "mark"), [("utf-16", "UTF-16, e.g. of Excel's 'Unicode Text'"), ("gzip", "gzip")])
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
def test_a_file_that_is_no_text_is_an_error_that_names_its_form(tmp_path, form, mark, suffix):
    options = {"compression": "gzip"} if form == "gzip" else {"encoding": form}
    rows("a").to_csv(tmp_path / f"train{suffix}", sep="\t", **options)
    with pytest.raises(ReadError, match=rf"train\{suffix}:1: not UTF-8 but (compressed by )?{mark}"):
        texts(tmp_path)


def test_lines_are_read_once_each_however_far_the_next_mark_is(tmp_path):
    plain = ['"odd', *["even"] * 50_000] * 3
    lines = enumerate(["text\tlabel", *(f"{text}\tx" for text in plain)], 1)
    assert is_quoted(tmp_path, lines) is False


def test_a_stream_is_judged_by_its_rows_so_far():
    unquote = Unquoting()
    assert unquote(["Ada", "b"], 2) == ["Ada", "b"]
    with pytest.raises(ValueError, match="which its text may contain or not; set --quoting csv"):
        unquote(['"Yes, Ada."', "b"], 3)
    assert unquote(['"He said ""Ada""."', "b"], 4) == ['He said "Ada".', "b"]
    assert unquote(['"Yes, Ada."', "b"], 5) == ["Yes, Ada.", "b"]
    with pytest.raises(ValueError, match=r"both as in CSV and as plain characters \(see line 4\); set --quoting csv"):
        unquote(['He said "Ada".', "b"], 6)
    with pytest.raises(ValueError, match=r"see line 7\)"):
        Unquoting()(['"He said ""Ada""."', '"b"'], 7)
    plain = Unquoting()
    assert plain(['He said "Ada".', "b"], 2) == ['He said "Ada".', "b"]
    assert plain(['"Yes, Ada."', "b"], 3) == ['"Yes, Ada."', "b"]
