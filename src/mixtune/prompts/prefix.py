"""Prefixes that several sequences share."""

from collections.abc import Sequence

# Below this many tokens, a separate pass over the shared prefix costs more than it saves.
SHORTEST = 16


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """Return the length of the shared prefix that is worth computing once; at least one token of each remains.

    >>> common_prefix([[*range(20), 1], [*range(20), 2, 3]])
    20
    """
    if len(sequences) < 2:
        return 0
    first, last = min(sequences, key=list), max(sequences, key=list)  # in dictionary order: all share what these share
    most = min(map(len, sequences)) - 1
    shared = next((i for i in range(most) if first[i] != last[i]), most)
    return shared if shared >= SHORTEST else 0
