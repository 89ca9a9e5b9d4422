"""Statistics from counts: against exact distributions, a loop over rows, SciPy, and the truth in simulations."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mixtune.evaluation.outcomes import Labels, counts, label_counts
from mixtune.evaluation.scoring import macro_f1, micro_f1, score
from mixtune.evaluation.significance import Paired, bootstrap, generator, holm, interval, mcnemar, randomise

NEGATIVE = frozenset({"none", ""})
KINDS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=np.int8)
"""What a row can add to tp, fp, fn."""

#          right    confused   missed    invented   negative
GOLD = ["Kill", "Kill", "Live_In", "none", "none"]
PREDICTED = ["Kill", "Live_In", "", "Kill", "none"]


def answers(gold, predicted):
    ids = tuple(f"id-{i:04}" for i in range(len(gold)))
    return Labels(ids, tuple(word.lower() for word in gold), tuple(word.lower() for word in predicted))


def both_counts(gold=GOLD, predicted=PREDICTED):
    """Counts of the rows under one system, for micro-F1 and for macro-F1."""
    rows = answers(gold, predicted)
    return counts(rows, NEGATIVE)[:, None], label_counts(rows, NEGATIVE)[:, None]


def random_rows(n, seed, skill=0.6):
    """Gold and predicted labels of a system that is right now and then."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(["a", "b", "c", "none"], n, p=[0.4, 0.2, 0.1, 0.3])
    predicted = np.where(rng.random(n) < skill, gold, rng.choice(["a", "b", "d", "none", ""], n))
    return list(gold), list(predicted)


# The same counts as in scores


ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "none"]), st.sampled_from(["a", "b", "d", "none", ""])),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(ROWS)
def test_the_counts_of_rows_add_up_to_scores(rows):
    gold, predicted = zip(*rows, strict=True)
    wanted = score(gold, predicted, ["none"], ["a", "b", "c", "none"])
    micro, macro = (found[:, 0].sum(0, dtype=int) for found in both_counts(gold, predicted))
    assert tuple(micro) == (wanted["tp"], wanted["fp"], wanted["fn"])
    assert (micro_f1(micro), macro_f1(macro)) == (wanted["micro_f1"], pytest.approx(wanted["macro_f1"], abs=1e-12))
    by_label = [[row["tp"], row["fp"], row["fn"]] for row in wanted["per_class"].values() if row["support"]]
    assert macro.tolist() == by_label


# The bootstrap


def exact(metric, draws_of):
    """The exact bootstrap distribution: the score of each possible resample, and its probability."""
    found = Counter()
    for rows, times in Counter(tuple(sorted(rows)) for rows in draws_of).items():
        result = score([GOLD[i] for i in rows], [PREDICTED[i] for i in rows], ["none"], ["Kill", "Live_In", "none"])
        found[round(result[metric], 9)] += times
    return {value: times / found.total() for value, times in found.items()}


def agrees(draws, distribution):
    """Whether each value is drawn as often as it should be, within 4.5 standard errors, and no other is."""
    found, n = Counter(np.round(draws, 9).tolist()), len(draws)
    errors = {value: np.sqrt(p * (1 - p) / n) for value, p in distribution.items()}
    return found.keys() <= distribution.keys() and all(
        abs(found[value] / n - p) < 4.5 * errors[value] + 1e-12 for value, p in distribution.items()
    )


@pytest.mark.parametrize(("metric", "statistic"), [("micro_f1", micro_f1), ("macro_f1", macro_f1)])
def test_resamples_have_the_exact_bootstrap_distribution(metric, statistic):
    rows = both_counts()[metric == "macro_f1"]
    draws = bootstrap(rows, statistic, generator("exact"), 200_000)[:, 0]
    assert agrees(draws, exact(metric, product(range(5), repeat=5)))  # 3,125 resamples


@pytest.mark.parametrize(("metric", "statistic"), [("micro_f1", micro_f1), ("macro_f1", macro_f1)])
def test_groups_are_drawn_whole(metric, statistic):
    rows, groups = both_counts()[metric == "macro_f1"], ["x", "y", "x", "z", "y"]
    members = [0, 2], [1, 4], [3]
    draws = bootstrap(rows, statistic, generator("groups"), 100_000, groups)[:, 0]
    assert agrees(draws, exact(metric, ([*a, *b, *c] for a, b, c in product(members, repeat=3))))


def test_the_interval_is_that_of_the_exact_distribution():
    distribution = exact("micro_f1", product(range(5), repeat=5))
    values = sorted(distribution)
    shares = np.cumsum([distribution[value] for value in values])
    wanted = [values[np.searchsorted(shares, p)] for p in (0.05, 0.95)]
    draws = bootstrap(both_counts()[0], micro_f1, generator("exact interval"), 200_000)[:, 0]
    assert interval(draws, 0.9).tolist() == pytest.approx(wanted, abs=1e-9)


