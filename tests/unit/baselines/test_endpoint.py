"""Bodies of replies that are answers, and that are none."""

import pytest

from mixtune.baselines.endpoint import NoAnswer, Reply, read_reply
from tests.unit.baselines.replies import PAID, reply

UNUSABLE = {
    "the reply holds no answer": [{}, [], {"choices": []}, {"choices": [None]}, {"choices": {"a": 1}}, {"error": "no"}],
    "the answer has no text": [reply(None), reply([{"type": "text"}])],
    "ended the answer with 'content_filter'": [reply("lives", "content_filter"), reply("", "content_filter")],
    "ended the answer with 'tool_calls'": [reply(None, "tool_calls")],
    "before the answer began": [reply("", "length"), reply(" \n", "length")],
}


@pytest.mark.parametrize(("why", "body"), [(why, body) for why, bodies in UNUSABLE.items() for body in bodies])
def test_what_is_no_answer(why, body):
    with pytest.raises(NoAnswer, match=why):
        read_reply(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (reply("lives"), Reply("lives", "big-1", False, PAID)),
        (reply(""), Reply("", "big-1", False, PAID)),  # it has nothing to say
        (reply("lives in", "length"), Reply("lives in", "big-1", True, PAID)),
        (reply("lives", None, usage=None), Reply("lives", "big-1", False, None)),
        (reply("lives", usage={"prompt_tokens": 3}), Reply("lives", "big-1", False, None)),
        (reply("a\ud83d", usage={"prompt_tokens": -1, "completion_tokens": 1}), Reply("a?", "big-1", False, None)),
    ],
)
def test_what_is_an_answer(body, expected):
    assert read_reply(body) == expected
