"""Comparisons of the section statistics."""

from mixtune.config.config import load


def test_comparisons_reach_the_job_without_what_is_not_set(raw):
    comparison = {"name": "large", "vary": "shots", "of": [0, 2], "where": {"model": ["*-3B*"], "seed": [1]}}
    raw["statistics"]["comparisons"] = [comparison, {"name": "all", "vary": "shots", "of": [0, 2]}]
    assert load(raw).statistics.pairings() == [
        comparison,
        {"name": "all", "vary": "shots", "of": [0, 2], "where": {}},
    ]