def test_a_loop_over_rows_has_the_same_distribution():
    gold, predicted = random_rows(80, seed=1)
    micro, macro = both_counts(gold, predicted)
    rng, loop = np.random.default_rng(2), []
    for _ in range(1500):
        drawn = rng.integers(0, len(gold), len(gold))
        loop.append(score([gold[i] for i in drawn], [predicted[i] for i in drawn], ["none"], ["a", "b", "c"]))
    for rows, statistic, metric in ((micro, micro_f1, "micro_f1"), (macro, macro_f1, "macro_f1")):
        draws = bootstrap(rows, statistic, generator("loop"), 1500)[:, 0]
        assert stats.ks_2samp(draws, [one[metric] for one in loop]).pvalue > 0.01


def test_memory_is_bounded_and_does_not_change_a_draw(monkeypatch):
    rows = both_counts(*random_rows(60, seed=3))[1]
    whole = bootstrap(rows, macro_f1, generator("chunks"), 500)
    monkeypatch.setattr("mixtune.evaluation.significance.CHUNK", 100)
    assert np.array_equal(bootstrap(rows, macro_f1, generator("chunks"), 500), whole)


def test_systems_are_drawn_together():
    """Equal systems have equal scores in each resample, so that their mean is no surer than one of them."""
    micro = both_counts(*random_rows(60, seed=3))[0]
    draws = bootstrap(np.concatenate([micro, micro], axis=1), micro_f1, generator("both"), 300)
    assert draws.shape == (300, 2)
    assert np.array_equal(draws[:, 0], draws[:, 1])


def test_without_positive_labels_every_draw_is_zero():
    micro, macro = both_counts(["none"] * 3, ["none", "", "none"])
    assert not bootstrap(micro, micro_f1, generator("none"), 50).any()
    assert not bootstrap(macro, macro_f1, generator("none"), 50).any()


def test_one_group_has_no_spread():
    """Every resample of one group is the test set: an interval without width and a tiny p would be made up."""
    a, b = KINDS[[0, 2, 2, 1]], KINDS[[0, 0, 2, 1]]
    tests = Paired.of(a, b, generator("one group"), 100, ["book"] * 4).tests(0.95)
    assert tests["difference"] > 0 and tests["p_randomisation"] == 1
    assert all(np.isnan(tests[key]) for key in ("low", "high", "p_bootstrap"))
    assert np.isnan(bootstrap(a, micro_f1, generator("one row"), 10, ["book"] * 4)).all()


def test_a_generator_is_its_names():
    first, again, other = (generator(*names).random(4) for names in (("a", "b"), ("a", "b"), ("ab",)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert generator("system", "schema", "gids").integers(0, 10**6) == 871182  # on any machine


# Coverage


def covered(level, datasets, draw, truth, resamples):
    """The share of simulated test sets whose interval holds the truth."""
    rng, hits = np.random.default_rng(7), 0
    for number in range(datasets):
        rows, groups = draw(rng)
        low, high = interval(bootstrap(rows, micro_f1, generator(f"{number}"), resamples, groups), level)
        hits += low <= truth <= high
    return hits / datasets


SHARES = np.array([0.35, 0.05, 0.1, 0.15, 0.35])
TRUTH = float(micro_f1(SHARES @ KINDS * 1e9))


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """95 % within a percentage point, over 4,000 test sets (a standard error of 0.34)."""

    def draw(rng):
        return KINDS[rng.choice(5, 1000, p=SHARES)], None

    assert covered(0.95, 4000, draw, TRUTH, 600) == pytest.approx(0.95, abs=0.01)


def grouped(rng):
    """250 groups of four rows that are mostly of one kind."""
    kinds = np.repeat(rng.choice(5, 250, p=SHARES), 4)
    own = rng.random(1000) < 0.3
    kinds[own] = rng.choice(5, own.sum(), p=SHARES)
    return KINDS[kinds], np.repeat(np.arange(250), 4)


def test_groups_widen_the_interval_as_far_as_they_must():
    assert covered(0.95, 1000, grouped, TRUTH, 400) == pytest.approx(0.95, abs=0.02)
    alone = covered(0.95, 300, lambda rng: (grouped(rng)[0], None), TRUTH, 400)
    assert alone < 0.85


# Paired tests


def exact_randomisation(a, b, units):
    """The exact distribution of the difference under all swaps of the units' rows."""
    found = Counter()
    for swaps in product((False, True), repeat=len(units)):
        first, second = a.astype(int), b.astype(int)
        for swap, rows in zip(swaps, units, strict=True):
            if swap:
                first[rows], second[rows] = second[rows].copy(), first[rows].copy()
        found[round(float(micro_f1(second.sum(0)) - micro_f1(first.sum(0))), 9)] += 1
    return {value: times / found.total() for value, times in found.items()}


@pytest.mark.parametrize("groups", [None, ["x", "x", "y", "z", "z", "z", "w", "v"]])
def test_swapped_answers_have_the_exact_distribution(groups):
    a, b = KINDS[[0, 3, 2, 1, 0, 4, 3, 0]], KINDS[[3, 0, 0, 4, 0, 1, 0, 2]]
    units = [[i] for i in range(8)] if groups is None else [[0, 1], [2], [3, 4, 5], [6], [7]]
    draws = randomise(a, b, generator("swaps"), 200_000, groups)
    assert agrees(draws, exact_randomisation(a, b, units))


def test_a_paired_resample_draws_the_same_rows_for_both():
    """Two systems of which one is right on all that the other is, and more, never change places."""
    a, b = KINDS[[0, 0, 0, 2, 2, 2]], KINDS[[0, 0, 0, 0, 2, 2]]
    paired = Paired.of(a, b, generator("paired"), 2000)
    assert paired.resampled.min() == 0
    tests = paired.tests(0.95)
    assert (tests["micro_f1_a"], tests["micro_f1_b"]) == (6 / 9, 8 / 10)
    assert tests["difference"] == pytest.approx(8 / 10 - 6 / 9)
    assert tests["low"] <= tests["difference"] <= tests["high"]


def test_equal_systems_do_not_differ():
    a = KINDS[[0, 1, 2, 3, 4]]
    tests = Paired.of(a, a, generator("equal"), 200).tests(0.95)
    assert (tests["difference"], tests["low"], tests["high"]) == (0, 0, 0)
    assert (tests["p_bootstrap"], tests["p_randomisation"], mcnemar(a, a)) == (1, 1, 1)


def test_no_p_value_is_zero():
    a, b = KINDS[[2] * 300], KINDS[[0] * 300]
    tests = Paired.of(a, b, generator("far"), 999).tests(0.95)
    assert (tests["difference"], tests["p_bootstrap"], tests["p_randomisation"]) == (1, 2 / 1000, 1 / 1000)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=60))
