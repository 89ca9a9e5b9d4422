"""The bootstrap from counts: seconds for 10,000 resamples of 12,693 rows, and ratios to loops over rows."""

import time

import numpy as np

from mixtune.evaluation.outcomes import Labels, counts, label_counts
from mixtune.evaluation.scoring import macro_f1, micro_f1
from mixtune.evaluation.significance import Paired, bootstrap, generator

from .common import show

ROWS, LABELS, RESAMPLES = 12_693, 42, 10_000
NEGATIVE = frozenset({"none", ""})
LOOP, VECTORISED = 5, 200  # resamples that the baselines make; their time is in proportion


def rows(seed: int) -> Labels:
    """Labels of a system that is right on two rows of three; most labels are rare."""
    rng, gold_rng = np.random.default_rng(seed), np.random.default_rng(0)
    names = np.array(["none", *(f"label {i}" for i in range(LABELS - 1))])
    shares = 1 / np.arange(1, LABELS + 1)
    gold = gold_rng.choice(names, ROWS, p=shares / shares.sum())
    predicted = np.where(rng.random(ROWS) < 2 / 3, gold, rng.choice([*names, ""], ROWS))
    return Labels(tuple(map(str, range(ROWS))), tuple(gold.tolist()), tuple(predicted.tolist()))


def seconds(work, times: int = 1) -> float:
    """The least of three."""
    took = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin) / times)
    return min(took)


def loop(found: list[list[int]]) -> list[float]:
    """The bootstrap, row by row."""
    rng, scores = np.random.default_rng(1), []
    for _ in range(LOOP):
        tp = fp = fn = 0
        for row in rng.integers(0, len(found), len(found)).tolist():
            tp, fp, fn = tp + found[row][0], fp + found[row][1], fn + found[row][2]
        scores.append(2 * tp / max(2 * tp + fp + fn, 1))
    return scores


def vectorised(found: np.ndarray) -> list[float]:
    """The bootstrap with an array of row numbers a resample."""
    rng = np.random.default_rng(1)
    drawn = (found[rng.integers(0, len(found), len(found))].sum(0, dtype=int) for _ in range(VECTORISED))
    return [float(micro_f1(sums)) for sums in drawn]


def main() -> None:
    """Print seconds and the ratio for micro-F1, and seconds of what costs more."""
    a, b = rows(1), rows(2)
    first, second, labels = counts(a, NEGATIVE), counts(b, NEGATIVE), label_counts(a, NEGATIVE)
    groups = [f"document {i // 5}" for i in range(ROWS)]
    mine = seconds(lambda: bootstrap(first, micro_f1, generator("perf"), RESAMPLES))
    slow = seconds(lambda: loop(first.tolist()), LOOP) * RESAMPLES
    quick = seconds(lambda: vectorised(first), VECTORISED) * RESAMPLES
    show("bootstrap_seconds", round(mine, 4), 0.2, False, rows=ROWS, resamples=RESAMPLES)
    show("bootstrap_speedup", round(slow / mine), 200, baseline="a loop over rows", against_numpy=round(quick / mine))
    clustered = seconds(lambda: Paired.of(first, second, generator("perf"), RESAMPLES, groups))
    show("paired_clustered_seconds", round(clustered, 2), 5, False, groups=ROWS // 5)
    macro = seconds(lambda: bootstrap(labels, macro_f1, generator("perf"), RESAMPLES))
    show("macro_bootstrap_seconds", round(macro, 2), 5, False, labels=LABELS)


if __name__ == "__main__":
    main()
