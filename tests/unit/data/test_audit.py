import os
from dataclasses import replace
from pathlib import Path

import pytest

from mixtune.data import read
from mixtune.data.audit import count_duplicates, count_shared_texts, count_texts, describe_split

REALDATA = os.environ.get("MIXTUNE_REALDATA")


@pytest.fixture
def rows(make_example):
    """Five rows on three inputs: one input has two labels, one text has two inputs."""
    one = make_example(1, "Ann met Bo and Ann left.", "Ann", "Bo")
    return [
        one,
        replace(one, id="2", relation="Live_In"),
        replace(one, id="3"),
        make_example(4, "ann  met Bo and Ann left.", "Bo", "left"),
        make_example(5, "Cy works.", "Cy", "Acme", relation="none", group="5"),
    ]


def test_a_split_is_described_by_these_numbers(rows):
    assert describe_split(rows, "None", {"Work_For", "none"}) == {
        "rows": 5,
        "groups": 3,
        "labels": {"Live_In": 1, "Work_For": 3, "none": 1},
        "negatives": 1,
        "outside the inventory": 1,
        "mentions": {"not in the text": 1, "in the text more than once": 3},
        "inputs": {"different": 3, "conflicting": 1, "rows in conflict": 3, "ceiling": 0.8},
    }


def test_a_split_without_rows_has_no_ceiling():
    assert count_duplicates([]) == {"different": 0, "conflicting": 0, "rows in conflict": 0, "ceiling": None}


def test_texts_are_equal_whatever_their_case_and_white_space(rows):
    assert sorted(count_texts(rows).values()) == [1, 4]


def test_shared_texts_are_counted_with_the_rows_that_have_them(rows):
    assert count_shared_texts(count_texts(rows[:1]), count_texts(rows)) == {"texts": 1, "rows": 4}
    assert count_shared_texts(count_texts(rows[4:]), count_texts(rows[:4])) == {"texts": 0, "rows": 0}


@pytest.mark.realdata
@pytest.mark.skipif(not REALDATA, reason="MIXTUNE_REALDATA is not set: no real benchmark files here")
@pytest.mark.parametrize(
    ("benchmark", "split", "options", "rows", "labels", "ceiling"),
    [
        ("conll04", "train", {}, 1_283, 5, 1.0),
        ("conll04", "validation", {}, 343, 5, 1.0),
        ("conll04", "test", {}, 422, 5, 1.0),
        ("semeval2010_task8", "train", {}, 8_000, 19, 1.0),
        ("semeval2010_task8", "test", {}, 2_717, 19, 1.0),
        ("gids", "validation", {}, 1_864, 5, 1.0),
        ("re_docred", "validation", {}, 12_524, 94, 0.787),
        ("re_docred", "validation", {"unit": "document"}, 17_284, 95, 0.773),
        ("rebel", "test", {}, 535, 89, 1.0),
    ],
)
def test_the_numbers_of_the_real_files(benchmark, split, options, rows, labels, ceiling):
    files = {"test": "sample_200.jsonl"} if benchmark == "rebel" else {}  # REBEL's public sample
    examples = list(read(benchmark, Path(REALDATA) / benchmark, split, options=options, files=files))
    found = describe_split(examples, None, set())
    assert (found["rows"], len(found["labels"])) == (rows, labels)
    assert found["inputs"]["ceiling"] == pytest.approx(ceiling, abs=5e-4)


@pytest.mark.realdata
@pytest.mark.skipif(not REALDATA, reason="MIXTUNE_REALDATA is not set: no real benchmark files here")
def test_the_test_sentences_of_conll04_that_train_has_too():
    folder = Path(REALDATA) / "conll04"
    train, test = (count_texts(list(read("conll04", folder, split))) for split in ("train", "test"))
    assert count_shared_texts(train, test)["texts"] == 18
