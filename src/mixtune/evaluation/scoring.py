"""Gold and predicted labels -> precision, recall and F1 over the positive labels."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import TypedDict, TypeVar, cast

import numpy as np

from ..data.labels import clean, normalise
from .formats import ClassScores, Rates, Scores

_Counts = TypeVar("_Counts", float, np.ndarray)

PAPER_NEGATIVES = frozenset({"none", "other", "no_relation", "na", "nan", "null"})
"""Words that the paper (arXiv:2606.22606) counts as negative on every benchmark; case-folded."""

DOMAINS = ("general", "literary")


class Average(TypedDict):
    """Mean over benchmarks; see `domain_averages`."""

    value: float | None
    n: int
    missing: list[str]


def negative_words(negative: str | None, which: str) -> frozenset[str]:
    """Return the normalised words that mean "no relation" on one benchmark; there may be none.

    Args:
        negative: The benchmark's own negative label; None if it has none.
        which: `benchmark` for that label alone, `paper` to add PAPER_NEGATIVES.

    >>> negative_words("No Relation", "benchmark")
    frozenset({'no relation'})

    Raises:
        ValueError: `which` is neither; the message names `scoring.negatives`.
    """
    own = frozenset() if negative is None else frozenset({normalise(negative)})
    if which == "benchmark":
        return own
    if which == "paper":
        return own | PAPER_NEGATIVES
    raise ValueError(f"unknown set of negative words {which!r}; set scoring.negatives to benchmark or paper")


def _validate(gold: Sequence[str], predicted: Sequence[str]) -> None:
    if len(gold) != len(predicted):
        raise ValueError(
            f"{len(gold)} gold labels but {len(predicted)} predictions; pair them by example id, and keep "
            "abstentions as empty strings"
        )
    if len(gold) == 0:
        raise ValueError("no examples to score; check the benchmark's test split")
    for row, (label, answer) in enumerate(zip(gold, predicted, strict=True)):
        if not isinstance(label, str) or not normalise(label):
            raise ValueError(f"gold label {row} is {label!r}, not a word; a negative must be spelt out, never null")
        if not isinstance(answer, str):
            raise ValueError(f"prediction {row} is {answer!r}, not a string; an abstention must be an empty string")


def outcome(gold: str, predicted: str, negative: Collection[str]) -> tuple[bool, bool, bool]:
    """Return whether a prediction counts as true positive, false positive and false negative, for every score.

    Args:
        gold, predicted: Normalised labels.
        negative: Normalised words that mean "no relation", the empty one included.

    Returns:
        tp, fp (both of the predicted label) and fn (of the gold label); a prediction is correct where neither
        fp nor fn holds.

    >>> outcome("kill", "kill", {"none", ""}), outcome("kill", "live_in", {"none", ""})
    ((True, False, False), (False, True, True))
    """
    is_equal = gold == predicted
    return (
        is_equal and gold not in negative,
        not is_equal and predicted not in negative,
        not is_equal and gold not in negative,
    )


def f1(tp: _Counts, fp: _Counts, fn: _Counts) -> _Counts:
    """Return the F1 of counts, or of arrays of counts; 0.0 where there is neither a gold label nor a prediction.

    >>> float(f1(3, 1, 2))
    0.6666666666666666
    """
    return cast(_Counts, 2 * tp / np.maximum(2 * tp + fp + fn, 1))  # numpy's type of a ratio of floats is a float


def micro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the F1 of counts (…, 3): tp, fp, fn."""
    return f1(*np.moveaxis(counts, -1, 0))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of counts (…, labels, 3) over the labels in gold; 0.0 if there are none.

    >>> float(macro_f1(np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]])))
    0.5
    """
    in_gold = counts[..., 0] + counts[..., 2] > 0
    return (micro_f1(counts) * in_gold).sum(-1) / np.maximum(in_gold.sum(-1), 1)


def _ratio(part: int, total: int) -> float:
    return part / total if total else 0.0


def _rates(tp: int, fp: int, fn: int) -> Rates:
    return {"tp": tp, "fp": fp, "fn": fn, "precision": _ratio(tp, tp + fp), "recall": _ratio(tp, tp + fn)}


def _class_scores(tp: int, fp: int, fn: int) -> ClassScores:
    return {**_rates(tp, fp, fn), "support": tp + fn, "f1": float(f1(tp, fp, fn))}


def score(gold: Sequence[str], predicted: Sequence[str], negatives: Collection[str], labels: Sequence[str]) -> Scores:
    """Return the scores of one system on one benchmark, over the positive labels.

    Every prediction that is neither empty nor negative is positive, in the inventory or not. An empty one
    counts as negative. Micro-F1 therefore equals scikit-learn's with labels = (gold ∪ predicted) − negatives.

    Args:
        gold: The label of each example, never empty.
        predicted: The prediction for each example, in the same order; "" for an abstention.
        negatives: As returned by `negative_words`.
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

    >>> scores = score(["kill", "lives", "none"], ["Kill", "", "kill"], {"none"}, ["kill", "lives", "none"])
    >>> scores["tp"], scores["fp"], scores["fn"], scores["micro_f1"], scores["empty"]
    (1, 1, 1, 0.5, 0.3333333333333333)
    """
    _validate(gold, predicted)
    negative = {normalise(word) for word in negatives} | {""}
    schema = {normalise(label) for label in labels} | {""}
    normalised = [normalise(label) for label in predicted]

    tp, fp, fn, correct = Counter[str](), Counter[str](), Counter[str](), 0
    for (g, p), count in Counter(zip(map(normalise, gold), normalised, strict=True)).items():
        is_tp, is_fp, is_fn = outcome(g, p, negative)
        correct += 0 if is_fp or is_fn else count
        for label, counts, holds in ((p, tp, is_tp), (p, fp, is_fp), (g, fn, is_fn)):
            if holds:
                counts[label] += count

    # Spelt as in gold, else in the inventory, else by the model; sorted, so that the row order has no effect.
    spellings = {normalise(label): clean(label) for label in sorted(set(predicted), reverse=True)}
    spellings |= {normalise(label): label for label in (*reversed(labels), *sorted(set(gold), reverse=True))}
    classes = sorted(tp.keys() | fp.keys() | fn.keys(), key=spellings.__getitem__)
    per_class = {spellings[label]: _class_scores(tp[label], fp[label], fn[label]) for label in classes}

    n = len(normalised)
    counts = np.array([[row["tp"], row["fp"], row["fn"]] for row in per_class.values()]).reshape(-1, 3)
    return {
        "n": n,
        "micro_f1": float(f1(tp.total(), fp.total(), fn.total())),
        **_rates(tp.total(), fp.total(), fn.total()),
        "macro_f1": float(macro_f1(counts)),
        "accuracy": correct / n,
        "out_of_schema": sum(label not in schema for label in normalised) / n,
        "empty": normalised.count("") / n,
        "per_class": per_class,
    }


def _average(scores: Mapping[str, float | None], benchmarks: Sequence[str]) -> Average:
    values = {name: value for name in benchmarks if (value := scores.get(name)) is not None and not math.isnan(value)}
    missing = [name for name in benchmarks if name not in values]
    value = fmean(values.values()) if benchmarks and not missing else None
    return {"value": value, "n": len(benchmarks), "missing": missing}


def average_members(domains: Mapping[str, str], selected: Sequence[str]) -> dict[str, list[str]]:
    """Return the selected benchmarks in each of the averages `general`, `literary` and `overall`, each once.

    >>> average_members({"gids": "general", "pg_fiction": "literary"}, ["gids"])
    {'general': ['gids'], 'literary': [], 'overall': ['gids']}

    Raises:
        ValueError: A selected benchmark has no domain, or an unknown one.
    """
    benchmarks = list(dict.fromkeys(selected))
    for name in benchmarks:
        if domains.get(name) not in DOMAINS:
            raise ValueError(
                f"benchmark {name!r} has the domain {domains.get(name)!r}, which must be {' or '.join(DOMAINS)}; "
                f"set benchmarks.{name}.domain or remove it from matrix.benchmarks"
            )
    members = {domain: [name for name in benchmarks if domains[name] == domain] for domain in DOMAINS}
    return members | {"overall": benchmarks}


def domain_averages(
    scores: Mapping[str, float | None], domains: Mapping[str, str], selected: Sequence[str]
) -> dict[str, Average]:
    """Return the plain means of one score over the selected benchmarks of each domain and over all of them.

    Args:
        scores: Score of each benchmark; benchmarks outside `selected` are ignored.
        domains: Domain of each benchmark, `general` or `literary`.
        selected: The benchmarks to average, each counted once.

    Returns:
        For `general`, `literary` and `overall`: `value`, the mean, or None if a selected score is missing
        (absent, None or NaN) or none is selected; `n`, benchmarks selected; `missing`, those without a score.

    Raises:
        ValueError: A selected benchmark has no domain, or an unknown one.

    >>> domain_averages({"gids": 0.5, "tacred": 0.75}, {"gids": "general", "tacred": "general"}, ["gids", "tacred"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'general': {'value': 0.625, 'n': 2, 'missing': []},
     'literary': {'value': None, 'n': 0, 'missing': []},
     'overall': {'value': 0.625, 'n': 2, 'missing': []}}
    """
    members = average_members(domains, selected)
    return {average: _average(scores, names) for average, names in members.items()}
