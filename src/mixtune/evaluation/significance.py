"""Confidence intervals of F1, and paired tests of differences, from counts instead of rows.

A resample of rows enters a score only through its sums of counts, and rows (or groups of rows) with equal counts are
interchangeable. So the draws of a resample are one draw from a multinomial over the distinct counts. That is the
bootstrap itself and no approximation of it, at a cost that does not grow with the rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..artifacts.manifests import digest
from .scoring import micro_f1

CHUNK = 2**22  # numbers of the widest array that is held at once: 32 MiB
TIE = 1e-12  # differences of F1 below this are rounding


def generator(*names: str) -> np.random.Generator:
    """The random numbers that belong to these names: the same in every run, on any machine, in any order."""
    return np.random.default_rng(int(digest(*names), 16))


def _distinct(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of an array (units, columns), and how often each is there."""
    rows = np.ascontiguousarray(units)
    if rows.shape[1] == 0:
        return rows[:1], np.array([len(rows)])
    whole = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()  # as bytes, wide rows sort fast
    _, first, frequencies = np.unique(whole, return_index=True, return_counts=True)
    return rows[first], frequencies


def _by_group(units: np.ndarray, groups: Sequence[str] | None) -> np.ndarray:
    """Sums over the rows of each group; the rows themselves where there are no groups."""
    if groups is None:
        return units
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    return np.add.reduceat(units[order], starts, axis=0, dtype=np.int32)


def _chunks(resamples: int, width: int) -> Iterator[int]:
    """Numbers of resamples that are held at once."""
    step = max(1, CHUNK // max(width, 1))
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def bootstrap(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    random: np.random.Generator,
    resamples: int,
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """Scores of resamples, drawn with replacement from the rows, or from whole groups of rows.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979).

    Args:
        counts: What each row adds to the counts of the score, (rows, …); 8-bit integers suffice.
        statistic: From sums of counts (resamples, …) to scores (resamples, …).
        groups: A row's group; rows of one group are drawn together. None: every row by itself.

    Returns:
        (resamples, …), as `statistic` gives them; NaN where there is one group alone, which tells of no spread.
    """
    kinds, frequencies = _distinct(_by_group(counts.reshape(len(counts), -1), groups))
    kinds, total = kinds.astype(float), frequencies.sum()
    parts = []
    for size in _chunks(resamples, max(kinds.shape)):
        drawn = random.multinomial(total, frequencies / total, size).astype(float)
        parts.append(statistic((drawn @ kinds).reshape(size, *counts.shape[1:])))
    return np.concatenate(parts) if total > 1 else np.full_like(np.concatenate(parts), np.nan)


def randomise(
    a: np.ndarray, b: np.ndarray, random: np.random.Generator, resamples: int, groups: Sequence[str] | None = None
) -> np.ndarray:
    """Differences of micro-F1 where the two systems' answers are swapped at random, row by row or group by group.

    Approximate randomisation: A. Yeh, "More accurate tests for the statistical significance of result differences",
    COLING 2000. Units whose counts differ in the same way, up to its sign, share one binomial draw.

    Args:
        a, b: Counts of the same rows under both systems, (rows, 3).

    Returns:
        (resamples,)
    """
    gaps = _by_group(a.astype(np.int32) - b, groups)
    leading = gaps[np.arange(len(gaps)), (gaps != 0).argmax(1)]  # to swap d is to swap -d back
    kinds, frequencies = _distinct((gaps * np.sign(leading)[:, None])[leading != 0])
    middle = (a.sum(0, dtype=int) + b.sum(0, dtype=int)) / 2
    parts = []
    for size in _chunks(resamples, max(kinds.shape)):
        kept = random.binomial(frequencies, 0.5, (size, len(kinds)))
        shift = (kept - frequencies / 2) @ kinds
        parts.append(micro_f1(middle - shift) - micro_f1(middle + shift))
    return np.concatenate(parts)


def interval(draws: np.ndarray, level: float) -> np.ndarray:
    """Percentile interval over the first axis, (2, …): what holds the middle `level` of the draws."""
    return np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)


@dataclass(frozen=True)
class Paired:
    """Micro-F1 of two systems, and their difference (second minus first) as resampled and as randomised."""

    observed: tuple[float, float]
    resampled: np.ndarray
    randomised: np.ndarray

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray, random: np.random.Generator, resamples: int, groups=None) -> "Paired":
        """Of counts of the same rows under both systems, (rows, 3); both draw the same rows."""
        scores = bootstrap(np.stack([a, b], axis=1), micro_f1, random, resamples, groups)
        observed = [float(micro_f1(counts.sum(0, dtype=int))) for counts in (a, b)]
        return cls(tuple(observed), scores[:, 1] - scores[:, 0], randomise(a, b, random, resamples, groups))

    @classmethod
    def mean(cls, parts: Sequence["Paired"]) -> "Paired":
        """Of the plain mean over benchmarks, each resampled by itself."""
        return cls(
            tuple(np.mean([part.observed for part in parts], axis=0).tolist()),
            np.mean([part.resampled for part in parts], axis=0),
            np.mean([part.randomised for part in parts], axis=0),
        )

    def tests(self, level: float) -> dict[str, float]:
        """What stands in a table of comparisons.

        Returns:
            `micro_f1_a`, `micro_f1_b`, their `difference`, its interval (`low`, `high`), and two-sided p-values:
            `p_bootstrap`, 1 - level of the widest interval that leaves 0 out, and `p_randomisation`, the share of
            randomised differences as large as the observed one. No p is 0: the smallest is
            1 / (resamples + 1), for the bootstrap twice that. What resamples tell is NaN where they are.
        """
        a, b = self.observed
        low, high = interval(self.resampled, level)
        beyond = min((self.resampled <= TIE).sum(), (self.resampled >= -TIE).sum())
        extreme = (np.abs(self.randomised) >= abs(b - a) - TIE).sum()
        return {
            "micro_f1_a": a,
            "micro_f1_b": b,
            "difference": b - a,
            "low": float(low),
            "high": float(high),
            "p_bootstrap": min(1.0, 2 * float(1 + beyond) / (len(self.resampled) + 1)) if low <= high else math.nan,
            "p_randomisation": float(1 + extreme) / (len(self.randomised) + 1),
        }


def mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided p-value of McNemar's test: whether two systems are right on equally many rows.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12
    (1947); exact, as the binomial test of the rows on which one system alone is right.

    Args:
        a, b: Counts of the same rows under both systems, (rows, 3).
    """
    right = [(counts[:, 1] | counts[:, 2]) == 0 for counts in (a, b)]
    first, second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    n = first + second
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(min(first, second) + 1)]
    return min(1.0, 2 * math.fsum(math.exp(log - n * math.log(2)) for log in logs))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for the size of their family.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted.tolist()
