"""Options of readers."""

from mixtune.config.config import load


def test_options_of_reading_reach_the_reader(raw):
    raw["benchmarks"]["re_docred"] |= {"unit": "document", "negative_share": 0.1}
    columns = {"text": "sentence", "relation": "link", "head": "a", "tail": "b"}
    raw["benchmarks"]["gids"] |= {"columns": columns}
    config = load(raw)
    assert config.benchmarks["re_docred"].options() == {"unit": "document", "negative_share": 0.1}
    assert config.benchmarks["gids"].options() == {"columns": columns}
    assert config.benchmarks["conll04"].options() == {}
