import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtune.data.labels import normalise, recognise

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
