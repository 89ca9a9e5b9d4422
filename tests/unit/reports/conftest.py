"""Prepared benchmarks that the tests of tables share."""

import pytest

from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.resources import resource

NAMES = ["gids", "conll04"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two prepared sample corpora."""
    root = tmp_path_factory.mktemp("benchmarks")
    for name in NAMES:
        shares = {"validation": 0.1, "test": 0.2}
        prepared = prepare(name, resource("sample", name), shares=shares, seed=42, expect="sample")
        write_prepared(prepared, root / name)
    return [root / name for name in NAMES]
