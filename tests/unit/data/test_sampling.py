import random
from collections import Counter

import pytest

from mixtune.data.example import Example
from mixtune.data.sampling import sample_examples


def rows(benchmark: str, number: int) -> list[Example]:
    return [
        Example.at("Ann met Bo.", (0, 3), (8, 10), benchmark=benchmark, split="train", key=str(n), relation="met")
        for n in range(number)
    ]


def ids(examples) -> list[str]:
    return [example.id for example in examples]


def test_a_sample_is_the_same_on_any_machine():
    drawn = ["news/train/3", "news/train/7", "news/train/17", "news/train/15", "news/train/4"]
    assert ids(sample_examples(rows("news", 20), 5, 42)) == drawn


def test_a_sample_depends_on_its_seed_and_not_on_the_order_of_its_input():
    examples = rows("news", 200)
    shuffled = random.Random(0).sample(examples, 200)
    assert sample_examples(examples, 50, 1) == sample_examples(shuffled, 50, 1)
    assert set(sample_examples(examples, 50, 1)) != set(sample_examples(examples, 50, 2))


def test_a_smaller_sample_is_part_of_a_larger_one():
    examples = rows("news", 100)
    assert sample_examples(examples, 10, 42) == sample_examples(examples, 60, 42)[:10]


@pytest.mark.parametrize(("cap", "drawn"), [(None, 30), (30, 30), (31, 30), (29, 29), (1, 1)])
def test_a_sample_has_each_row_at_most_once(cap, drawn):
    assert len(set(sample_examples(rows("news", 30), cap, 42))) == drawn


def test_a_sample_is_uniform():
    """Each of 20 rows is in about a quarter of 2,000 samples of 5."""
    examples = rows("news", 20)
    drawn = Counter(example.id for seed in range(2000) for example in sample_examples(examples, 5, seed))
    assert len(drawn) == 20
    assert all(430 < times < 570 for times in drawn.values())  # 500, more or less 3.6 standard deviations
