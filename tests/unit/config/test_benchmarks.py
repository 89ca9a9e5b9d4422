"""Options and files of readers."""

import pytest

from mixtune.config.config import load
from tests.unit.config.problems import problems


def test_options_of_reading_reach_the_reader(raw):
    raw["benchmarks"]["re_docred"] |= {"unit": "document", "negative_share": 0.1}
    columns = {"text": "sentence", "relation": "link", "head": "a", "tail": "b"}
    raw["benchmarks"]["gids"] |= {"columns": columns}
    config = load(raw)
    assert config.benchmarks["re_docred"].options() == {"unit": "document", "negative_share": 0.1}
    assert config.benchmarks["gids"].options() == {"columns": columns}
    assert config.benchmarks["conll04"].options() == {}


@pytest.mark.parametrize("quoting", ["none", "csv"])
def test_quoting_reaches_the_reader(raw, quoting):
    raw["benchmarks"]["gids"] |= {"quoting": quoting}
    assert load(raw).benchmarks["gids"].options() == {"quoting": quoting}
    raw["benchmarks"]["gids"] |= {"quoting": "quotes"}
    (found,) = problems(raw)
    assert found.startswith("benchmarks.gids.quoting: 'quotes' is not possible")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"dev": "a.csv"},
            "benchmarks.gids.files.dev: 'dev' is not possible (input should be 'train', 'validation' or 't",
        ),
        (
            {"test": "/data/a.csv"},
            "benchmarks.gids.files.test: '/data/a.csv' does not match ^[^/~.]; choose another name",
        ),
        ({"test": "../a.csv"}, "benchmarks.gids.files.test: '../a.csv' does not match ^[^/~.]; choose another name"),
        ({"test": 3}, "benchmarks.gids.files.test: 3 is not possible"),
    ],
)
def test_a_file_is_named_for_a_split_and_below_the_benchmarks_folder(raw, files, problem):
    raw["benchmarks"]["gids"]["files"] = files
    (found,) = problems(raw)
    assert found.startswith(problem)


def test_named_files_are_of_the_benchmark_that_names_them(raw):
    raw["benchmarks"]["gids"]["files"] = {"test": "data/a.csv"}
    config = load(raw)
    assert config.benchmarks["gids"].files == {"test": "data/a.csv"}
    assert config.benchmarks["conll04"].files == {}
    assert "files" not in config.benchmarks["gids"].options()
