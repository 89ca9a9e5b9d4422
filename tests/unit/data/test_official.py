import re
from dataclasses import replace

import pytest

from mixtune.data.example import Example
from mixtune.data.official import describe_difference, describe_unknown_label
from mixtune.data.reading import read_folder
from mixtune.data.registry import REGISTRY
from mixtune.resources import resource


def native(benchmark: str, split: str) -> list[Example]:
    return list(read_folder(benchmark, resource("sample", benchmark), split))


@pytest.mark.parametrize(
    ("benchmark", "rows", "variant"),
    [("nyt11", 8110, "NYT\\*"), ("nyt11", 7976, "NYT\\*"), ("nyt11", 8000, "another variant")],
)
def test_the_variant_of_nyt(benchmark, rows, variant):
    split = "test" if rows == 8110 else "validation"
    examples = native(benchmark, "test")[:1] * rows
    assert re.search(variant, describe_difference(REGISTRY[benchmark], split, examples, {}, copied=False))


def test_of_a_copy_the_test_rows_are_known():
    known, examples = REGISTRY["rebel"], native("rebel", "test")[:1] * 7_503
    assert describe_difference(known, "test", examples, {}, copied=True) is None
    assert describe_difference(known, "train", examples[:5], {}, copied=True) is None
    assert "officially 7,503 examples" in describe_difference(known, "test", examples[:5], {}, copied=True)


def test_the_unit_of_re_docred_has_numbers_of_its_own():
    known, one = REGISTRY["re_docred"], native("re_docred", "test")[0]
    rows = [replace(one, relation=label) for label in known.labels[:95]] + [one] * (17_448 - 95)
    drawn = [replace(one, relation="Na")] * 7
    assert (
        describe_difference(known, "test", rows + drawn, {"unit": "document", "negative_share": 0.1}, copied=False)
        is None
    )
    assert "officially 12,693" in describe_difference(known, "test", rows, {"unit": "evidence"}, copied=False)


@pytest.mark.parametrize(
    ("benchmark", "label", "guess"),
    [
        ("gids", "/people/person/education./education/education/degrees", "the spelling of relation2id.txt"),
        ("biographical", "birthplace", "a label as the paper spells it"),
        ("tacred", "org:city_of_branch", "Re-TACRED"),
        ("tacred", "per:height", "is this another variant"),
    ],
)
def test_an_unknown_label_is_described_with_its_variant(benchmark, label, guess):
    assert guess in describe_unknown_label(REGISTRY[benchmark], label)
