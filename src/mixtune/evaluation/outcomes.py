"""Predictions on disk -> the counts per row whose sums give the scores, aligned by example id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ..artifacts.manifests import read_json
from ..data.formats import LabelInventory
from ..data.labels import normalise
from ..errors import UserError
from .scoring import negative_words, outcome


@dataclass(frozen=True)
class Labels:
    """Labels of one predictions file in the order of its ids; `gold` and `predicted` are normalised."""

    ids: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]


def read_predictions(path: Path) -> Labels:
    """Return the labels of one predictions file.

    Raises:
        UserError: An id is duplicate.
    """
    rows = pq.read_table(path, columns=["id", "gold", "predicted"]).sort_by("id").to_pydict()
    ids = tuple(rows["id"])
    normalised = {label: normalise(label) for label in {*rows["gold"], *rows["predicted"]}}
    if len(set(ids)) < len(ids):
        duplicate = [id for id, following in pairwise(ids) if id == following]
        raise UserError(f"{path}: {_describe(duplicate)} duplicate; predict anew: rows are paired by id")
    gold, predicted = (tuple(normalised[label] for label in rows[column]) for column in ("gold", "predicted"))
    return Labels(ids, gold, predicted)


def check_ids(ids: Mapping[str, Sequence[str]]) -> None:
    """Check that predictions are of the same examples.

    Args:
        ids: Sorted ids, by the name of the predictions.

    Raises:
        UserError: They are not; the message counts and names ids.
    """
    (first, expected), *others = ids.items()
    for name, other in others:
        if other != expected:
            only_first, only_second = (
                _describe(sorted(set(left) - set(right))) for left, right in ((expected, other), (other, expected))
            )
            raise UserError(
                f"{first} and {name}: the examples differ: {only_first} only in the first, {only_second} only in the "
                "second; predict both anew with one prediction.test_rows"
            )


def _describe(ids: Sequence[str]) -> str:
    """Return the number of ids and the first of them.

    >>> _describe(["a", "b", "c", "d"])
    '4 id(s) (a, b, c, …)'
    """
    return f"{len(ids):,} id(s)" + (f" ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''})" if ids else "")


def read_groups(benchmark: Path, ids: Sequence[str]) -> list[str]:
    """Return the groups of test rows.

    Args:
        benchmark: Folder of the prepared benchmark.
        ids: Ids of the rows.

    Raises:
        UserError: An id is not among the test rows.
    """
    rows = pq.read_table(benchmark / "test.parquet", columns=["id", "group"]).to_pydict()
    groups = dict(zip(rows["id"], rows["group"], strict=True))
    unknown = [id for id in ids if id not in groups]
    if unknown:
        raise UserError(f"{benchmark}: {_describe(unknown)} not found in the test rows; predict anew")
    return [groups[id] for id in ids]


def read_negative(benchmark: Path, which: str) -> frozenset[str]:
    """Return the normalised words that mean "no relation" on a benchmark, the empty one included.

    Args:
        benchmark: Folder of the prepared benchmark.
        which: As for `negative_words`.
    """
    return negative_words(read_json(benchmark / "labels.json", LabelInventory)["negative"], which) | {""}


def counts(labels: Labels, negative: Collection[str]) -> np.ndarray:
    """Return each row's contribution to tp, fp and fn of all labels together: (rows, 3), 0 or 1.

    Args:
        negative: As returned by `read_negative`.

    >>> counts(Labels(("1", "2"), ("kill", "none"), ("kill", "kill")), {"none", ""}).tolist()
    [[1, 0, 0], [0, 1, 0]]
    """
    pairs = list(zip(labels.gold, labels.predicted, strict=True))
    outcomes = {(gold, predicted): outcome(gold, predicted, negative) for gold, predicted in set(pairs)}
    return np.array([outcomes[pair] for pair in pairs], dtype=np.int8)


def label_counts(labels: Labels, negative: Collection[str]) -> np.ndarray:
    """Return each row's contribution to tp, fp and fn of each positive label in gold: (rows, labels, 3), 0 or 1.

    Args:
        negative: As returned by `read_negative`.
    """
    index = {label: i for i, label in enumerate(sorted(set(labels.gold) - set(negative)))}
    contributions = np.zeros((len(labels.ids), len(index), 3), dtype=np.int8)
    for row, (gold, predicted) in enumerate(zip(labels.gold, labels.predicted, strict=True)):
        counted = predicted, predicted, gold  # the label whose tp, fp and fn are counted
        for kind, (label, holds) in enumerate(zip(counted, outcome(gold, predicted, negative), strict=True)):
            if holds and label in index:
                contributions[row, index[label], kind] = 1
    return contributions
