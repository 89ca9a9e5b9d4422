import pandas as pd
import pytest

from mixtune.reports.page import details


def example(text, head, tail, **offsets):
    return {"text": text, "head": head, "tail": tail, **offsets}


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        (example("Ada met Bob.", "Ada", "Bob"), [("Ada", 1), (" met ", 0), ("Bob", 2), (".", 0)]),
        (example("Bob met Ada", "Ada", "Bob"), [("Bob", 2), (" met ", 0), ("Ada", 1)]),
        (example("New York Times", "New York", "New York Times"), [("New York", 3), (" Times", 2)]),
        (example("no mention", "Ada", ""), [("no mention", 0)]),
        (
            example("🙂 Ada, Ada", "Ada", "x", head_start=7, head_end=10, tail_start=-1, tail_end=-1),
            [("🙂 Ada, ", 0), ("Ada", 1)],
        ),
        (example("a b", "a", "b", head_start=pd.NA, head_end=pd.NA), [("a", 1), (" ", 0), ("b", 2)]),
    ],
)
def test_mentions_are_marked_in_place(row, parts):
    assert details.mark_mentions(row) == tuple(parts)


@pytest.mark.parametrize("gap", [0, 100, 10_000])
def test_a_long_text_is_cut_far_from_its_mentions(gap):
    text = "x" * 5000 + "Ada" + "y" * gap + "Bob" + "z" * 5000
    parts = details.mark_mentions(example(text, "Ada", "Bob"))
    assert [piece for piece, mark in parts if mark] == ["Ada", "Bob"]
    assert parts[0] == parts[-1] == ("…", 0)
    assert parts.count(("…", 0)) == (3 if gap == 10_000 else 2)
    assert len("".join(piece for piece, _ in parts)) <= details.TEXT + 10
    assert all(piece in text for piece, _ in parts if piece != "…")
