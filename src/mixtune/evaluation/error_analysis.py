"""Where one system goes wrong on one benchmark: confused labels, F1 by properties of the rows, sampled errors.

What an answer counts as, and F1, are those of `scoring`; here they are only summed over other rows or labels.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..artifacts.manifests import digest
from ..data.labels import normalise
from ..errors import UserError
from .scoring import f1, outcome


def _bins(starts: Sequence[int]) -> list[str]:
    """Names of the bins that begin at these numbers; the last one has no end."""
    closed = [str(one) if one == end - 1 else f"{one} to {end - 1}" for one, end in pairwise(starts)]
    return [*closed, f"{starts[-1]} and more"]


WORDS = [0, 16, 32, 64, 128, 256]
CHARACTERS = [0, 25, 50, 100, 200]
ROWS = [0, 1, 10, 100, 1_000, 10_000]
BINS = {
    "words of the text": _bins(WORDS),
    "characters between the mentions": [*_bins(CHARACTERS), "overlapping", "unknown"],
    "answer": ["in the schema", "outside the schema", "empty"],
    "rows of the label in train": _bins(ROWS),
}


class Split:
    """The test split of one benchmark, and what of it depends on no system.

    Args:
        folder: The prepared benchmark.

    Attributes:
        texts: `id`, `text`, `head`, `tail` of each row.
        places: From ids to rows.
        strata: The bin of each row, as a place in BINS.
        draw: The order in which rows are drawn: by id, so that all systems which are wrong on a row show the same.
        trained: Rows of each normalised label in the train split.
    """

    def __init__(self, folder: Path):
        rows = pq.read_table(folder / "test.parquet")
        self.texts = rows.select(["id", "text", "head", "tail"])
        ids = rows["id"].to_pylist()
        self.places = pd.Index(ids)
        self.draw = np.array([digest("errors", id) for id in ids]).argsort().argsort()
        words = pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(rows["text"]))).to_numpy()
        starts, ends = (
            np.stack([rows[f"{of}_{end}"].to_numpy() for of in ("head", "tail")]) for end in ("start", "end")
        )
        between = starts.max(0) - ends.min(0)
        overlapping, unknown = len(CHARACTERS), len(CHARACTERS) + 1
        between = np.where(between < 0, overlapping, np.searchsorted(CHARACTERS, between, side="right") - 1)
        self.strata = {
            "words of the text": np.searchsorted(WORDS, words, side="right") - 1,
            "characters between the mentions": np.where(starts.min(0) < 0, unknown, between),
        }
        self.trained: Counter[str] = Counter()
        for label in pq.read_table(folder / "train.parquet", columns=["relation"])["relation"].value_counts():
            self.trained[normalise(label["values"].as_py())] += label["counts"].as_py()


class Answers:
    """One predictions file, joined to the test split by id, with what each answer counts as.

    Args:
        path: The predictions.
        split: The benchmark's test split.
        negative: Normalised words that mean "no relation", the empty one included.

    Raises:
        UserError: It holds an id that is no test row's.
    """

    def __init__(self, path: Path, split: Split, negative: Collection[str]):
        self.split = split
        self.table = pq.read_table(path, columns=["id", "gold", "predicted", "raw", "in_schema"])
        ids = self.table["id"].to_pylist()
        self.places = split.places.get_indexer(ids)
        if (self.places < 0).any():
            strange = ids[int(self.places.argmin())]
            raise UserError(f"{path} holds {strange!r}, which is no test row of the benchmark; delete it and run again")
        columns = [self.table[name].to_pandas() for name in ("gold", "predicted")]
        spelt = {text: normalise(text) for text in {*columns[0].unique(), *columns[1].unique()}}
        self.labels = sorted(set(spelt.values()))
        known = {label: place for place, label in enumerate(self.labels)}
        self.gold, self.predicted = (
            column.map({text: known[label] for text, label in spelt.items()}).to_numpy() for column in columns
        )
        pairs, of_row = np.unique(np.stack([self.gold, self.predicted]), axis=1, return_inverse=True)
        counts = [outcome(self.labels[gold], self.labels[predicted], negative) for gold, predicted in pairs.T]
        self.tp, self.fp, self.fn = np.array(counts, dtype=bool).reshape(-1, 3)[of_row.ravel()].T
        self.wrong = np.flatnonzero(self.fp | self.fn)

    def confused(self, limit: int) -> list[dict[str, Any]]:
        """The most frequent pairs of a gold label and a wrong answer; `share` is that of all wrong answers."""
        rows = self.table.select(["gold", "predicted"]).take(self.wrong).to_pylist()
        pairs = list(zip(self.gold[self.wrong].tolist(), self.predicted[self.wrong].tolist(), strict=True))
        spelt = dict(zip(reversed(pairs), reversed(rows), strict=True))  # as the first row spells them
        common = sorted(Counter(pairs).items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        return [{**spelt[pair], "count": count, "share": count / len(pairs)} for pair, count in common]

    def strata(self) -> Iterator[dict[str, Any]]:
        """Counts and micro-F1 in each bin that is not empty; the counts of a stratum add up to the whole split's.

        Bins hold rows, except those by frequency in train: they hold labels, and `n` is the rows whose gold they are.
        """
        for stratum, codes in self.split.strata.items():
            yield from self._sums(stratum, *[codes[self.places]] * 3)
        empty = np.array([not label for label in self.labels])[self.predicted]
        yield from self._sums("answer", *[np.where(empty, 2, np.where(self.table["in_schema"].to_numpy(), 0, 1))] * 3)
        frequency = np.array([bisect_right(ROWS, self.split.trained[label]) - 1 for label in self.labels])
        positive = frequency[self.gold[self.tp | self.fn]]
        yield from self._sums("rows of the label in train", positive, frequency[self.predicted], frequency[self.gold])

    def _sums(
        self, stratum: str, rows: np.ndarray, predicted: np.ndarray, gold: np.ndarray
    ) -> Iterator[dict[str, Any]]:
        """Sums over bins, of rows, of positive answers by what was predicted, of missed ones by what was gold."""
        parts = {"n": rows, "tp": predicted[self.tp], "fp": predicted[self.fp], "fn": gold[self.fn]}
        sums = [np.bincount(codes, minlength=len(BINS[stratum])).tolist() for codes in parts.values()]
        for name, *counts in zip(BINS[stratum], *sums, strict=True):
            if any(counts):
                found = dict(zip(parts, counts, strict=True))
                yield {"stratum": stratum, "bin": name, **found, "micro_f1": float(f1(*counts[1:]))}

    def sample(self, limit: int) -> list[dict[str, Any]]:
        """Wrong answers, drawn by a hash of their ids, with their texts."""
        drawn = self.wrong[self.split.draw[self.places[self.wrong]].argsort()[:limit]]
        texts = self.split.texts.take(self.places[drawn]).to_pylist()
        return [text | answer for text, answer in zip(texts, self.table.take(drawn).to_pylist(), strict=True)]
