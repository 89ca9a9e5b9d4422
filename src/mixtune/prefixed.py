"""Attention for prompts that begin alike: one copy of the beginning's keys and values serves all rows.

transformers' cache holds keys and values a row, so a shared beginning of S tokens would be copied for each of B
rows, and again at each new token. Here it stays one row:

    keys of the beginning   (1, G, S, D)      G key heads, each for R of the H = G x R query heads
    keys of the rows        (B, G, K, D)      in transformers' cache: the rest of the prompts, then the answers
    queries                 (B, H, L, D)      L = longest rest at first, then the 1 to few tokens of an answer

Scores with the beginning are one product for all rows, (G, B R L, D) x (G, D, S); scores with the row's own keys
one a row. Both stand side by side, (B, H, L, S + K), for one softmax. What a query may see follows from positions
alone: keys at or before its own, inside the window where a layer has one. Padding has the position FAR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AttentionInterface

ATTENTION = "mixtune_prefixed"
FAR = 2**30  # position of padding: behind every query, so that none sees it

KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass
class Pass:
    """What attention must know of a forward pass.

    Attributes:
        prefix: Keys and values of the shared beginning by layer, each (1, G, S, D); {} where nothing is shared.
        queries: (B, L) positions.
        keys: (B, K) positions of the rows' own keys, those of this pass included.
        length: S.
    """

    prefix: Mapping[int, KeysValues]
    queries: torch.Tensor
    keys: torch.Tensor
    length: int
    _hidden: dict[int | None, torch.Tensor] = field(default_factory=dict)

    def hidden(self, window: int | None) -> torch.Tensor:
        """(B, 1, L, S + K), True where a query may not look; made once for all layers with this window."""
        if window not in self._hidden:
            first = torch.arange(self.length, device=self.keys.device).expand(len(self.keys), -1)
            distance = self.queries[:, None, :, None] - torch.cat([first, self.keys], 1)[:, None, None]
            self._hidden[window] = (distance < 0) | (distance >= window) if window else distance < 0
        return self._hidden[window]


def prefixed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    turn: Pass,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of a forward pass, as transformers' attention functions are called.

    Args:
        query: (B, H, L, D); `key` and `value` (B, G, K, D), the rows' own.
        turn: Given to the model's forward pass, which hands it on.

    Returns:
        (B, L, H, D), and no weights.
    """
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        query, key, value = (part.to(torch.get_autocast_dtype(kind)) for part in (query, key, value))
    with torch.autocast(kind, enabled=False):
        batch, heads, length, size = query.shape
        groups = key.shape[1]
        query = query.reshape(batch, groups, -1, size)  # heads of a key head behind each other
        scores = [query @ key.mT]
        shared = turn.prefix.get(module.layer_idx)
        if shared is not None:
            keys, values = (part[0].to(query.dtype) for part in shared)
            together = query.transpose(0, 1).reshape(groups, -1, size)
            scores.insert(0, (together @ keys.mT).view(groups, batch, -1, turn.length).transpose(0, 1))
        weights = torch.cat(scores, -1).float().mul_(scaling).view(batch, heads, length, -1)
        if softcap is not None:
            weights = weights.div_(softcap).tanh_().mul_(softcap)
        weights = weights.masked_fill_(turn.hidden(sliding_window), torch.finfo(weights.dtype).min)
        weights = weights.softmax(-1).to(value.dtype).view(batch, groups, heads // groups * length, -1)
        if shared is None:
            out = weights @ value
        else:
            of_shared, own = weights.split([turn.length, key.shape[2]], -1)
            together = of_shared.transpose(0, 1).reshape(groups, -1, turn.length) @ values
            out = own @ value + together.view(groups, batch, -1, size).transpose(0, 1)
        return out.view(batch, heads, length, size).transpose(1, 2), None


def padded(sequences: Sequence[Sequence[int]], fill: int, width: int = 0) -> torch.Tensor:
    """(rows, longest) with what is missing filled in on the left."""
    width = max(width, *map(len, sequences))
    return torch.tensor([[fill] * (width - len(ids)) + list(ids) for ids in sequences])


AttentionInterface.register(ATTENTION, prefixed_attention)
