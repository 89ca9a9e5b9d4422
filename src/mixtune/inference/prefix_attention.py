"""Attention for prompts that begin alike: one copy of the beginning's keys and values serves all rows.

transformers' cache holds keys and values a row, so a shared beginning of S tokens would be copied for each of B
rows, and again at each new token. Here it stays one row:

    keys of the beginning   (1, G, S, D)      G key heads, each for R of the H = G x R query heads
    keys of the rows        (B, G, K, D)      in transformers' cache: the rest of the prompts, then the answers
    queries                 (B, H, L, D)      L = longest rest at first, then the 1 to few tokens of an answer

Scores with the beginning are one product for all rows, (G, B R L, D) x (G, D, S); scores with the row's own keys
one a row, and one softmax is over both. What a query may see follows from positions alone: keys at or before its
own, inside the window where a layer has one. Padding has the position FAR.
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
    _made: dict[Any, torch.Tensor] = field(default_factory=dict)

    def hidden(self, window: int | None) -> torch.Tensor:
        """(B, 1, L, K) or, with a window, (B, 1, L, S + K): True where a query may not look.

        Without a window all of the beginning is seen. Made once for all layers with this window.
        """
        if window not in self._made:
            keys = self.keys
            if window:
                first = torch.arange(self.length, device=keys.device).expand(len(keys), -1)
                keys = torch.cat([first, keys], 1)
            distance = self.queries[:, None, :, None] - keys[:, None, None]
            self._made[window] = (distance < 0) | (distance >= window) if window else distance < 0
        return self._made[window]

    def mask(self, dtype: torch.dtype, rows: int) -> torch.Tensor:
        """(B, 1, rows, K) to be added to scores with own keys: the queries' L rows, again for each of R heads."""
        if dtype not in self._made:
            hidden = self.hidden(None)
            # Not minus infinity: a padded query sees nothing, and must not become NaN.
            mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, torch.finfo(dtype).min)
            self._made[dtype] = mask.repeat(1, 1, rows // hidden.shape[2], 1)
        return self._made[dtype]


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
        query = query.reshape(batch, key.shape[1], -1, size)  # the R heads of a key head behind each other
        first = [part.to(query.dtype) for part in turn.prefix[module.layer_idx]] if turn.length else None
        if kind == "cpu" and sliding_window is None and softcap is None:
            out = _fused(query, key, value, first, turn, scaling)
        else:
            out = _plain(query, key, value, first, turn.hidden(sliding_window), scaling, softcap)
        return out.reshape(batch, heads, length, size).transpose(1, 2), None


def _plain(query, key, value, first, hidden, scaling, softcap) -> torch.Tensor:
    """Scores with the beginning beside those with the rows' own keys, (B, G, R L, S + K), and one softmax."""
    batch, groups, _, size = query.shape
    shared = first[0].shape[2] if first else 0
    weights = torch.empty((*query.shape[:3], shared + key.shape[2]), dtype=torch.float32, device=query.device)
    weights[..., shared:] = query @ key.mT
    if first:
        together = query.transpose(0, 1).reshape(groups, -1, size) @ first[0][0].mT
        weights[..., :shared] = together.view(groups, batch, -1, shared).transpose(0, 1)
    weights.mul_(scaling)
    if softcap is not None:
        weights.div_(softcap).tanh_().mul_(softcap)
    of_heads = weights.view(batch, -1, hidden.shape[2], weights.shape[-1])
    of_heads[..., -hidden.shape[-1] :].masked_fill_(hidden, torch.finfo(weights.dtype).min)
    weights = weights.softmax(-1).to(value.dtype)
    out = weights[..., shared:] @ value
    if first:
        together = weights[..., :shared].transpose(0, 1).reshape(groups, -1, shared) @ first[1][0]
        out = out + together.view(groups, batch, -1, size).transpose(0, 1)
    return out


def _fused(query, key, value, first, turn, scaling) -> torch.Tensor:
    """The same by torch's fused kernel for CPUs, a part at a time: no matrix of scores is ever written.

    The kernel tells the logarithm of each part's sum of exponentials; the two parts' softmaxes are joined by it.
    """
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    mask = turn.mask(query.dtype, query.shape[2])
    own, of_own = attend(query, key, value, 0.0, False, attn_mask=mask, scale=scaling)
    if not first:
        return own
    batch, groups, _, size = query.shape
    together = query.transpose(0, 1).reshape(1, groups, -1, size)
    common, of_common = attend(together, *first, 0.0, False, attn_mask=None, scale=scaling)
    common = common.reshape(groups, batch, -1, size).transpose(0, 1)
    of_common = of_common.reshape(groups, batch, -1).transpose(0, 1)
    share = (of_common - of_own).sigmoid()[..., None]
    return torch.lerp(own.float(), common.float(), share).to(query.dtype)


def padded(sequences: Sequence[Sequence[int]], fill: int, width: int = 0) -> torch.Tensor:
    """(rows, longest) with what is missing filled in on the left."""
    width = max(width, *map(len, sequences))
    return torch.tensor([[fill] * (width - len(ids)) + list(ids) for ids in sequences])


AttentionInterface.register(ATTENTION, prefixed_attention)
