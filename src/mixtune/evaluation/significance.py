"""Confidence intervals of F1, and paired tests of differences, from counts instead of rows.

A resample of rows enters a score only through its sums of counts, and rows (or groups of rows) with equal counts are
interchangeable. A resample is therefore one sample from a multinomial over the distinct counts. This is the exact
bootstrap, not an approximation, at a cost that does not grow with the rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..artifacts.manifests import digest
from .scoring import micro_f1

CHUNK = 2**22  # numbers in the widest array held in memory: 32 MiB
TIE = 1e-12  # differences of F1 below this are rounding


def generator(*names: str) -> np.random.Generator:
    """Return the RNG of these names: the same numbers in every run, on any machine, in any order of use.

    >>> int(generator("system", "schema", "gids").integers(0, 10**6))
    871182
    """
    return np.random.default_rng(int(digest(*names), 16))


def _distinct(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of an array (units, columns), and their frequencies."""
    rows = np.ascontiguousarray(units)
    if rows.shape[1] == 0:
        return rows[:1], np.array([len(rows)])
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()  # wide rows sort fast
    _, first, frequencies = np.unique(as_bytes, return_index=True, return_counts=True)
    return rows[first], frequencies


def _by_group(units: np.ndarray, groups: Sequence[str] | None) -> np.ndarray:
    """Return the sums over the rows of each group; without groups, the rows themselves."""
    if groups is None:
        return units
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    return np.add.reduceat(units[order], starts, axis=0, dtype=np.int32)


def _chunks(resamples: int, width: int) -> Iterator[int]:
    """Yield the numbers of resamples that are computed together."""
    step = max(1, CHUNK // max(width, 1))
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def bootstrap(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    resamples: int,
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """Return the scores of resamples, sampled with replacement from the rows, or from whole groups of rows.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979).

    Args:
        counts: Each row's contribution to the counts of the score, (rows, …); 8-bit integers suffice.
        statistic: From sums of counts (resamples, …) to scores (resamples, …).
        groups: Group of each row; rows of one group are sampled together. None: every row by itself.

    Returns:
        (resamples, …), as returned by `statistic`; NaN if there is only one group, since it has no spread.

    >>> counts = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1]])
    >>> bootstrap(counts, micro_f1, generator("example"), 1000).shape
    (1000,)
    """
    kinds, frequencies = _distinct(_by_group(counts.reshape(len(counts), -1), groups))
    kinds, total = kinds.astype(float), frequencies.sum()
    parts = []
    for size in _chunks(resamples, max(kinds.shape)):
        multiplicities = rng.multinomial(total, frequencies / total, size).astype(float)
        parts.append(statistic((multiplicities @ kinds).reshape(size, *counts.shape[1:])))
    return np.concatenate(parts) if total > 1 else np.full_like(np.concatenate(parts), np.nan)


def randomise(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, resamples: int, groups: Sequence[str] | None = None
) -> np.ndarray:
    """Return differences of micro-F1 when the predictions of two systems are swapped at random, by row or group.

    Approximate randomisation: A. Yeh, "More accurate tests for the statistical significance of result differences",
    COLING 2000. Units whose counts differ in the same way, up to the sign, share one binomial sample.

    Args:
        a, b: Counts of the same rows under both systems, (rows, 3).

    Returns:
        (resamples,)
    """
    differences = _by_group(a.astype(np.int32) - b, groups)
    leading = differences[np.arange(len(differences)), (differences != 0).argmax(1)]  # d swapped equals -d unswapped
    kinds, frequencies = _distinct((differences * np.sign(leading)[:, None])[leading != 0])
    middle = (a.sum(0, dtype=int) + b.sum(0, dtype=int)) / 2
    parts = []
    for size in _chunks(resamples, max(kinds.shape)):
        unswapped = rng.binomial(frequencies, 0.5, (size, len(kinds)))
        shift = (unswapped - frequencies / 2) @ kinds
        parts.append(micro_f1(middle - shift) - micro_f1(middle + shift))
    return np.concatenate(parts)


def interval(resampled: np.ndarray, level: float) -> np.ndarray:
    """Return the percentile interval over the first axis, (2, …): the bounds of the middle `level` of the values.

    >>> interval(np.arange(101), 0.5).tolist()
    [25.0, 75.0]
    """
    return np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)


@dataclass(frozen=True)
class Paired:
    """Micro-F1 of two systems, and their resampled and randomised differences (second minus first)."""

    observed: tuple[float, float]
    resampled: np.ndarray
    randomised: np.ndarray

    @classmethod
    def of(
        cls,
        a: np.ndarray,
        b: np.ndarray,
        rng: np.random.Generator,
        resamples: int,
        groups: Sequence[str] | None = None,
    ) -> "Paired":
        """Return the pair for counts of the same rows under both systems, (rows, 3); both use the same resamples."""
        scores = bootstrap(np.stack([a, b], axis=1), micro_f1, rng, resamples, groups)
        first, second = (float(micro_f1(counts.sum(0, dtype=int))) for counts in (a, b))
        return cls((first, second), scores[:, 1] - scores[:, 0], randomise(a, b, rng, resamples, groups))

    @classmethod
    def mean(cls, parts: Sequence["Paired"]) -> "Paired":
        """Return the pair for the plain mean over benchmarks, each resampled independently."""
        first, second = np.mean([part.observed for part in parts], axis=0).tolist()
        return cls(
            (first, second),
            np.mean([part.resampled for part in parts], axis=0),
            np.mean([part.randomised for part in parts], axis=0),
        )

    def tests(self, level: float) -> dict[str, float]:
        """Return the columns of the table of comparisons.

        Returns:
            `micro_f1_a`, `micro_f1_b`, their `difference`, its interval (`low`, `high`), and two-sided p-values:
            `p_bootstrap`, 1 - level of the widest interval that excludes 0, and `p_randomisation`, the share of
            randomised differences as large as the observed one. No p is 0: the smallest is 1 / (resamples + 1), for
            the bootstrap twice that. Without an interval, `low`, `high` and `p_bootstrap` are NaN.
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
    """Return the exact two-sided p-value of McNemar's test of whether two systems are correct on equally many rows.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12
    (1947); exact: the binomial test of the rows on which only one system is correct.

    Args:
        a, b: Counts of the same rows under both systems, (rows, 3).

    >>> wrong, correct = np.array([[0, 1, 1]] * 4), np.array([[1, 0, 0]] * 4)
    >>> round(mcnemar(wrong, correct), 6)
    0.125
    """
    first_correct, second_correct = ((counts[:, 1] | counts[:, 2]) == 0 for counts in (a, b))
    first, second = int((first_correct & ~second_correct).sum()), int((second_correct & ~first_correct).sum())
    n = first + second
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(min(first, second) + 1)]
    return min(1.0, 2 * math.fsum(math.exp(log - n * math.log(2)) for log in logs))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the size of their family.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted.tolist()
