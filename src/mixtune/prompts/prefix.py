"""What several sequences begin with."""

from collections.abc import Sequence

# Below this, computing the shared beginning apart costs more than it saves.
SHORTEST = 16


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many first tokens all sequences share and are worth computing once; one of each is left at least."""
    if len(sequences) < 2:
        return 0
    first, last = min(sequences), max(sequences)  # in dictionary order: what these two share, all share
    most = min(map(len, sequences)) - 1
    shared = next((i for i in range(most) if first[i] != last[i]), most)
    return shared if shared >= SHORTEST else 0
