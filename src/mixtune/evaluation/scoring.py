"""Gold and predicted labels to precision, recall and F1 over the positive labels."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from ..data.labels import clean, normalise

PAPER_NEGATIVES = frozenset({"none", "other", "no_relation", "na", "nan", "null"})
"""Words that the paper (arXiv:2606.22606) counts as negative on every benchmark; case-folded."""

DOMAINS = ("general", "literary")


def negative_words(negative: str | None, which: str) -> frozenset[str]:
    """Words that mean "no relation" on one benchmark.

    Args:
        negative: The benchmark's own negative label; None where it has none.
        which: `benchmark` for that label alone, `paper` to add PAPER_NEGATIVES.

    Returns:
        Normalised words, maybe none.

    Raises:
        ValueError: `which` is neither; the message names `scoring.negatives`.
    """
    own = frozenset() if negative is None else frozenset({normalise(negative)})
    if which == "benchmark":
        return own
    if which == "paper":
        return own | PAPER_NEGATIVES
    raise ValueError(f"no set of negative words is called {which!r}; set scoring.negatives to benchmark or paper")


def _check(gold: Sequence[str], predicted: Sequence[str]) -> None:
    if len(gold) != len(predicted):
        raise ValueError(
            f"{len(gold)} gold labels but {len(predicted)} predictions; pair them by example id, and keep "
            "abstentions as empty strings"
        )
    if len(gold) == 0:
        raise ValueError("no examples to score; does the benchmark's test split hold any?")
    for row, (label, answer) in enumerate(zip(gold, predicted, strict=True)):
        if not isinstance(label, str) or not normalise(label):
            raise ValueError(f"gold label {row} is {label!r}, not a word; a negative is spelt out, never null")
        if not isinstance(answer, str):
            raise ValueError(f"prediction {row} is {answer!r}, not a string; an abstention is an empty string")


def outcome(gold: str, predicted: str, negative: Collection[str]) -> tuple[bool, bool, bool]:
    """What one prediction counts as, for every score and statistic: a true positive, a false one, a missed one.

    Args:
        gold, predicted: Normalised labels.
        negative: Normalised words that mean "no relation", the empty one included.

    Returns:
        tp, fp (both of the predicted label) and fn (of the gold label); a prediction is correct where neither
        fp nor fn holds.
    """
    right = gold == predicted
    return right and gold not in negative, not right and predicted not in negative, not right and gold not in negative


def f1(tp: Any, fp: Any, fn: Any) -> Any:
    """F1 of counts, or of arrays of counts; 0.0 where there is neither a gold label nor a prediction."""
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def micro_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of counts (…, 3): tp, fp, fn."""
    return f1(*np.moveaxis(counts, -1, 0))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of counts (…, labels, 3) over the labels in gold; 0.0 where there are none."""
    in_gold = counts[..., 0] + counts[..., 2] > 0
    return (micro_f1(counts) * in_gold).sum(-1) / np.maximum(in_gold.sum(-1), 1)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rates(tp: int, fp: int, fn: int) -> dict[str, Any]:
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": float(f1(tp, fp, fn)),
    }


def score(
    gold: Sequence[str], predicted: Sequence[str], negatives: Collection[str], labels: Sequence[str]
) -> dict[str, Any]:
    """Scores of one system on one benchmark, over the positive labels.

    Whatever is neither empty nor negative is a positive prediction, in the inventory or not. An empty one
    counts as negative. Micro-F1 so equals scikit-learn's with labels = (gold ∪ predicted) − negatives.

    Args:
        gold: The label of each example, never empty.
        predicted: The prediction for each example, in the same order; "" for an abstention.
        negatives: As `negative_words` gives them.
        labels: The benchmark's inventory, negative label included.

    Returns:
        Ready for JSON; a ratio whose denominator is 0 is 0.0. `n` examples; `tp`, `fp`, `fn`, `precision`,
        `recall`, `micro_f1`; `macro_f1`, the mean over the positive labels in gold; `accuracy`, where all
        negative words and the empty prediction are one class; `out_of_schema` and `empty`, shares of all
        predictions in 0..1; `per_class`, for each positive label in gold or predicted, sorted: `tp`,
        `fp`, `fn`, `support` (examples in gold), `precision`, `recall`, `f1`.

    Raises:
        ValueError: There are no examples, the lengths differ, a gold label is null or empty, or a
            prediction is null.
    """
    _check(gold, predicted)
    negative = {normalise(word) for word in negatives} | {""}
    schema = {normalise(label) for label in labels} | {""}
    answers = [normalise(label) for label in predicted]

    tp, fp, fn, correct = Counter(), Counter(), Counter(), 0
    for (g, p), count in Counter(zip(map(normalise, gold), answers, strict=True)).items():
        right, invented, missed = outcome(g, p, negative)
        correct += 0 if invented or missed else count
        for label, counts, holds in ((p, tp, right), (p, fp, invented), (g, fn, missed)):
            if holds:
                counts[label] += count

    # Shown as gold spells it, else the inventory, else the model; sorted, so that row order decides nothing.
    spellings = {normalise(label): clean(label) for label in sorted(set(predicted), reverse=True)}
    spellings |= {normalise(label): label for label in (*reversed(labels), *sorted(set(gold), reverse=True))}
    per_class = {
        spellings[label]: _rates(tp[label], fp[label], fn[label]) | {"support": tp[label] + fn[label]}
        for label in sorted(tp.keys() | fp.keys() | fn.keys(), key=spellings.__getitem__)
    }

    n = len(answers)
    overall = _rates(tp.total(), fp.total(), fn.total())
    counts = np.array([[row["tp"], row["fp"], row["fn"]] for row in per_class.values()]).reshape(-1, 3)
    return {
        "n": n,
        "micro_f1": overall.pop("f1"),
        **overall,
        "macro_f1": float(macro_f1(counts)),
        "accuracy": correct / n,
        "out_of_schema": sum(answer not in schema for answer in answers) / n,
        "empty": answers.count("") / n,
        "per_class": per_class,
    }


def _average(scores: Mapping[str, float], benchmarks: Sequence[str]) -> dict[str, Any]:
    missing = [name for name in benchmarks if (value := scores.get(name)) is None or math.isnan(value)]
    complete = benchmarks and not missing
    value = fmean(scores[name] for name in benchmarks) if complete else None
    return {"value": value, "n": len(benchmarks), "missing": missing}


def average_members(domains: Mapping[str, str], selected: Sequence[str]) -> dict[str, list[str]]:
    """The selected benchmarks that the averages `general`, `literary` and `overall` are over, each once.

    Raises:
        ValueError: A selected benchmark has no domain, or an unknown one.
    """
    benchmarks = list(dict.fromkeys(selected))
    for name in benchmarks:
        if domains.get(name) not in DOMAINS:
            raise ValueError(
                f"benchmark {name!r} has the domain {domains.get(name)!r}, not {' or '.join(DOMAINS)}; "
                f"set benchmarks.{name}.domain or take it out of matrix.benchmarks"
            )
    members = {domain: [name for name in benchmarks if domains[name] == domain] for domain in DOMAINS}
    return members | {"overall": benchmarks}


def domain_averages(
    scores: Mapping[str, float], domains: Mapping[str, str], selected: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Plain means of one score over the selected benchmarks of each domain and over all of them.

    Args:
        scores: One score a benchmark; benchmarks outside `selected` are ignored.
        domains: `general` or `literary`, a benchmark.
        selected: The benchmarks to average, each counted once.

    Returns:
        For `general`, `literary` and `overall`: `value`, the mean, or None where a selected score is
        missing (absent, None or NaN) or none is selected; `n`, benchmarks selected; `missing`, their names.

    Raises:
        ValueError: A selected benchmark has no domain, or an unknown one.
    """
    members = average_members(domains, selected)
    return {part: _average(scores, names) for part, names in members.items()}
