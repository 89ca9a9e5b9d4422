"""Attention for prompts with a shared prefix: one copy of its keys and values serves all rows.

transformers' cache holds keys and values per row, so a shared prefix of S tokens would be copied for each of B
rows, and again at each new token. Here it is one row:

    keys of the prefix      (1, G, S, D)      G key heads, each for R of the H = G x R query heads
    keys of the rows        (B, G, K, D)      in transformers' cache: the suffixes of the prompts, then the answers
    queries                 (B, H, L, D)      L = longest suffix at first, then the 1 to few tokens of an answer

Scores with the prefix are one product for all rows, (G, B R L, D) x (G, D, S); scores with the rows' own keys are one
product per row; one softmax is over both. Positions alone determine the mask: a query attends to keys at or before
its own position, and inside the window where a layer has one. Padding has the position FAR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AttentionInterface

ATTENTION = "mixtune_prefixed"
FAR = 2**30  # position of padding: after every query, so that none attends to it

KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass
class ForwardPass:
    """Arguments of attention that are the same in all layers of a forward pass, and its masks.

    For example, B rows of which each has L suffix tokens after a prefix of length S, and nothing in the cache yet:

        positions = torch.arange(S, S + L).expand(B, L)
        model(..., forward_pass=ForwardPass(prefix.layers, queries=positions, keys=positions, length=S))

    Attributes:
        prefix: Keys and values of the shared prefix by layer, each (1, G, S, D); {} where nothing is shared.
        queries: (B, L) positions.
        keys: (B, K) positions of the rows' own keys, those of this pass included.
        length: S.
    """

    prefix: Mapping[int, KeysValues]
    queries: torch.Tensor
    keys: torch.Tensor
    length: int
    _masks: dict[int | torch.dtype | None, torch.Tensor] = field(default_factory=dict)

    def hidden(self, window: int | None) -> torch.Tensor:
        """Return (B, 1, L, K) or, with a window, (B, 1, L, S + K): True where a query must not attend to a key.

        Without a window, queries attend to the whole prefix. Computed once for all layers with this window.
        """
        if window not in self._masks:
            keys = self.keys
            if window:
                prefix = torch.arange(self.length, device=keys.device).expand(len(keys), -1)
                keys = torch.cat([prefix, keys], 1)
            distance = self.queries[:, None, :, None] - keys[:, None, None]
            self._masks[window] = (distance < 0) | (distance >= window) if window else distance < 0
        return self._masks[window]

    def mask(self, dtype: torch.dtype, rows: int) -> torch.Tensor:
        """Return (B, 1, rows, K), to be added to scores with own keys: the queries' L rows, repeated for R heads."""
        if dtype not in self._masks:
            hidden = self.hidden(None)
            # Not minus infinity: a padded query attends to nothing, and must not become NaN.
            mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, torch.finfo(dtype).min)
            self._masks[dtype] = mask.repeat(1, 1, rows // hidden.shape[2], 1)
        return self._masks[dtype]


def prefixed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    forward_pass: ForwardPass,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Compute attention with a shared prefix, with the signature of transformers' attention functions.

    transformers calls it where a model uses ATTENTION:

        model.set_attn_implementation(ATTENTION)
        model(input_ids=..., forward_pass=ForwardPass(...))

    Args:
        query: (B, H, L, D); `key` and `value` (B, G, K, D), the rows' own.
        forward_pass: Argument of the model's forward pass, which passes it on.

    Returns:
        (B, L, H, D), and no weights.
    """
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        query, key, value = (part.to(torch.get_autocast_dtype(kind)) for part in (query, key, value))
    with torch.autocast(kind, enabled=False):
        batch, heads, length, size = query.shape
        query = query.reshape(batch, key.shape[1], -1, size)  # the R heads of a key head, one after the other
        prefix = None
        if forward_pass.length:
            keys, values = forward_pass.prefix[module.layer_idx]
            prefix = keys.to(query.dtype), values.to(query.dtype)
        if kind == "cpu" and sliding_window is None and softcap is None:
            out = _fused(query, key, value, prefix, forward_pass, scaling)
        else:
            out = _plain(query, key, value, prefix, forward_pass.hidden(sliding_window), scaling, softcap)
        return out.reshape(batch, heads, length, size).transpose(1, 2), None


def _plain(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    prefix: KeysValues | None,
    hidden: torch.Tensor,
    scaling: float,
    softcap: float | None,
) -> torch.Tensor:
    """Concatenate scores with the prefix and with the rows' own keys, (B, G, R L, S + K), for one softmax."""
    batch, groups, _, size = query.shape
    shared = prefix[0].shape[2] if prefix else 0
    weights = torch.empty((*query.shape[:3], shared + key.shape[2]), dtype=torch.float32, device=query.device)
    weights[..., shared:] = query @ key.mT
    if prefix:
        together = query.transpose(0, 1).reshape(groups, -1, size) @ prefix[0][0].mT
        weights[..., :shared] = together.view(groups, batch, -1, shared).transpose(0, 1)
    weights.mul_(scaling)
    if softcap is not None:
        weights.div_(softcap).tanh_().mul_(softcap)
    by_head = weights.view(batch, -1, hidden.shape[2], weights.shape[-1])
    by_head[..., -hidden.shape[-1] :].masked_fill_(hidden, torch.finfo(weights.dtype).min)
    weights = weights.softmax(-1).to(value.dtype)
    out = weights[..., shared:] @ value
    if prefix:
        together = weights[..., :shared].transpose(0, 1).reshape(groups, -1, shared) @ prefix[1][0]
        out = out + together.view(groups, batch, -1, size).transpose(0, 1)
    return out


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    prefix: KeysValues | None,
    forward_pass: ForwardPass,
    scaling: float,
) -> torch.Tensor:
    """Compute the same with torch's fused kernel for CPUs, prefix and own keys apart, without a matrix of scores.

    The kernel returns the logarithm of each part's sum of exponentials, which gives the weights of the two outputs.
    """
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    mask = forward_pass.mask(query.dtype, query.shape[2])
    own, own_log_sum = attend(query, key, value, 0.0, False, attn_mask=mask, scale=scaling)
    if not prefix:
        return own
    batch, groups, _, size = query.shape
    together = query.transpose(0, 1).reshape(1, groups, -1, size)
    common, common_log_sum = attend(together, *prefix, 0.0, False, attn_mask=None, scale=scaling)
    common = common.reshape(groups, batch, -1, size).transpose(0, 1)
    common_log_sum = common_log_sum.reshape(groups, batch, -1).transpose(0, 1)
    share = (common_log_sum - own_log_sum).sigmoid()[..., None]
    return torch.lerp(own.float(), common.float(), share).to(query.dtype)


def pad_left(sequences: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    """Return (rows, longest), padded on the left.

    >>> pad_left([[1, 2, 3], [4]], fill=0)
    tensor([[1, 2, 3],
            [0, 0, 4]])
    """
    width = max(map(len, sequences))
    return torch.tensor([[fill] * (width - len(ids)) + list(ids) for ids in sequences])


AttentionInterface.register(ATTENTION, prefixed_attention)
