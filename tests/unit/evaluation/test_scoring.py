"""Scoring: tables worked by hand, agreement with scikit-learn, and the faults that must not come back."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mixtune.data.labels import normalise, recognise
from mixtune.evaluation.scoring import PAPER_NEGATIVES, domain_averages, negative_words, score

LABELS = ["Kill", "Live_In", "Work_For", "none"]
CAUSE, EFFECT = "Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"


def test_negative_words_are_the_benchmarks_own_or_with_the_papers():
    assert {"none", "other", "no_relation", "na", "nan", "null"} == PAPER_NEGATIVES
    assert negative_words("Other", "benchmark") == {"other"}
    assert negative_words(None, "benchmark") == frozenset()
    assert negative_words("No Link", "paper") == PAPER_NEGATIVES | {"no link"}
    assert negative_words(None, "paper") == PAPER_NEGATIVES


def test_an_unknown_set_of_negatives_names_the_setting():
    with pytest.raises(ValueError, match=r"'all'.*scoring\.negatives"):
        negative_words("Other", "all")


def test_directions_differ_and_case_does_not():
    assert recognise("cause-effect(E2,E1)", [CAUSE, EFFECT]) == (EFFECT, True)
    assert score([CAUSE], [CAUSE.upper()], ["other"], [CAUSE, EFFECT])["micro_f1"] == 1.0
    turned = score([CAUSE], [EFFECT], ["other"], [CAUSE, EFFECT])
    assert (turned["tp"], turned["fp"], turned["fn"]) == (0, 1, 1)
    assert list(turned["per_class"]) == [CAUSE, EFFECT]


#          right   wrong       missed  missed  invented  true neg.  true neg.  outside the schema
GOLD = ["Kill", "Kill", "Kill", "Live_In", "none", "none", "none", "Live_In"]
PREDICTED = ["kill", "Live_In", "", "none", "KILL", "None", "", "lives at"]


def test_a_table_worked_by_hand():
    assert score(GOLD, PREDICTED, {"none"}, LABELS) == {
        "n": 8,
        "tp": 1,
        "fp": 3,
        "fn": 4,
        "precision": 1 / 4,
        "recall": 1 / 5,
        "micro_f1": 2 / 9,
        "macro_f1": (2 / 5 + 0) / 2,
        "accuracy": 3 / 8,
        "out_of_schema": 1 / 8,
        "empty": 2 / 8,
        "per_class": {
            "Kill": {
                "tp": 1,
                "fp": 1,
                "fn": 2,
                "support": 3,
                "precision": 1 / 2,
                "recall": 1 / 3,
                "f1": 2 / 5,
            },
            "Live_In": {
                "tp": 0,
                "fp": 1,
                "fn": 2,
                "support": 2,
                "precision": 0.0,
                "recall": 0.0,
                "f1": 0.0,
            },
            "lives at": {
                "tp": 0,
                "fp": 1,
                "fn": 0,
                "support": 0,
                "precision": 0.0,
                "recall": 0.0,
                "f1": 0.0,
            },
        },
    }


def test_scores_are_json_and_row_order_does_not_matter():
    scores = score(GOLD[::-1], PREDICTED[::-1], {"none"}, LABELS)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores == score(GOLD, PREDICTED, {"none"}, LABELS)
    assert list(scores["per_class"]) == ["Kill", "Live_In", "lives at"]


def test_without_positive_labels_every_ratio_but_accuracy_is_zero():
    scores = score(["none", "none"], ["", "none"], {"none"}, LABELS)
    assert [scores[key] for key in ("precision", "recall", "micro_f1", "macro_f1")] == [0.0] * 4
    assert (scores["accuracy"], scores["per_class"]) == (1.0, {})


def test_a_label_is_shown_as_gold_spells_it_then_as_the_inventory_does():
    scores = score(["KILL", "none"], ["kill", "live_in"], ["none"], LABELS)
    assert list(scores["per_class"]) == ["KILL", "Live_In"]
    for gold in (["kill", "KILL", "Kill"], ["Kill", "KILL", "kill"]):
        assert list(score(gold, ["none"] * 3, ["none"], LABELS)["per_class"]) == ["KILL"]


def test_outputs_not_yet_recognised_are_scored_and_shown_by_their_first_line():
    scores = score(["work_for", "none"], [' "Work_For"\nbecause', "“Lives  At”\n"], ["NONE"], LABELS)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 1, 0)
    assert list(scores["per_class"]) == ["Lives At", "work_for"]
    for predicted in (["at", "AT", "At"], ["At", "AT", "at"]):
        assert list(score(["none"] * 3, predicted, ["none"], LABELS)["per_class"]) == ["AT"]


def test_classes_are_sorted_by_spelling():
    assert list(score(["art", "Zoo"], ["", ""], [], ["art", "Zoo"])["per_class"]) == ["Zoo", "art"]


def test_a_gold_label_outside_the_inventory_is_scored_all_the_same():
    scores = score(["Born_In", "Born_In"], ["born_in", "Kill"], ["none"], LABELS)
    assert (scores["tp"], scores["fp"], scores["fn"], scores["out_of_schema"]) == (1, 1, 1, 1 / 2)


def test_the_papers_negatives_make_a_foreign_negative_word_no_prediction():
    gold, predicted = ["Other", "Kill", "Other"], ["none", "null", "Kill"]
    own = score(gold, predicted, negative_words("Other", "benchmark"), ["Kill", "Other"])
    assert (own["tp"], own["fp"], own["fn"], own["accuracy"]) == (0, 3, 1, 0.0)
    paper = score(gold, predicted, negative_words("Other", "paper"), ["Kill", "Other"])
    assert (paper["tp"], paper["fp"], paper["fn"], paper["accuracy"]) == (0, 1, 1, 1 / 3)
    assert own["out_of_schema"] == paper["out_of_schema"] == 2 / 3


KEYS = ["kill", "live_in", "work_for", "born in", "none", "other"]
FORMS = [str, str.upper, str.title, "“{}”".format, " '{}'\nmore".format]
WRITTEN = st.tuples(st.sampled_from(KEYS), st.sampled_from(FORMS))
EMPTY = st.tuples(st.just(""), st.sampled_from(FORMS[:4]))


@settings(deadline=None)  # a loaded machine is no fault
@given(
    rows=st.lists(st.tuples(WRITTEN, st.one_of(WRITTEN, EMPTY)), min_size=1, max_size=40),
    negatives=st.sampled_from([frozenset(), frozenset({"none"}), frozenset({"none", "other"})]),
)
def test_scores_are_scikit_learns(rows, negatives):
    gold, predicted = [key for (key, _), _ in rows], [key for _, (key, _) in rows]
    ours = score([f(key) for (key, f), _ in rows], [f(key) for _, (key, f) in rows], negatives, KEYS)

    def sklearn_scores(labels, average):
        if not labels:
            return (0.0, 0.0, 0.0)
        return metrics.precision_recall_fscore_support(
            gold, predicted, labels=labels, average=average, zero_division=0
        )[:3]

    micro = sklearn_scores(sorted({*gold, *predicted} - negatives - {""}), "micro")
    assert (ours["precision"], ours["recall"], ours["micro_f1"]) == pytest.approx(micro, abs=1e-12)
    assert ours["macro_f1"] == pytest.approx(sklearn_scores(sorted({*gold} - negatives), "macro")[2], abs=1e-12)
    one_negative = [["" if key in negatives else key for key in keys] for keys in (gold, predicted)]
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(*one_negative), abs=1e-12)
    assert ours["empty"] == predicted.count("") / len(rows)
    labels = sorted({*gold, *predicted} - negatives - {""})
    if labels:
        by_class = metrics.precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
        found = {normalise(label): one for label, one in ours["per_class"].items()}
        columns = [[found[label][key] for label in labels] for key in ("precision", "recall", "f1", "support")]
        assert columns == [pytest.approx(column, abs=1e-12) for column in by_class]
    assert len(ours["per_class"]) == len(labels)


def test_negatives_left_in():
    gold, predicted = ["no_relation"] * 9 + ["per:title"], ["no_relation"] * 10
    scores = score(gold, predicted, negative_words("no_relation", "benchmark"), ["no_relation", "per:title"])
    assert (scores["accuracy"], scores["micro_f1"], scores["macro_f1"]) == (0.9, 0.0, 0.0)
    assert "no_relation" not in scores["per_class"]


def test_abstentions_dropped():
    scores = score(["Kill", "Kill", "Live_In", "Live_In"], ["Kill", "", " ", '""'], [], LABELS)
    assert (scores["n"], scores["tp"], scores["fp"], scores["fn"]) == (4, 1, 0, 3)
    assert (scores["recall"], scores["micro_f1"], scores["accuracy"]) == (1 / 4, 2 / 5, 1 / 4)
    assert (scores["empty"], scores["out_of_schema"]) == (3 / 4, 0.0)


def test_null_label():
    scores = score(["NA", "/people/birth"], ["NA", "NA"], negative_words("NA", "benchmark"), ["NA"])
    assert (scores["n"], scores["fn"], scores["accuracy"], scores["out_of_schema"]) == (2, 1, 1 / 2, 0.0)
    assert score(["NA"], ["na"], [], ["NA"])["per_class"]["NA"]["tp"] == 1
    for null in (None, math.nan, "", "''"):
        with pytest.raises(ValueError, match=r"gold label 1 is .* never null"):
            score(["Kill", null], ["Kill", "Kill"], [], LABELS)
    for null in (None, math.nan):
        with pytest.raises(ValueError, match=r"prediction 1 is .* empty string"):
            score(["Kill", "Kill"], ["Kill", null], [], LABELS)


def test_lengths_differ():
    with pytest.raises(ValueError, match="2 gold labels but 1 predictions"):
        score(["Kill", "Kill"], ["Kill"], [], LABELS)


def test_no_rows():
    with pytest.raises(ValueError, match="no examples to score"):
        score([], [], [], LABELS)


DOMAINS = {"tacred": "general", "gids": "general", "conll04": "general", "pg_fiction": "literary"}
SCORES = {"tacred": 0.5, "gids": 0.75, "conll04": 1.0, "pg_fiction": 0.25}


def test_domain_averages_are_plain_means_over_the_selected():
    assert domain_averages(SCORES, DOMAINS, ["pg_fiction", "gids", "tacred"]) == {
        "general": {"value": 0.625, "n": 2, "missing": []},
        "literary": {"value": 0.25, "n": 1, "missing": []},
        "overall": {"value": 0.5, "n": 3, "missing": []},
    }


def test_a_domain_without_selected_benchmarks_has_no_average():
    assert domain_averages(SCORES, DOMAINS, ["gids", "gids"]) == {
        "general": {"value": 0.75, "n": 1, "missing": []},
        "literary": {"value": None, "n": 0, "missing": []},
        "overall": {"value": 0.75, "n": 1, "missing": []},
    }


@pytest.mark.parametrize("absent", [{}, {"gids": None}, {"gids": math.nan}])
def test_average_of_what_exists(absent):
    averages = domain_averages({"tacred": 0.5, "pg_fiction": 0.25} | absent, DOMAINS, list(DOMAINS)[:2])
    assert averages["general"] == {"value": None, "n": 2, "missing": ["gids"]}
    averages = domain_averages({"tacred": 0.5, "pg_fiction": 0.25} | absent, DOMAINS, ["gids", "pg_fiction"])
    assert averages["literary"] == {"value": 0.25, "n": 1, "missing": []}
    assert averages["overall"] == {"value": None, "n": 2, "missing": ["gids"]}


def test_measured_value_overwritten():
    averages = domain_averages({"tacred": 0.0, "gids": 0.5}, DOMAINS, ["tacred", "gids"])
    assert averages["general"] == {"value": 0.25, "n": 2, "missing": []}


@pytest.mark.parametrize("domains", [{}, {"gids": "medical"}])
def test_a_benchmark_without_a_known_domain_is_an_error(domains):
    with pytest.raises(ValueError, match=r"'gids' has the domain .* matrix\.benchmarks"):
        domain_averages({"gids": 1.0}, domains, ["gids"])
