"""Answers of a stand-in decoder: every prompt answered once, nothing lost or changed by a kill."""

import random

import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig

from mixtune.errors import UserError
from mixtune.inference import answering
from mixtune.inference.answering import answer
from mixtune.inference.decoder import batches


class Killed(BaseException):
    """Simulates the end of the process: no `except Exception` catches it."""


class Echo:
    """A decoder whose answer is the sum and the number of a prompt's ids; it records the prompts of each batch."""

    def __init__(self, config=None, lives: int = 10**6):
        self.model = type("Model", (), {"config": config or LlamaConfig()})
        self.lives, self.batches, self.prefixes = lives, [], []

    def compute_prefix(self, ids):
        self.prefixes.append(list(ids))
        return list(ids)

    def generate(self, prompts, prefix=None):
        self.lives -= 1
        if self.lives < 0:
            raise Killed
        self.batches.append([[*(prefix or []), *prompt] for prompt in prompts])
        return [[sum(prompt), len(prompt)] for prompt in self.batches[-1]]


def decode(answers):
    return [f"{total} of {number}" for total, number in answers]


def answer_as_text(decoder, prompts, prefix):
    return [(text, None) for text in decode(decoder.generate(prompts, prefix))]


def expected(prompts):
    return [(f"{sum(prompt)} of {len(prompt)}", None) for prompt in prompts]


def make_prompts(number: int, beginning=()) -> list[list[int]]:
    rng = random.Random(number)
    return [[*beginning, place, *(rng.randrange(50) for _ in range(rng.randrange(12)))] for place in range(number)]


def never():
    raise AssertionError("a decoder was made")


def test_answers_are_in_the_order_of_the_prompts(tmp_path):
    prompts = make_prompts(40)
    assert answer(prompts, tmp_path, Echo, answer_as_text, 50) == expected(prompts)


def test_equal_prompts_are_answered_once(tmp_path):
    echo, prompts = Echo(), make_prompts(10)
    repeated = [*prompts, *reversed(prompts), prompts[3]]
    assert answer(repeated, tmp_path, lambda: echo, answer_as_text, 50) == expected(repeated)
    answered = [tuple(prompt) for batch in echo.batches for prompt in batch]
    assert sorted(answered) == sorted(map(tuple, prompts))


def test_batches_are_those_of_the_budget_whatever_the_order(tmp_path):
    prompts, computed = make_prompts(40), []
    for seed in (1, 2):
        echo = Echo()
        random.Random(seed).shuffle(prompts)
        answer(prompts, tmp_path / str(seed), lambda echo=echo: echo, answer_as_text, 50)
        computed.append(echo.batches)
    assert computed[0] == computed[1]
    unique = sorted(map(tuple, prompts))
    assert [len(batch) for batch in computed[0]] == [len(batch) for batch in batches(list(map(len, unique)), 50)]
    parts = [{path.name: path.read_bytes() for path in (tmp_path / str(seed)).iterdir()} for seed in (1, 2)]
    assert parts[0] == parts[1]


def test_what_prompts_share_is_computed_once_and_costs_no_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(answering, "PART_ROWS", 15)
    beginning = list(range(100, 120))
    prompts, echo = make_prompts(40, beginning), Echo()
    assert answer(prompts, tmp_path, lambda: echo, answer_as_text, 100) == expected(prompts)
    assert len(list(tmp_path.iterdir())) == 3
    assert echo.prefixes == [beginning]
    rests = [len(prompt) - len(beginning) for prompt in sorted(prompts)]
    assert [len(batch) for batch in echo.batches] == [len(batch) for batch in batches(rests, 100)]


def test_a_batch_that_does_not_fit_is_computed_in_halves(tmp_path, capsys):
    class Small(Echo):
        most = 3

        def generate(self, prompts, prefix=None):
            if len(prompts) > self.most:
                raise torch.OutOfMemoryError("a test says so")
            return super().generate(prompts, prefix)

    prompts, small = make_prompts(30), Small()
    assert answer(prompts, tmp_path, lambda: small, answer_as_text, 60) == expected(prompts)
    assert "out of memory with 4 prompts: continuing with halves" in capsys.readouterr().out
    with pytest.raises(torch.OutOfMemoryError):
        _ = Small.generate(small, prompts[:4])
    small.most = 0
    with pytest.raises(UserError, match=r"for one prompt; lower prediction\.max_length, or use a smaller model"):
        answer(prompts, tmp_path / "again", lambda: small, answer_as_text, 60)


@pytest.mark.parametrize("batches_before_the_end", [0, 1, 3, 5])
def test_a_killed_run_goes_on_and_ends_as_an_undisturbed_one(tmp_path, monkeypatch, batches_before_the_end):
    monkeypatch.setattr(answering, "PART_ROWS", 10)
    prompts, whole = make_prompts(40), Echo()
    undisturbed = answer(prompts, tmp_path / "whole", lambda: whole, answer_as_text, 60)
    parts = tmp_path / "parts"
    first, second = Echo(lives=batches_before_the_end), Echo()
    with pytest.raises(Killed):
        answer(prompts, parts, lambda: first, answer_as_text, 60)
    finished = sum(pq.read_metadata(path).num_rows for path in parts.glob("part-*.parquet"))
    assert not parts.exists() or all(path.name.startswith("part-") for path in parts.iterdir())
    assert answer(prompts, parts, lambda: second, answer_as_text, 60) == undisturbed == expected(prompts)
    # What was finished is not computed again, and the rest in the batches of an undisturbed run.
    assert sum(map(len, second.batches)) == len(prompts) - finished
    assert second.batches == whole.batches[-len(second.batches) :]
    assert finished == 0 or batches_before_the_end > 1
    names = sorted(path.name for path in parts.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert all((parts / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names)


def test_no_decoder_is_made_where_nothing_is_new(tmp_path):
    prompts = make_prompts(20)
    answer(prompts, tmp_path, Echo, answer_as_text, 50)
    assert answer(prompts[::-1], tmp_path, never, answer_as_text, 50) == expected(prompts[::-1])
