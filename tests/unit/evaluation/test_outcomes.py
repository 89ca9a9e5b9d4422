"""Ids of predictions: each once, and each of a test row."""

import pyarrow.parquet as pq
import pytest

from mixtune.errors import UserError
from tests.unit.evaluation.files import ONE


def test_an_example_that_the_benchmark_lacks_is_refused(files):
    files.predict(ONE, 0.5)
    path = files.benchmarks["gids"] / "test.parquet"
    pq.write_table(pq.read_table(path).slice(2), path)
    with pytest.raises(UserError, match=r"/gids: 2 id\(s\) \(gids/test/0, gids/test/1\) not found in the test rows"):
        files.intervals("small/mixtune/0-shot", ONE, cluster=True)


def test_an_example_that_is_there_twice_is_refused(files):
    files.predict(ONE, 0.5, order=[0, 1, 1, 2])
    with pytest.raises(UserError, match=r"1 id\(s\) \(gids/test/1\) duplicate; predict anew"):
        files.intervals("small/mixtune/0-shot", ONE)
