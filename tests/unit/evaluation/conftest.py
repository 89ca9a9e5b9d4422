"""Benchmarks and predictions on disk."""

import pytest

from tests.unit.evaluation.files import Files


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)
