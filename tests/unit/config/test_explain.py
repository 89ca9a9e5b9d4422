"""Messages for unknown keys, missing keys and values of a wrong type."""

import re
from pathlib import Path

import pytest

from mixtune.config.config import ConfigError, load
from tests.unit.config.problems import BIG, LOCAL, problems, put

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        (("mixture",), "did you mean 'mixtures'?"),
        (("matrix", "shot"), "did you mean 'shots'?"),
        (("training", "lora", "dropuot"), "did you mean 'dropout'?"),
        (("models", "SmolLM3-3B", "orgin"), "did you mean 'origin'?"),
        (("models", "SmolLM3-3B", "hub", "ids"), "did you mean 'id'?"),
        (("models", "SmolLM3-3B", "lora", "alfa"), "did you mean 'alpha'?"),
        (("benchmarks", "rebel", "hub", "confg"), "did you mean 'config'?"),
        (("mixtures", "gentune", "max_row"), "did you mean 'max_rows'?"),
        (("training", "encoder", "max_row"), "did you mean 'max_rows'?"),
        (("encoders", "roberta-base", "lora"), "known: hub, origin, path, pypi"),
        (("frontier", "big", "key_var"), "did you mean 'key_variable'?"),
        (("frontier", "big", "price", "inputs"), "did you mean 'input'?"),
        (("training", "lora", "rank"), "known: alpha, dropout, r, targets"),
        (("statistics", "level_"), "did you mean 'level'?"),
    ],
)
def test_an_unknown_key_gets_a_suggestion_at_every_depth(raw, path, suggestion):
    put(raw, path, 1)
    assert problems(raw) == [f"{'.'.join(path)}: unknown key; {suggestion}"]


@pytest.mark.parametrize("name", ["hub", "path", "lora"])
def test_an_entry_may_be_named_like_a_key(raw, name):
    put(raw, ("models", name), {**LOCAL, "lora": {"rr": 1}})
    assert problems(raw) == [f"models.{name}.lora.rr: unknown key; did you mean 'r'?"]


@pytest.mark.parametrize("value", [None, [], "text"])
@pytest.mark.parametrize("path", [("matrix",), ("training", "lora"), ("models", "SmolLM3-3B"), ("models",)])
def test_a_section_that_is_no_mapping_is_refused(raw, path, value):
    put(raw, path, value)
    assert problems(raw)[0].startswith(f"{'.'.join(path)}: {value!r} is not ")


@pytest.mark.parametrize("value", [None, [], 3])
def test_a_config_that_is_no_mapping_is_refused(value):
    with pytest.raises(ConfigError, match="is not a mapping"):
        load(value)


def test_an_empty_config_misses_every_section():
    sections = (ROOT / "config.yaml").read_text(encoding="utf-8")
    expected = re.findall(r"^(\w+):", sections, re.MULTILINE)
    assert [line.partition(":")[0] for line in problems({})] == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [("key_variable", "sk-secret"), ("base_url", "https://u:secret@host/v1"), ("base_url", "http://h/v1?k=secret")],
)
def test_token_in_yaml(raw, key, value):
    raw["frontier"]["big"] = BIG | {key: value}
    (problem,) = problems(raw)
    assert problem.startswith(f"frontier.big.{key}: not ")
    assert "API keys must be in the environment only" in problem
    assert "secret" not in problem
