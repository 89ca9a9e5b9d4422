"""Domains and names of an experiment."""

import pytest

from mixtune.errors import UserError
from tests.unit.reports.score_files import F1, NAN, SETUP, equal, file_of, matrix_of


def test_a_benchmark_of_ones_own_brings_its_domain():
    setup = SETUP | {"mixtures": {"own": {"benchmarks": ["letters"]}}}
    with pytest.raises(UserError, match=r"'letters'.*mixtures\.own"):
        matrix_of(file_of("own", F1), setup=setup)
    table = matrix_of(file_of("own", F1), setup=setup | {"domains": {"letters": "literary"}})
    assert equal(table.loc[0, [*F1]], [NAN, NAN, 0.25])


def test_source_name_typo():
    with pytest.raises(UserError, match="mixture 'gentun' has scores"):
        matrix_of(file_of("gentun", F1))
