import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtune.data.labels import describe_indistinct, normalise, recognise
from mixtune.resources import resource

LABELS = ["Kill", "Live_In", "Work_For", "none"]


@pytest.mark.parametrize(
    ("label", "normalised"),
    [
        ("Live_In", "live_in"),
        ("  place \t of\u00a0 birth \r\nBecause", "place of birth"),
        ("\n \nKill", "kill"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ('"Kill"', "kill"),
        ("'Kill'", "kill"),
        ("`Kill`", "kill"),
        ("```Kill```", "kill"),
        ("“Kill”", "kill"),
        ("‘Kill’", "kill"),
        ("„Kill“", "kill"),
        ("«Kill»", "kill"),
        ("“ 'Kill' ”", "kill"),
        ("'Kill", "'kill"),
        ("the parents'", "the parents'"),
        ("Kill.", "kill."),
        ("", ""),
        (" \n\t", ""),
        ('""', ""),
        ('"', '"'),
    ],
)
def test_normalise(label, normalised):
    assert normalise(label) == normalised


@settings(deadline=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(" \n\"'“”"))))
def test_normalising_twice_changes_nothing(label):
    assert normalise(normalise(label)) == normalise(label)


@pytest.mark.parametrize(
    ("raw", "label", "known"),
    [
        ("live_in", "Live_In", True),
        (' "WORK_FOR"\nbecause …', "Work_For", True),
        ("None", "none", True),
        ("“Lives  In” ", "Lives In", False),
        ("Kill.", "Kill.", False),
        ("<think>\nKill", "<think>", False),
        ("", "", False),
        (" \n", "", False),
        ("''", "", False),
    ],
)
def test_recognise(raw, label, known):
    assert recognise(raw, LABELS) == (label, known)


def test_recognise_gives_the_inventorys_own_spelling_and_of_equal_labels_the_first():
    assert recognise("gram staining", ["country", "Gram  staining", "GRAM STAINING"]) == (
        "Gram  staining",
        True,
    )


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["USES", "none", "Uses"], "duplicate label: uses (spelt 'USES', 'Uses'; scoring ignores case,"),
        (["place of  birth", "Place of birth"], "duplicate label: place of birth (spelt 'place of  birth', 'Place"),
        (["Kill", '"Kill"'], "duplicate label: kill (spelt 'Kill', '\"Kill\"';"),
        (["Kill", "Kill\nhere"], "duplicate label: kill (spelt 'Kill', 'Kill\\nhere';"),
        (["Kill", "''"], "label \"''\" is an empty answer in scoring"),
    ],
)
def test_labels_that_scoring_cannot_distinguish_are_named(labels, problem):
    assert describe_indistinct(labels).startswith(problem)
    assert describe_indistinct(LABELS) == ""


@pytest.mark.parametrize("path", sorted(resource("labels").iterdir()), ids=lambda path: path.stem)
def test_scoring_distinguishes_the_labels_of_every_benchmark(path):
    text = path.read_text(encoding="utf-8")
    labels = json.loads(text) if path.suffix == ".json" else text.splitlines()
    assert describe_indistinct(labels.values() if isinstance(labels, dict) else labels) == ""


@pytest.mark.skipif(
    "MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real label lists here"
)
def test_scoring_distinguishes_all_relations_of_rebel():
    path = Path(os.environ["MIXTUNE_REALDATA"]) / "rebel/relations_count.tsv"
    labels = [line.partition("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(labels) > 220
    assert describe_indistinct(labels) == ""
