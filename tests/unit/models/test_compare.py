"""Tensors that were read back: equal ones, and each way to differ."""

import torch

from mixtune.models.compare import differences

ONE = torch.tensor([1.0, 2.0])


def test_equal_tensors_do_not_differ():
    assert differences({"a": ONE, "b": ONE}, {"b": ONE.clone(), "a": ONE}) == []
    assert differences({}, {}) == []


def test_each_difference_is_named():
    expected = {"both": ONE, "bit": ONE, "dtype": ONE, "shape": ONE, "lost": ONE}
    found = {"both": ONE, "bit": ONE.nextafter(ONE + 1), "dtype": ONE.double(), "shape": ONE[:1], "new": ONE}
    assert differences(expected, found) == ["bit", "dtype", "lost", "new", "shape"]


def test_a_value_that_is_no_number_differs_from_itself():
    broken = torch.tensor([float("nan")])
    assert differences({"a": broken}, {"a": broken}) == ["a"]
