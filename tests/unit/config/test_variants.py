"""Grids become variants with readable names."""

import pytest

from mixtune.config.variants import Variant, expand, readable

GRID = {"training.learning_rate": [1e-4, 3e-4], "lora.r": [16, 64]}


def test_a_grid_is_one_variant_for_each_combination():
    entries = {"lr": {"grid": GRID, "training": {"epochs": 2}, "models": ["Smol*"]}}
    lr = {member.name: Variant.model_validate(member.settings) for member in expand(entries)}
    assert list(lr) == [f"lr.learning_rate-{rate}.r-{r}" for rate in ("0.0001", "0.0003") for r in (16, 64)]
    for variant in lr.values():
        assert (variant.training.epochs, variant.models, variant.grid) == (2, ["Smol*"], {})
    last = lr["lr.learning_rate-0.0003.r-64"]
    assert (last.training.learning_rate, last.lora.r, last.lora.alpha) == (3e-4, 64, None)


def test_a_variant_without_a_grid_is_its_own_only_member():
    entries = {"low": {"training": {"learning_rate": 1e-5}}}
    assert [(member.name, member.of, member.settings) for member in expand(entries)] == [("low", "low", entries["low"])]


@pytest.mark.parametrize("value", [1e-05, 0.0003, 2.0, 16, "domain", ["q_proj", "v_proj"]])
def test_values_in_names_fit_in_a_path(value):
    assert "/" not in readable(value) and "{" not in readable(value)
