"""Score files as tables."""

import pytest

from mixtune.errors import UserError
from mixtune.evaluation.scoring import score
from mixtune.reports.tables.scores import per_class, scores
from tests.unit.reports.score_files import BASE, F1, file_of


def test_scores_are_those_of_the_files_whatever_their_order():
    files = [
        file_of("untuned", BASE),
        file_of("mixtune", F1, conditions=("schema", "generic")),
        file_of("gentune", F1),
    ]
    table = scores(files)
    assert table.equals(scores(files[::-1]))
    assert list(table.columns) == [
        "system", "kind", "model", "mixture", "shots", "variant", "seed", "condition", "benchmark",
        "n", "tp", "fp", "fn", "precision", "recall", "micro_f1", "macro_f1", "accuracy",
        "out_of_schema", "empty",
    ]  # fmt: skip
    assert len(table) == 4 * 3
    key = ["mixture", "condition", "benchmark"]
    assert list(table[key].itertuples(index=False)) == sorted(table[key].itertuples(index=False))
    assert table.iloc[0].to_dict() == {
        "system": "small/gentune/0-shot/seed-42", "kind": "cell", "model": "small", "mixture": "gentune",
        "shots": 0,
        "variant": "default", "seed": 42, "condition": "schema", "benchmark": "gids", "n": 8, "tp": 1, "fp": 2, "fn": 3,
        "precision": 0.75, "recall": 0.75, "micro_f1": 0.75, "macro_f1": 0.75, "accuracy": 0.75,
        "out_of_schema": 0.0, "empty": 0.0,
    }  # fmt: skip


def test_per_class_holds_every_label_of_a_score():
    real = score(["A", "A", "none"], ["a", "B", ""], ["none"], ["A", "B", "none"])
    table = per_class([file_of("gentune", {}, scores={"schema": {"gids": real}})])
    columns = ["benchmark", "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
    assert [tuple(row) for row in table[columns].itertuples(index=False)] == [
        ("gids", "A", 2, 1, 0, 1, 1.0, 0.5, 2 / 3),
        ("gids", "B", 0, 0, 1, 0, 0.0, 0.0, 0.0),
    ]


def test_a_system_with_two_files_is_refused():
    with pytest.raises(UserError, match="small/gentune/0-shot/seed-42: duplicate score file"):
        scores([file_of("gentune", F1), file_of("mixtune", F1), file_of("gentune", BASE)])


def test_negatives_left_in():
    """Scores that count different words as negative do not share one table."""
    with pytest.raises(UserError, match=r"different negative words.*scoring\.negatives"):
        scores([file_of("gentune", F1), file_of("mixtune", F1, negatives="paper")])
