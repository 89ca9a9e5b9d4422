"""The file of paid answers: what is stored stays, and what was charged adds up."""

import sqlite3

import pytest

from mixtune.baselines.endpoint import Reply
from mixtune.baselines.paid_answers import Charge, PaidAnswers
from mixtune.errors import UserError


def test_answers_and_charges_survive_the_process_that_stored_them(tmp_path):
    first = PaidAnswers(tmp_path / "model" / "answers.sqlite")
    first.store("a", Reply("works", "big-1", True, (30, 2)), Charge(30, 2))
    first.store("b", None, Charge(40, 8, 1))  # charged, and no answer
    first.store("c", None, Charge())
    first.close()
    again = PaidAnswers(first.path)
    [(key, answer)] = again.read().items()
    assert (key, answer.text, answer.model, answer.cut) == ("a", "works", "big-1", True)
    assert again.total_charge() == Charge(70, 10, 1)
    assert again.total_charge(["a", "c"]) == Charge(30, 2)
    again.close()
    with sqlite3.connect(first.path) as database:
        assert database.execute("SELECT count(*) FROM charges").fetchone() == (2,)


def test_an_answer_is_stored_once_and_nothing_of_a_second_is(tmp_path):
    answers = PaidAnswers(tmp_path / "answers.sqlite")
    answers.store("a", Reply("works", "big-1", False, None), Charge(1, 1))
    with pytest.raises(UserError, match=r"answers\.sqlite: UNIQUE .*; it holds paid answers"):
        answers.store("a", Reply("lives", "big-1", False, None), Charge(1, 1))
    assert (answers.read()["a"].text, answers.total_charge()) == ("works", Charge(1, 1))


def test_another_file_in_its_path_is_an_error(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"something else, and long enough to be read")
    with pytest.raises(UserError, match="file is not a database; it holds paid answers"):
        PaidAnswers(tmp_path / "answers.sqlite")
