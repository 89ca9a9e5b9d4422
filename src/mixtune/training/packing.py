"""Packed rows: several rows in one sequence, without padding, and with their shared prefix stored once.

Rows of a micro-batch (prompt, label, end of turn) begin with the same system prompt: S tokens. A packed sequence is
this prefix, then the suffix of each row:

    input_ids     (1, T)     [ S shared | n1 of row 1 | n2 of row 2 | ... ]     T = S + n1 + n2 + ...
    position_ids  (1, T)     [ 0 .. S-1 | S .. S+n1-1 | S .. S+n2-1 | ... ]

Linear layers, norms and the MLP process T tokens, each once, without padding. Only attention has to distinguish
the rows. `packed_attention`, which transformers calls in place of its own, splits queries, keys and values
(1, heads, T, D) into the prefix, causal in itself, and the suffixes, padded (here alone) to the longest, L:

    queries (rows, heads, L, D)      keys and values (rows, heads, S + L, D): the prefix, then the row's own

with one mask (L, S + L) for all rows, the layer's own function of positions: a query attends to the prefix and to its
own row up to itself, or inside a window. The padded tail of a row may attend to anything, since its output is not
used. Autograd sums the gradients of the prefix over the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import torch

from ..models.position_masks import PositionMask, position_mask, register
from ..prompts.prefix import common_prefix

ATTENTION = "mixtune_packed"

# A rendered row: `input_ids`, and `answer`, the number of last ids (label and end of turn) that bear the loss.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """Positions of the rows in a packed sequence.

    Attributes:
        shared: S, length of the shared prefix.
        indices: (rows, L) index in the sequence of each token of each suffix; any index in the tail of shorter rows.
        valid: (T - S) positions in the flattened `indices` that are not in such a tail.
    """

    shared: int
    indices: torch.Tensor
    valid: torch.Tensor

    def mask(self, mask: PositionMask, dtype: torch.dtype) -> torch.Tensor:
        """Return (S + L, S + L) by position: 0 where a query attends to a key, minus infinity elsewhere."""

        def compute() -> torch.Tensor:
            positions = torch.arange(self.shared + self.indices.shape[1], device=self.indices.device)[None]
            hidden = mask.hidden(positions, positions)[0, 0]
            return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(hidden, -torch.inf)

        return mask.once(dtype, compute)


class Packed(TypedDict):
    """A packed micro-batch: arguments of a model's forward pass, and `labels`.

    Attributes:
        input_ids, position_ids: (1, T).
        logits_to_keep: (answers) positions whose logits predict answer tokens, the only ones that are computed.
        labels: (answers) these answer tokens.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    logits_to_keep: torch.Tensor
    labels: torch.Tensor
    layout: Layout


def pack(rows: Sequence[Row], device: torch.device | str = "cpu") -> Packed:
    """Pack a micro-batch.

    >>> prompt = list(range(20))
    >>> packed = pack([{"input_ids": [*prompt, 30, 2], "answer": 2}, {"input_ids": [*prompt, 31, 2], "answer": 2}])
    >>> packed["input_ids"].shape, packed["labels"].tolist()  # 19 shared ids, then 3 of each row
    (torch.Size([1, 25]), [30, 2, 31, 2])
    """
    shared = common_prefix([row["input_ids"][: len(row["input_ids"]) - row["answer"]] for row in rows])
    suffixes = [row["input_ids"][shared:] for row in rows]
    ids, positions = list(rows[0]["input_ids"][:shared]), list(range(shared))
    starts, keep, labels = [], [], []
    for row, suffix in zip(rows, suffixes, strict=True):
        starts.append(len(ids))
        ids += suffix
        positions += range(shared, shared + len(suffix))
        keep += range(len(ids) - row["answer"] - 1, len(ids) - 1)
        labels += suffix[len(suffix) - row["answer"] :]
    steps = torch.arange(max(map(len, suffixes)))
    indices = torch.tensor(starts)[:, None] + steps
    layout = Layout(
        shared,
        indices.clamp(max=len(ids) - 1).to(device),
        (steps < torch.tensor([len(suffix) for suffix in suffixes])[:, None]).flatten().nonzero()[:, 0].to(device),
    )
    return {
        "input_ids": torch.tensor([ids], device=device),
        "position_ids": torch.tensor([positions], device=device),
        "logits_to_keep": torch.tensor(keep, device=device),
        "labels": torch.tensor(labels, device=device),
        "layout": layout,
    }


