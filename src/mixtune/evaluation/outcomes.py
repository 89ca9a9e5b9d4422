"""Predictions on disk as the counts that scores are sums of, aligned by example id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ..artifacts.manifests import read_json
from ..data.labels import normalise
from ..errors import UserError
from .scoring import negative_words, outcome


@dataclass(frozen=True)
class Answers:
    """One predictions file in the order of its ids; `gold` and `predicted` are normalised."""

    ids: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]


def read_answers(path: Path) -> Answers:
    """The answers of one predictions file.

    Raises:
        UserError: An id is there more than once.
    """
    rows = pq.read_table(path, columns=["id", "gold", "predicted"]).sort_by("id").to_pydict()
    ids = tuple(rows["id"])
    known = {label: normalise(label) for label in {*rows["gold"], *rows["predicted"]}}
    if len(set(ids)) < len(ids):
        twice = [one for one, following in pairwise(ids) if one == following]
        raise UserError(f"{path} holds {_some(twice)} more than once; predict anew: rows are paired by id")
    return Answers(ids, *(tuple(known[label] for label in rows[column]) for column in ("gold", "predicted")))


def check_ids(ids: Mapping[str, Sequence[str]]) -> None:
    """See that predictions are of the same examples.

    Args:
        ids: Sorted, by what the predictions are called.

    Raises:
        UserError: They are not; the message counts and names ids.
    """
    (first, wanted), *others = ids.items()
    for name, other in others:
        if other != wanted:
            alone = [sorted(set(one) - set(two)) for one, two in ((wanted, other), (other, wanted))]
            raise UserError(
                f"{first} and {name} are not of the same examples: {_some(alone[0])} only in the first, "
                f"{_some(alone[1])} only in the second; predict both anew with one prediction.test_rows"
            )


def _some(ids: Sequence[str]) -> str:
    return f"{len(ids):,} id(s)" + (f" ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''})" if ids else "")


def read_groups(benchmark: Path, ids: Sequence[str]) -> list[str]:
    """The groups of test rows.

    Args:
        benchmark: Folder of the prepared benchmark.
        ids: Of the rows wanted.

    Raises:
        UserError: An id is not among the test rows.
    """
    rows = pq.read_table(benchmark / "test.parquet", columns=["id", "group"]).to_pydict()
    groups = dict(zip(rows["id"], rows["group"], strict=True))
    unknown = [one for one in ids if one not in groups]
    if unknown:
        raise UserError(f"{_some(unknown)} not among the test rows of {benchmark}; predict anew")
    return [groups[one] for one in ids]


def read_negative(benchmark: Path, which: str) -> frozenset[str]:
    """Normalised words that mean "no relation" on a benchmark, the empty one included.

    Args:
        benchmark: Folder of the prepared benchmark.
        which: As for `negative_words`.
    """
    return negative_words(read_json(benchmark / "labels.json")["negative"], which) | {""}


def counts(answers: Answers, negative: Collection[str]) -> np.ndarray:
    """What each row adds to tp, fp and fn of all labels together: (rows, 3), 0 or 1.

    Args:
        negative: As `read_negative` gives it.
    """
    pairs = list(zip(answers.gold, answers.predicted, strict=True))
    known = {pair: outcome(*pair, negative) for pair in set(pairs)}
    return np.array([known[pair] for pair in pairs], dtype=np.int8)


def label_counts(answers: Answers, negative: Collection[str]) -> np.ndarray:
    """What each row adds to tp, fp and fn of each positive label in gold: (rows, labels, 3), 0 or 1.

    Args:
        negative: As `read_negative` gives it.
    """
    place = {label: i for i, label in enumerate(sorted(set(answers.gold) - set(negative)))}
    found = np.zeros((len(answers.ids), len(place), 3), dtype=np.int8)
    for row, (gold, predicted) in enumerate(zip(answers.gold, answers.predicted, strict=True)):
        labels = predicted, predicted, gold  # that tp, fp and fn are counted for
        for kind, (label, holds) in enumerate(zip(labels, outcome(gold, predicted, negative), strict=True)):
            if holds and label in place:
                found[row, place[label], kind] = 1
    return found
