"""Gold and predicted labels to precision, recall and F1 over the positive labels."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from .labels import clean, normalise

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


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rates(tp: int, fp: int, fn: int) -> dict[str, Any]:
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
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
    pairs = list(zip(map(normalise, gold), answers, strict=True))

    tp = Counter(g for g, p in pairs if g == p and g not in negative)
    fp = Counter(p for g, p in pairs if g != p and p not in negative)
    fn = Counter(g for g, p in pairs if g != p and g not in negative)
    true_negatives = sum(g in negative and p in negative for g, p in pairs)

    # Shown as gold spells it, else the inventory, else the model; sorted, so that row order decides nothing.
    spellings = {normalise(label): clean(label) for label in sorted(set(predicted), reverse=True)}
    spellings |= {normalise(label): label for label in (*reversed(labels), *sorted(set(gold), reverse=True))}
    per_class = {
        spellings[label]: _rates(tp[label], fp[label], fn[label]) | {"support": tp[label] + fn[label]}
        for label in sorted(tp.keys() | fp.keys() | fn.keys(), key=spellings.__getitem__)
    }

    n = len(pairs)
    overall = _rates(tp.total(), fp.total(), fn.total())
    gold_f1 = [row["f1"] for row in per_class.values() if row["support"]]
    return {
        "n": n,
        "micro_f1": overall.pop("f1"),
        **overall,
        "macro_f1": fmean(gold_f1) if gold_f1 else 0.0,
        "accuracy": (tp.total() + true_negatives) / n,
        "out_of_schema": sum(answer not in schema for answer in answers) / n,
        "empty": answers.count("") / n,
        "per_class": per_class,
    }


def _average(scores: Mapping[str, float], benchmarks: Sequence[str]) -> dict[str, Any]:
    missing = [name for name in benchmarks if (value := scores.get(name)) is None or math.isnan(value)]
    complete = benchmarks and not missing
    value = fmean(scores[name] for name in benchmarks) if complete else None
    return {"value": value, "n": len(benchmarks), "missing": missing}


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
    benchmarks = list(dict.fromkeys(selected))
    for name in benchmarks:
        if domains.get(name) not in DOMAINS:
            raise ValueError(
                f"benchmark {name!r} has the domain {domains.get(name)!r}, not {' or '.join(DOMAINS)}; "
                f"set benchmarks.{name}.domain or take it out of matrix.benchmarks"
            )
    members = {domain: [name for name in benchmarks if domains[name] == domain] for domain in DOMAINS}
    return {group: _average(scores, names) for group, names in (members | {"overall": benchmarks}).items()}
