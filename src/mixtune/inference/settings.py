"""Settings of prediction."""

from typing import Literal

from ..artifacts.settings import Settings


class PredictSettings(Settings):
    """Longest answer in tokens, and how a label is searched for under condition `constrained`."""

    max_new_tokens: int
    constrained: Literal["greedy", "exact"]
