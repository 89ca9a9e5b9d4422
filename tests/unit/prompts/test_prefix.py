"""The shared prefix of several sequences."""

from hypothesis import given
from hypothesis import strategies as st

from mixtune.prompts.prefix import SHORTEST, common_prefix

ids = st.lists(st.integers(0, 3), min_size=1, max_size=30)


@given(st.lists(ids, min_size=1, max_size=5), st.lists(st.integers(0, 3), max_size=40))
def test_common_prefix_is_shared_by_all_and_leaves_one_of_each(tails, beginning):
    sequences = [beginning + tail for tail in tails]
    shared = common_prefix(sequences)
    assert all(sequence[:shared] == sequences[0][:shared] for sequence in sequences)
    assert shared < min(map(len, sequences))
    longest = 0
    while longest < min(map(len, sequences)) - 1 and len({sequence[longest] for sequence in sequences}) == 1:
        longest += 1
    assert shared == (longest if longest >= SHORTEST and len(sequences) > 1 else 0)
