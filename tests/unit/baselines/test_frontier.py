"""Estimates of what requests cost."""

from mixtune.baselines.frontier import estimate
from mixtune.baselines.paid_answers import Charge


def test_tokens_are_estimated_from_bytes_and_the_limit_of_an_answer():
    turns = [{"role": "system", "content": "abcd"}, {"role": "user", "content": "関係"}]  # 4 and 6 bytes
    assert estimate({"messages": turns, "max_tokens": 8}) == Charge(2 + 8 + 2 + 8, 8, 1)
    assert estimate({"messages": turns, "max_completion_tokens": 70}).output == 70
