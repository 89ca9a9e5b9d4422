"""What several sequences begin with, computed once: shared keys and values, in training and prediction."""

from collections.abc import Sequence
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Below this, computing the shared beginning apart costs more than it saves.
SHORTEST = 16


def shares_prefix(config: Any) -> bool:
    """Whether a model may share prefixes.

    With sliding-window layers it may not: the padding between prefix and a shorter rest would shift the window.
    Other layers than full attention keep a state that is no row of keys and values. The cache knows all kinds.
    """
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many first tokens all sequences share and are worth computing once; one of each is left at least."""
    if len(sequences) < 2:
        return 0
    first, last = min(sequences), max(sequences)  # in dictionary order: what these two share, all share
    most = min(map(len, sequences)) - 1
    shared = next((i for i in range(most) if first[i] != last[i]), most)
    return shared if shared >= SHORTEST else 0


def expanded(cache: Any, rows: int, config: Any) -> Any:
    """A cache of one row as a new cache of `rows` rows; the old one is left as it is."""
    copy = DynamicCache(config=config)
    for index, layer in enumerate(cache.layers):
        copy.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), index)
    return copy
