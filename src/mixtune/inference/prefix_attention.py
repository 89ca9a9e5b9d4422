"""Attention for prompts with a shared prefix: one copy of its keys and values serves all rows.

transformers' cache holds keys and values per row, so a shared prefix of S tokens would be copied for each of B
rows, and again at each new token. Here it is one row:

    keys of the prefix      (1, G, S, D)      G key heads, each for R of the H = G x R query heads
    keys of the rows        (B, G, K, D)      in transformers' cache: the suffixes of the prompts, then the answers
    queries                 (B, H, L, D)      L = longest suffix at first, then the 1 to few tokens of an answer

Scores with the prefix are one product for all rows, (G, B R L, D) x (G, D, S); scores with the rows' own keys are one
product per row; one softmax is over both. The mask is the layer's own function of positions (`position_masks.py`).
Padding has the position FAR.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from ..models.position_masks import PositionMask, position_mask, register

ATTENTION = "mixtune_prefixed"
FAR = 2**30  # position of padding: after every query, so that none attends to it

KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass
class ForwardPass:
    """Arguments of attention that are the same in all layers of a forward pass.

    For example, B rows of which each has L suffix tokens after a prefix of length S, and nothing in the cache yet:

        positions = torch.arange(S, S + L).expand(B, L)
        with arranged(ForwardPass(prefix.layers, queries=positions, keys=positions, length=S)):
            model(...)

    Attributes:
        prefix: Keys and values of the shared prefix in the order in which layers use them, each (1, G, S, D).
        queries: (B, L) positions.
        keys: (B, K) positions of the rows' own keys, those of this pass included.
        length: S; 0 where nothing is shared.
        record: Whether to keep the keys and values of this pass in `prefix`, which is empty before.
    """

    prefix: list[KeysValues]
    queries: torch.Tensor
    keys: torch.Tensor
    length: int
    record: bool = False
    _layers: Iterator[KeysValues] = field(init=False)

    def __post_init__(self) -> None:
        self._layers = iter(self.prefix)

    def next_prefix(self, dtype: torch.dtype) -> KeysValues | None:
        """Return keys and values of the prefix for the next attention layer, None where nothing is shared."""
        if not self.length:
            return None
        keys, values = next(self._layers)
        return keys.to(dtype), values.to(dtype)

    def hidden(self, mask: PositionMask) -> torch.Tensor:
        """Return (B, 1, L, K) for a causal mask, of which all queries attend to the prefix; else (B, 1, L, S + K)."""

        def compute() -> torch.Tensor:
            if mask.is_causal:
                return mask.hidden(self.queries, self.keys)
            prefix = torch.arange(self.length, device=self.keys.device).expand(len(self.keys), -1)
            return mask.hidden(self.queries, torch.cat([prefix, self.keys], 1))

        return mask.once("hidden", compute)

    def additive(self, mask: PositionMask, dtype: torch.dtype, rows: int) -> torch.Tensor:
        """Return (B, 1, rows, K), to be added to scores with own keys: the queries' L rows, repeated for R heads."""

        def compute() -> torch.Tensor:
            hidden = self.hidden(mask)
            # Not minus infinity: a padded query attends to nothing, and must not become NaN.
            added = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, torch.finfo(dtype).min)
            return added.repeat(1, 1, rows // hidden.shape[2], 1)

        return mask.once(dtype, compute)


def prefixed_attention(
    module: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: object,
    scaling: float | None = None,
    softcap: float | None = None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """Compute attention with a shared prefix, with the signature of transformers' attention functions.

    transformers calls it where a model uses ATTENTION:

        model.set_attn_implementation(ATTENTION)
        with arranged(ForwardPass(...)):
            model(input_ids=...)

    Args:
        query: (B, H, L, D); `key` and `value` (B, G, K, D), the rows' own.
        attention_mask: The layer's PositionMask, whose arrangement is a ForwardPass.

    Returns:
        (B, L, H, D), and no weights.

    Raises:
        UnsupportedAttention: The layer requires more than this function implements.
    """
    mask, forward_pass = position_mask(attention_mask, ForwardPass, options)
    kind = query.device.type
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    if torch.is_autocast_enabled(kind):
        query, key, value = (part.to(torch.get_autocast_dtype(kind)) for part in (query, key, value))
    if forward_pass.record:
        forward_pass.prefix.append((key, value))
    with torch.autocast(kind, enabled=False):
        batch, heads, length, size = query.shape
        query = query.reshape(batch, key.shape[1], -1, size)  # the R heads of a key head, one after the other
        prefix = forward_pass.next_prefix(query.dtype)
        if _can_fuse(query, value, mask, softcap):
            added = forward_pass.additive(mask, query.dtype, query.shape[2])
            out = _fused(query, key, value, prefix, added, factor)
        else:
            out = _plain(query, key, value, prefix, forward_pass.hidden(mask), factor, softcap)
        return out.reshape(batch, heads, length, -1).transpose(1, 2).contiguous(), None


def _can_fuse(query: torch.Tensor, value: torch.Tensor, mask: PositionMask, softcap: float | None) -> bool:
    return query.device.type == "cpu" and mask.is_causal and softcap is None and value.shape[-1] == query.shape[-1]


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
        out = out + together.view(groups, batch, -1, value.shape[-1]).transpose(0, 1)
    return out


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    prefix: KeysValues | None,
    mask: torch.Tensor,
    scaling: float,
) -> torch.Tensor:
    """Compute the same with torch's fused kernel for CPUs, prefix and own keys apart, without a matrix of scores.

    The kernel returns the logarithm of each part's sum of exponentials, which gives the weights of the two outputs.
    """
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
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


register(ATTENTION, prefixed_attention)
