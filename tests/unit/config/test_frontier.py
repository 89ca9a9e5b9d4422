"""Requests to frontier models."""

from mixtune.config.config import load
from tests.unit.config.problems import BIG


def test_a_request_is_greedy_and_bounded_unless_its_body_says_otherwise(raw):
    def request(**body):
        raw["frontier"]["big"] = BIG | {"body": body}
        return load(raw).frontier["big"].request(32)

    assert request() == {"temperature": 0, "max_tokens": 32}
    reasoning = {"temperature": None, "max_tokens": None, "max_completion_tokens": 900, "reasoning": {"effort": "low"}}
    assert request(**reasoning) == {"max_completion_tokens": 900, "reasoning": {"effort": "low"}}
