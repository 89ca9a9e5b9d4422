import json

import pytest

from mixtune.artifacts.settings import Part, Settings
from mixtune.errors import UserError


class Inner(Part):
    rank: int


class Example(Settings):
    rate: float
    name: str | None = None
    inner: Inner


VALUES = {"rate": 0.5, "name": None, "inner": {"rank": 3}, "code": "abc"}


def test_settings_are_parsed_as_they_were_serialised():
    settings = Example(rate=0.5, inner=Inner(rank=3))
    assert json.loads(settings.serialise("abc")) == VALUES
    parsed = Example.parse(settings.serialise("abc"))
    assert (parsed.rate, parsed.name, parsed.inner.rank, parsed.code) == (0.5, None, 3, "abc")
    assert parsed.as_json() == VALUES


def test_the_text_is_canonical():
    assert Example(rate=1, inner=Inner(rank=3)).serialise() == '{"code":"","inner":{"rank":3},"name":null,"rate":1.0}'


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rat": 1}, "rat: Extra inputs are not permitted"),
        ({"inner": {"rank": 3, "depth": 1}}, "inner.depth: Extra inputs are not permitted"),
        ({"inner": {}}, "inner.rank: Field required"),
        ({"rate": "fast"}, "rate: Input should be a valid number"),
    ],
)
def test_an_unknown_key_or_a_wrong_value_is_refused_by_name(change, problem):
    with pytest.raises(UserError, match=f"--settings do not fit Example: {problem}"):
        Example.parse(json.dumps(VALUES | change))


@pytest.mark.parametrize("key", VALUES)
def test_a_missing_key_is_refused_by_name_even_if_it_has_a_default(key):
    values = {name: value for name, value in VALUES.items() if name != key}
    with pytest.raises(UserError, match=f"{key}: Field required"):
        Example.parse(json.dumps(values))


def test_what_is_no_json_is_refused():
    with pytest.raises(UserError, match="JSON: Invalid JSON"):
        Example.parse("{")


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Example(rate=0.5, inner=Inner(rank=3)).rate = 1
