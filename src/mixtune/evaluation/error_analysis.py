"""Error analysis of one system on one benchmark: confused labels, F1 by properties of the rows, sampled errors.

Outcomes and F1 are those of `scoring`; here they are only summed over other rows or labels.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..artifacts.manifests import digest
from ..data.labels import normalise
from ..errors import UserError
from .scoring import f1, outcome


def _bins(starts: Sequence[int]) -> list[str]:
    """Return the names of the bins that begin at these numbers; the last one is open.

    >>> _bins([0, 1, 10])
    ['0', '1 to 9', '10 and more']
    """
    closed = [str(start) if start == end - 1 else f"{start} to {end - 1}" for start, end in pairwise(starts)]
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
    """Test split of one benchmark, and its properties that depend on no system.

    Args:
        folder: The prepared benchmark.

    Attributes:
        texts: `id`, `text`, `head`, `tail` of each row.
        index: From ids to rows.
        strata: The bin of each row, as an index into BINS.
        sampling_rank: Rank of each row in the sampling order: by id, so that systems share their sampled errors.
        trained: Rows of each normalised label in the train split.
    """

    def __init__(self, folder: Path):
        rows = pq.read_table(folder / "test.parquet")
        self.texts = rows.select(["id", "text", "head", "tail"])
        ids = rows["id"].to_pylist()
        self.index = pd.Index(ids)
        self.sampling_rank = np.array([digest("errors", id) for id in ids]).argsort().argsort()
        words = pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(rows["text"]))).to_numpy()  # pyright: ignore[reportAttributeAccessIssue]
        starts, ends = (
            np.stack([rows[f"{mention}_{end}"].to_numpy() for mention in ("head", "tail")]) for end in ("start", "end")
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
    """One predictions file, joined to the test split by id, with the outcome of each prediction.

    Args:
        path: The predictions.
        split: The benchmark's test split.
        negative: Normalised words that mean "no relation", the empty one included.

    Raises:
        UserError: It has an id that is not found in the test split.
    """

    def __init__(self, path: Path, split: Split, negative: Collection[str]):
        self.split = split
        self.table = pq.read_table(path, columns=["id", "gold", "predicted", "raw", "in_schema"])
        ids = self.table["id"].to_pylist()
        self.rows = split.index.get_indexer(ids)
        if (self.rows < 0).any():
            unknown = ids[int(self.rows.argmin())]
            raise UserError(f"{path}: {unknown!r} not found in the benchmark's test split; delete the file and rerun")
        columns = [self.table[name].to_pandas() for name in ("gold", "predicted")]
        normalised = {text: normalise(text) for text in {*columns[0].unique(), *columns[1].unique()}}
        self.labels = sorted(set(normalised.values()))
        index = {label: number for number, label in enumerate(self.labels)}
        self.gold, self.predicted = (
            column.map({text: index[label] for text, label in normalised.items()}).to_numpy() for column in columns
        )
        pairs, pair_of_row = np.unique(np.stack([self.gold, self.predicted]), axis=1, return_inverse=True)
        outcomes = [outcome(self.labels[gold], self.labels[predicted], negative) for gold, predicted in pairs.T]
        self.tp, self.fp, self.fn = np.array(outcomes, dtype=bool).reshape(-1, 3)[pair_of_row.ravel()].T
        self.wrong = np.flatnonzero(self.fp | self.fn)

    def confused(self, limit: int) -> list[dict[str, object]]:
        """Return the most frequent pairs of a gold label and a wrong prediction, with their share of the errors."""
        rows = self.table.select(["gold", "predicted"]).take(self.wrong).to_pylist()
        pairs = list(zip(self.gold[self.wrong].tolist(), self.predicted[self.wrong].tolist(), strict=True))
        spelt = dict(zip(reversed(pairs), reversed(rows), strict=True))  # as in the first row
        common = sorted(Counter(pairs).items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        return [{**spelt[pair], "count": count, "share": count / len(pairs)} for pair, count in common]

    def strata(self) -> Iterator[dict[str, object]]:
        """Yield counts and micro-F1 of each bin that is not empty; the counts of a stratum sum to those of the split.

        Bins hold rows, except those by frequency in train: they hold labels, and `n` counts the rows with these golds.
        """
        for stratum, codes in self.split.strata.items():
            yield from self._sums(stratum, *[codes[self.rows]] * 3)
        empty = np.array([not label for label in self.labels])[self.predicted]
        yield from self._sums("answer", *[np.where(empty, 2, np.where(self.table["in_schema"].to_numpy(), 0, 1))] * 3)
        frequency = np.array([bisect_right(ROWS, self.split.trained[label]) - 1 for label in self.labels])
        positive = frequency[self.gold[self.tp | self.fn]]
        yield from self._sums("rows of the label in train", positive, frequency[self.predicted], frequency[self.gold])

    def _sums(
        self, stratum: str, rows: np.ndarray, predicted: np.ndarray, gold: np.ndarray
    ) -> Iterator[dict[str, object]]:
        """Yield sums over bins: of rows, of positive predictions by predicted label, of missed ones by gold label."""
        parts = {"n": rows, "tp": predicted[self.tp], "fp": predicted[self.fp], "fn": gold[self.fn]}
        sums = [np.bincount(codes, minlength=len(BINS[stratum])).tolist() for codes in parts.values()]
        for name, *counts in zip(BINS[stratum], *sums, strict=True):
            if any(counts):
                sums_of_bin = dict(zip(parts, counts, strict=True))
                yield {"stratum": stratum, "bin": name, **sums_of_bin, "micro_f1": float(f1(*counts[1:]))}

    def sample(self, limit: int) -> list[dict[str, object]]:
        """Return wrong predictions, sampled by a hash of their ids, with their texts."""
        sampled = self.wrong[self.split.sampling_rank[self.rows[self.wrong]].argsort()[:limit]]
        texts = self.split.texts.take(self.rows[sampled]).to_pylist()
        return [text | answer for text, answer in zip(texts, self.table.take(sampled).to_pylist(), strict=True)]
