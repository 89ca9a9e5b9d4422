from collections import Counter

import pytest

from mixtune.data.mentions import ABSENT, find_mention, is_overlap, locate_mentions


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((0, 3), (2, 5), True),
        ((0, 9), (2, 5), True),
        ((0, 3), (3, 5), False),
        ((0, 3), ABSENT, False),
        (ABSENT, ABSENT, False),
    ],
)
def test_spans_overlap_where_they_share_a_character(first, second, overlap):
    assert is_overlap(first, second) is is_overlap(second, first) is overlap


@pytest.mark.parametrize(
    ("text", "mention", "spans", "counts"),
    [
        ("Ann met Bo.", "Bo", [(8, 10)], {}),
        ("aaa", "aa", [(0, 2), (1, 3)], {"mention found more than once": 1}),
        ("Ann met Bo.", "bo", [ABSENT], {"mention not found": 1}),
        ("Ann met Bo.", "", [ABSENT], {"mention not found": 1}),
    ],
)
def test_all_occurrences_are_found(text, mention, spans, counts):
    counted = Counter()
    assert (find_mention(text, mention, counted), counted) == (spans, counts)


@pytest.mark.parametrize(
    ("text", "head", "tail", "spans", "counts"),
    [
        (
            "Lake Orm Dam at Lake Orm",
            "Lake Orm",
            "Lake Orm Dam",
            ((16, 24), (0, 12)),
            {"mention found more than once": 1},
        ),
        ("Lund Lund", "Lund", "Lund", ((0, 4), (5, 9)), {"mention found more than once": 2}),
        ("Lund", "Lund", "Lund", ((0, 4), (0, 4)), {"mentions overlap": 1}),
        ("Lund", "Lund", "Oslo", ((0, 4), ABSENT), {"mention not found": 1}),
    ],
)
def test_the_first_pair_that_does_not_overlap_is_taken(text, head, tail, spans, counts):
    counted = Counter()
    assert (locate_mentions(text, head, tail, counted), counted) == (spans, counts)
