"""Comparison of a model's tensors with those that were read back from its files."""

from collections.abc import Mapping

import torch


def differences(expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the sorted names of tensors that only one of both has, or that differ in dtype, shape or any value."""
    return sorted(
        name
        for name in expected.keys() | found.keys()
        if name not in expected or name not in found or not _are_equal(expected[name], found[name])
    )


def _are_equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.dtype == second.dtype and torch.equal(first.cpu(), second.cpu())
