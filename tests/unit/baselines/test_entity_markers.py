"""Markers around mentions, to the character; tokens of marked texts, to the token."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtune.baselines.entity_markers import CHUNK, encode, mark
from mixtune.data.example import Example
from mixtune.errors import UserError

BOS = 258  # of the byte tokenizer, which precedes every text: byte n of a text is token n + 1


@pytest.fixture(scope="module")
def tokenizer(tiny_tokenizer):
    return tiny_tokenizer("gemma")


@pytest.mark.parametrize(
    ("text", "head", "tail", "kinds", "expected", "spans"),
    [
        (
            "Ada lives in London .", "Ada", "London", ("person", "city"),
            "@ * person * Ada @ lives in # ^ city ^ London # .",
            ("@ * person * Ada @", "# ^ city ^ London #"),
        ),
        (
            "London is where Ada lives", "Ada", "London", ("PERSON", "STATE_OR_PROVINCE"),
            "# ^ state or province ^ London # is where @ * person * Ada @ lives",
            ("@ * person * Ada @", "# ^ state or province ^ London #"),
        ),
        ("Ada likes Bob", "Ada", "Bob", ("", ""), "@ Ada @ likes # Bob #", ("@ Ada @", "# Bob #")),
        ("Ada likes Bob", "Ada", "Bob", ("PER", ""), "@ * per * Ada @ likes # Bob #", ("@ * per * Ada @", "# Bob #")),
        ("(Ada)'s Bob.", "Ada", "Bob", ("", ""), "( @ Ada @ )'s # Bob # .", ("@ Ada @", "# Bob #")),
        ("AdaBob", "Ada", "Bob", ("", ""), "@ Ada @ # Bob #", ("@ Ada @", "# Bob #")),
        (
            "the University of London", "University of London", "London", ("ORG", "CITY"),
            "the @ * org * University of # ^ city ^ London # @",
            ("@ * org * University of # ^ city ^ London # @", "# ^ city ^ London #"),
        ),
        ("Al fell", "Al", "Al fell", ("", ""), "# @ Al @ fell #", ("@ Al @", "# @ Al @ fell #")),
        ("Ada", "Ada", "Ada", ("a", "b"), "@ * a * # ^ b ^ Ada # @", ("@ * a * # ^ b ^ Ada # @", "# ^ b ^ Ada #")),
        ("A B C", "A B", "B C", ("", ""), "@ A # B @ C #", ("@ A # B @", "# B @ C #")),
    ],
)  # fmt: skip
def test_markers_enclose_the_mentions(make_example, text, head, tail, kinds, expected, spans):
    marked = mark(make_example(0, text, head, tail, head_type=kinds[0], tail_type=kinds[1]))
    assert marked.text == expected
    assert tuple(marked.text[start:end] for start, end in marked.spans) == spans
    assert marked.found == (True, True)


def test_the_readers_offsets_are_taken_and_not_the_first_occurrence(make_example):
    example = make_example(0, "Bob met Bob", "Bob", "met", head_start=8, head_end=11)
    assert mark(example).text == "Bob # met # @ Bob @"


@pytest.mark.parametrize(
    ("head", "tail", "expected", "found"),
    [
        ("Eve", "Bob", "Ada met # Bob # @ * person * Eve @", (False, True)),
        ("Ada", "Eve", "@ * person * Ada @ met Bob # Eve #", (True, False)),
        ("Eve", "Mallory", "Ada met Bob @ * person * Eve @ # Mallory #", (False, False)),
    ],
)
def test_a_mention_that_the_text_lacks_is_appended(make_example, head, tail, expected, found):
    marked = mark(make_example(0, "Ada met Bob", head, tail, head_type="person"))
    assert (marked.text, marked.found) == (expected, found)


LETTERS = st.text("abc é\n", min_size=1, max_size=12).filter(str.strip)


@given(LETTERS, st.data())
def test_nothing_of_a_text_is_lost_or_moved(text, data):
    def span():
        start = data.draw(st.integers(0, len(text) - 1))
        return start, data.draw(st.integers(start + 1, len(text)))

    (head, head_end), (tail, tail_end) = span(), span()
    mentions = text[head:head_end], text[tail:tail_end]
    if not all(map(str.strip, mentions)):
        return
    example = Example("t/train/0", "t", "train", text, *mentions, head, head_end, tail, tail_end, "", "", "r", "g")
    marked = mark(example)

    def letters(text):
        return re.sub(r"[@#\s]", "", text)

    assert letters(marked.text) == letters(text)
    for (start, end), mention, marker in zip(marked.spans, mentions, "@#", strict=True):
        assert letters(marked.text[start:end]) == letters(mention)
        assert marked.text[start] == marked.text[end - 1] == marker
        assert marked.text.count(marker) == 2


def test_rows_know_where_their_markers_begin(make_example, tokenizer):
    rows, counts = encode(tokenizer, [make_example(0, "Bob met Ada.", "Ada", "Bob")], 64)
    text = "# Bob # met @ Ada @ ."
    assert rows == [{"input_ids": [BOS, *text.encode()], "head": 1 + text.index("@"), "tail": 1}]
    assert counts == {"rows": 1, "mentions appended": 0, "text cut": 0}


def test_places_are_tokens_and_not_characters(make_example, tokenizer):
    rows, _ = encode(tokenizer, [make_example(0, "é Ada met Bob", "Ada", "Bob")], 64)
    assert rows[0]["head"] == 1 + len("é ".encode())
    assert rows[0]["input_ids"][rows[0]["tail"]] == ord("#")


def test_what_a_text_spells_like_a_special_token_is_plain_text(make_example, tokenizer):
    rows, _ = encode(tokenizer, [make_example(0, "Ada <eos> <bos> Bob", "Ada", "Bob")], 64)
    assert bytes(rows[0]["input_ids"][1:]).decode() == "@ Ada @ <eos> <bos> # Bob #"


def kept(rows) -> list[str]:
    return [bytes(row["input_ids"][1:]).decode() for row in rows]


@pytest.mark.parametrize(
    ("text", "head", "tail", "room", "expected"),
    [
        # One token is the frame's; of equally near ones the earlier stays.
        ("aaaaaa Ada bbbb Bob cccccc", "Ada", "Bob", 30, "aaaa @ Ada @ bbbb # Bob # ccc"),
        ("aaaaaa Ada bbbbbbbbbbbbbbbbbbbb Bob cccccc", "Ada", "Bob", 24, "aa @ Ada @ bb # Bob # c"),
        ("Ada bbbbbbbbbbbbbbbbbb Bob", "Ada", "Bob", 15, "@ Ada @# Bob #"),
        ("aaaa Ada bbbbbbbb", "Ada", "Bob", 24, "aaaa @ Ada @ bbb# Bob #"),  # near what is in the text
        ("abcdefghijklmnop", "Ada", "Bob", 20, "abcde@ Ada @# Bob #"),  # else the beginning
    ],
)
def test_too_long_a_text_loses_what_is_far_from_the_mentions(make_example, tokenizer, text, head, tail, room, expected):
    rows, counts = encode(tokenizer, [make_example(0, text, head, tail)], room)
    assert [kept(rows), len(rows[0]["input_ids"])] == [[expected], room]
    assert rows[0]["input_ids"][0] == BOS
    assert [rows[0]["head"], rows[0]["tail"]] == [1 + expected.index("@"), 1 + expected.index("#")]
    missing = [mention not in text for mention in (head, tail)].count(True)
    assert counts == {"rows": 1, "mentions appended": missing, "text cut": 1}


def test_a_mention_is_never_cut(make_example, tokenizer):
    example = make_example(7, "x Ada Byron y Bob z", "Ada Byron", "Bob")
    needed = 1 + len("@ Ada Byron @# Bob #")
    assert kept(encode(tokenizer, [example], needed)[0]) == ["@ Ada Byron @# Bob #"]
    with pytest.raises(UserError, match=rf"^toy/train/7: .* take {needed} tokens, .* limit is 20; raise training\.enc"):
        encode(tokenizer, [example], needed - 1)


def test_rows_keep_the_order_of_examples(make_example, tokenizer):
    examples = [make_example(n, f"Ada met Bob {n}", "Ada", "Bob") for n in range(CHUNK + 3)]
    rows, counts = encode(tokenizer, examples, 64)
    assert kept(rows) == [f"@ Ada @ met # Bob # {n}" for n in range(CHUNK + 3)]
    assert counts["rows"] == CHUNK + 3