def test_p_and_interval_of_the_bootstrap_agree(kinds):
    """Far from the edge of chance: p is above 1 - level where 0 is inside the interval, else below."""
    a, b = (KINDS[list(side)] for side in zip(*kinds, strict=True))
    tests = Paired.of(a, b, generator("agree"), 500).tests(0.9)
    if tests["p_bootstrap"] > 0.12:
        assert tests["low"] <= 1e-12 and tests["high"] >= -1e-12
    if tests["p_bootstrap"] < 0.08:
        assert tests["low"] >= -1e-12 or tests["high"] <= 1e-12


def test_the_mean_of_pairs_is_the_mean_of_their_draws():
    first = Paired.of(KINDS[[0, 2, 2]], KINDS[[0, 0, 2]], generator("one"), 100)
    second = Paired.of(KINDS[[0, 3, 1]], KINDS[[3, 3, 0]], generator("two"), 100)
    mean = Paired.mean([first, second])
    assert np.array_equal(mean.resampled, (first.resampled + second.resampled) / 2)
    assert np.array_equal(mean.randomised, (first.randomised + second.randomised) / 2)
    parts = [part.tests(0.95) for part in (first, second)]
    assert mean.tests(0.95)["difference"] == pytest.approx(sum(part["difference"] for part in parts) / 2)


def test_equally_good_systems_differ_as_rarely_as_the_level_says():
    """5 % of 2,000 pairs of equally good systems, within a percentage point and a half (3 standard errors)."""
    rng, found = np.random.default_rng(5), []
    for number in range(2000):
        shared = rng.choice(5, 400, p=SHARES)
        own = [np.where(rng.random(400) < 0.5, shared, rng.choice(5, 400, p=SHARES)) for _ in range(2)]
        tests = Paired.of(KINDS[own[0]], KINDS[own[1]], generator(f"null {number}"), 399).tests(0.95)
        found.append([tests["p_bootstrap"] <= 0.05, tests["p_randomisation"] <= 0.05])
    assert np.mean(found, axis=0) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (1, 9), (9, 1), (7, 7), (40, 60), (600, 700), (0, 9000)])
def test_mcnemar_is_scipys_exact_binomial_test(first, second):
    a = KINDS[[0] * (first + 5) + [3] * second + [1] * 3]  # 5 rows on which both are right, 3 on which none is
    b = KINDS[[0] * 5 + [2] * first + [4] * second + [1] * 3]
    wanted = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(a, b) == pytest.approx(wanted, rel=1e-9)


def test_holm_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]  # 0.5 · 2, and never above 1
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_step_by_step(p_values):
    """As Holm states it: go through the sorted p-values, and stop at the first that is above alpha / those left."""
    alpha, adjusted = 0.05, holm(p_values)
    rejected = 0
    for rank, p in enumerate(sorted(p_values)):
        if p * (len(p_values) - rank) > alpha:
            break
        rejected += 1
    assert sorted(p <= alpha for p in adjusted) == [False] * (len(p_values) - rejected) + [True] * rejected