def packed_attention(
    module: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: object,
    scaling: float | None = None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """Compute attention over a packed sequence, with the signature of transformers' attention functions.

    Args:
        query: (1, heads, T, D); `key` and `value` (1, key heads, T, D).
        attention_mask: The layer's PositionMask, whose arrangement is a Layout.

    Returns:
        (1, T, heads, D), and no weights.

    Raises:
        UnsupportedAttention: The layer requires more than this function implements.
    """
    mask, layout = position_mask(attention_mask, Layout, options)
    kind = query.device.type
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    if torch.is_autocast_enabled(kind):
        query, key, value = (part.to(torch.get_autocast_dtype(kind)) for part in (query, key, value))
    with torch.autocast(kind, enabled=False):
        query, key, value = query[0], key[0], value[0]
        shared, number = layout.shared, len(layout.indices)

        def padded(part: torch.Tensor) -> torch.Tensor:
            """Return (rows, heads, L, D) of (heads, T, D)."""
            # The gradient of index_select is faster than that of part[:, indices].
            selected = part.index_select(1, layout.indices.flatten())
            return selected.view(len(part), number, -1, part.shape[-1]).transpose(0, 1)

        keys, values = (
            torch.cat([part[None, :, :shared].expand(number, -1, -1, -1), padded(part)], 2) for part in (key, value)
        )
        visible = layout.mask(mask, query.dtype)
        rows = attend(padded(query), keys, values, visible[shared:], factor)
        rows = rows.transpose(1, 2).flatten(0, 1).index_select(0, layout.valid)  # (T - S, heads, D)
        if not shared:
            return rows[None], None
        own = visible[:shared, :shared]
        prefix = attend(query[None, :, :shared], key[None, :, :shared], value[None, :, :shared], own, factor)
        return torch.cat([prefix[0].transpose(0, 1), rows])[None], None


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float
) -> torch.Tensor:
    """Compute attention (batch, heads, L, D) with keys and values (batch, key heads, K, D) and a mask (L, K)."""
    if query.device.type == "cpu":
        return _CpuAttention.apply(query, key, value, mask, scaling)
    is_grouped = query.shape[1] != key.shape[1]
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=is_grouped
    )


class _CpuAttention(torch.autograd.Function):
    """Attention for short sequences on a CPU, where the backward pass of the fused kernel takes three times as long.

    Queries of the heads that share a key head are stacked: (batch, key heads, group x L, D). The weights are
    recomputed in the backward pass, so that no (L, K) matrix is kept.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] as torch's documentation writes it
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        batch, heads, length, size = query.shape
        stacked = query.reshape(batch, key.shape[1], -1, size)
        ctx.save_for_backward(stacked, key, value, mask)
        ctx.scaling = scaling
        weights = _CpuAttention.weights(stacked, key, mask, scaling)
        return (weights.to(value.dtype) @ value).view(batch, heads, length, -1)

    @staticmethod
    def weights(stacked: torch.Tensor, key: torch.Tensor, mask: torch.Tensor, scaling: float) -> torch.Tensor:
        scores = (stacked @ key.mT).float().mul_(scaling)
        scores.view(*key.shape[:2], -1, *mask.shape).add_(mask)
        return scores.softmax(-1)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        stacked, key, value, mask = ctx.saved_tensors
        gradient = gradient.reshape(*stacked.shape[:-1], -1)
        weights = _CpuAttention.weights(stacked, key, mask, ctx.scaling)
        scores_gradient = (gradient @ value.mT).float()  # of the weights at first
        scores_gradient.sub_((scores_gradient * weights).sum(-1, keepdim=True)).mul_(weights).mul_(ctx.scaling)
        scores_gradient = scores_gradient.to(key.dtype)
        query_gradient = (scores_gradient @ key).view(key.shape[0], -1, mask.shape[0], key.shape[-1])
        return query_gradient, scores_gradient.mT @ stacked, weights.to(value.dtype).mT @ gradient, None, None


register(ATTENTION, packed_attention)
