"""Floors and the ceiling, worked by hand; the ceiling against all answers that there are."""

import math
import random
from collections import Counter
from itertools import product

import pytest

from mixtune.baselines.floors import best_labels, predict_labels
from mixtune.data.audit import count_labels_by_input
from mixtune.evaluation.scoring import score

TYPES = [("lives", "PL"), ("works", "PO"), ("NA", "LL")]


@pytest.mark.parametrize(
    ("name", "negative", "expected"),
    [
        ("majority", "NA", ["NA", "NA", "NA"]),
        ("majority", None, ["NA", "NA", "NA"]),
        ("majority-positive", "na", ["born", "born", "born"]),  # as often as lives, and first by name
        ("majority-positive", None, ["NA", "NA", "NA"]),
        ("type-pair", "NA", ["NA", "works", "NA"]),
    ],
)
def test_a_floor_knows_train_alone(typed_rows, train, name, negative, expected):
    assert predict_labels(name, train, typed_rows(*TYPES), negative, seed=0) == expected


def test_where_train_is_all_negative_so_is_every_floor(typed_rows):
    train = typed_rows(("NA", "PL"), split="train")
    for name in ("majority", "majority-positive", "type-pair", "random"):
        assert predict_labels(name, train, typed_rows(*TYPES), "NA", seed=0) == ["NA"] * 3


def test_random_draws_with_the_shares_of_train(typed_rows, train):
    test = typed_rows(*[("NA", "PL")] * 4000)
    found = Counter(predict_labels("random", train, test, "NA", seed=1))
    for label, n in {"NA": 4, "lives": 2, "born": 2, "works": 1}.items():
        share = n / 9
        assert abs(found[label] / 4000 - share) < 4 * math.sqrt(share * (1 - share) / 4000)


def test_random_depends_on_seed_and_id_alone(typed_rows, train):
    test = typed_rows(*[("NA", "PL")] * 50)
    first = dict(zip([e.id for e in test], predict_labels("random", train, test, None, seed=1), strict=True))
    other = test[::-2]
    again = dict(zip([e.id for e in other], predict_labels("random", train[::-1], other, None, seed=1), strict=True))
    assert again.items() <= first.items()
    assert predict_labels("random", train, test, None, seed=2) != list(first.values())


def inputs(make_example, *golds):
    """Examples of inputs that are equal within each of these lists of labels."""
    numbered = ((number, label) for number, labels in enumerate(golds) for label in labels)
    return [
        make_example(0, f"Ada met Bob {number}", "Ada", "Bob", relation=label, id=f"toy/test/{row}")
        for row, (number, label) in enumerate(numbered)
    ]


@pytest.mark.parametrize(
    ("golds", "negative", "expected"),
    [
        ([["a", "a", "b"], ["c"]], None, ["a"] * 3 + ["c"]),
        ([["a", "NA"], ["b"]], "NA", ["a", "a", "b"]),  # right in half of its rows: 4/5, not 2/3
        ([["a", "NA", "NA"], ["b"], ["b"]], "NA", ["NA"] * 3 + ["b", "b"]),  # right in a third: 4/5, not 6/8
        ([["a", "b", "c", "d"], ["e"] * 4], None, [""] * 4 + ["e"] * 4),  # no answer: 8/12, not 10/16
        ([["NA", "NA"]], "NA", ["NA", "NA"]),
    ],
)
def test_the_ceiling_answers_equal_inputs_equally(make_example, golds, negative, expected):
    examples = inputs(make_example, *golds)
    assert predict_labels("duplicates", [], examples, negative, seed=0) == expected


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("negative", [None, "NA"])
def test_no_answers_are_better_than_the_ceilings(make_example, seed, negative):
    rng = random.Random(seed)
    labels = ["a", "b", "NA"]
    examples = inputs(make_example, *(rng.choices(labels, k=rng.randrange(1, 6)) for _ in range(5)))
    gold, keys = [e.relation for e in examples], list(count_labels_by_input(examples))

    def f1(chosen):
        predicted = [chosen[e.text, e.head, e.tail] for e in examples]
        return score(gold, predicted, {"na"} if negative else (), labels)["micro_f1"]

    best = max(f1(dict(zip(keys, chosen, strict=True))) for chosen in product([*labels, ""], repeat=len(keys)))
    assert f1(best_labels(examples, negative)) == pytest.approx(best, abs=1e-12)
