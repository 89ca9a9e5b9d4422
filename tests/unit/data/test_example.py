from pathlib import Path

import pytest

from mixtune.data.example import Example, ReadError, text_group


def at(text: str = "Ann met Bo.", head_span=(0, 3), tail_span=(8, 10), **changed) -> Example:
    return Example.at(
        text, head_span, tail_span, **({"benchmark": "own", "split": "test", "key": "7/a", "relation": "met"} | changed)
    )


def test_an_example_at_two_spans():
    group = text_group("Ann met Bo.")
    assert at() == Example("own/test/7/a", "own", "test", "Ann met Bo.", "Ann", "Bo", 0, 3, 8, 10, "", "", "met", group)
    assert at(head_type="PER", tail_type="ORG", group="g").group == "g"
    assert (at(head_type="PER").head_type, at(tail_type="ORG").tail_type) == ("PER", "ORG")


def test_a_mention_that_is_not_in_the_text_is_given():
    example = at(tail_span=(-1, -1), tail="Robert")
    assert (example.tail, example.tail_start, example.tail_end) == ("Robert", -1, -1)
    with pytest.raises(ValueError, match="tail is empty"):
        at(tail_span=(-1, -1))
    with pytest.raises(ValueError, match="mention 'Robert' is not at 8:10 of the text"):
        at(tail="Robert")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"relation": " "}, "relation is empty"),
        ({"group": ""}, "group is empty"),
        ({"head_span": (0, 99), "head": "Ann"}, "is not at 0:99"),
        ({"head_span": (True, 3), "head": "nn"}, "must be whole numbers"),
        ({"head_type": "\ud83d"}, "surrogates not allowed"),
    ],
)
def test_an_impossible_example_is_an_error(changed, problem):
    with pytest.raises(ValueError, match=problem):
        at(**changed)


def test_the_message_of_an_error_keeps_its_remedy_and_stays_short():
    message = str(ReadError(Path("a.csv"), "row 3", f"{'x' * 1000}; do this"))
    assert message.startswith("a.csv:row 3: xxx") and message.endswith("; do this")
    assert len(message) < 420
    assert str(ReadError(Path("a.csv"), None, "half a pair \ud83d")) == "a.csv: half a pair \\ud83d"
