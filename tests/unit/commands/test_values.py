"""Types of options: what they take, and what they refuse with a reason."""

import os
from argparse import ArgumentTypeError

import pytest

from mixtune.commands.values import input_file, number, output_file, output_path, whole_number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "inf", "", "²", "٣", "1e3", "x"])
def test_a_number_below_the_least_is_refused(text):
    with pytest.raises(ArgumentTypeError, match=r"is not possible; must be a whole number, at least 1"):
        whole_number(1)(text)
    assert whole_number(0)("007") == 7


@pytest.mark.parametrize("text", ["-0.5", "nan", "inf", "-inf", "", "x", "101"])
def test_a_number_out_of_its_range_is_refused(text):
    with pytest.raises(ArgumentTypeError, match=r"is not possible; must be a number from 0 to 100"):
        number(0, 100)(text)
    assert number(0, 100)("1e2") == 100


def test_files_and_folders_are_distinguished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for text in ("", ".", "nowhere"):
        with pytest.raises(ArgumentTypeError, match="not found"):
            input_file(text)
    for text in ("", ".", str(tmp_path)):
        with pytest.raises(ArgumentTypeError, match="is a folder; give the path of a file"):
            output_file(text)
    for parse in (output_file, output_path):
        with pytest.raises(ArgumentTypeError, match="file is a file, not a folder; choose another path"):
            parse("file/below/it")
        assert parse("new/folder/file").parts == ("new", "folder", "file")
    assert [input_file(name).name for name in ("file", "pipe")] == ["file", "pipe"]
    assert [output_file(name).name for name in ("file", "pipe")] == ["file", "pipe"]
