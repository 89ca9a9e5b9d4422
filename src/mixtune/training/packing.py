"""Packed rows: one sequence without padding, in which rows that begin alike share their beginning.

Rows of a micro-batch (prompt, label, end of turn) begin with the same system prompt. Packed, the beginning of S
tokens stands once, then what is left of each row, one behind the other:

    input_ids     (1, T)     [ S shared | n1 of row 1 | n2 of row 2 | ... ]     T = S + n1 + n2 + ...
    position_ids  (1, T)     [ 0 .. S-1 | S .. S+n1-1 | S .. S+n2-1 | ... ]

Linear layers, norms and the MLP see T tokens: nothing is padded, nothing computed twice. Only attention must know
the rows. `packed_attention`, which transformers calls in place of its own, cuts queries, keys and values
(1, heads, T, D) into the shared part, causal in itself, and the rows, padded here alone to the longest, L:

    queries (rows, heads, L, D)      keys and values (rows, heads, S + L, D): the shared ones, then the row's own

with one mask (L, S + L) for all rows: a query sees all that is shared and its own row up to itself. A row's padded
tail may see anything, since nothing reads it. Gradients of the shared part sum over the rows by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer

from ..prompts.prefix import common_prefix

ATTENTION = "mixtune_packed"


@dataclass(frozen=True)
class Layout:
    """Where in a packed sequence the rows are.

    Attributes:
        shared: S, tokens that all rows begin with.
        places: (rows, L) index in the sequence of each token of each row; the tail of shorter rows is any index.
        valid: (T - S) numbers of the places, counted through, that are not such tails.
    """

    shared: int
    places: torch.Tensor
    valid: torch.Tensor

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """(L, S + L), 0 where a query may look, minus infinity where not."""
        length = self.places.shape[1]
        later = torch.full((length, length), -torch.inf, dtype=dtype, device=self.places.device).triu(1)
        return torch.nn.functional.pad(later, (self.shared, 0))


def packs(config: Any) -> bool:
    """Whether a model's layers may attend by `packed_attention`: plain, full attention in all of them."""
    full = all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    return full and getattr(config, "attn_logit_softcapping", None) is None


def pack(rows: Sequence[Mapping[str, Any]], device: Any = "cpu") -> dict[str, Any]:
    """A micro-batch as the arguments of a model's forward pass.

    Args:
        rows: `input_ids`, and `answer`: how many of the last ids bear the loss.

    Returns:
        `input_ids` and `position_ids` (1, T); `layout`; `logits_to_keep` (answers), the positions whose logits
        predict answer tokens, the only ones that are computed; `labels` (answers), these tokens.
    """
    shared = common_prefix([row["input_ids"][: len(row["input_ids"]) - row["answer"]] for row in rows])
    rests = [row["input_ids"][shared:] for row in rows]
    ids, positions = list(rows[0]["input_ids"][:shared]), list(range(shared))
    starts, keep, labels = [], [], []
    for row, rest in zip(rows, rests, strict=True):
        starts.append(len(ids))
        ids += rest
        positions += range(shared, shared + len(rest))
        keep += range(len(ids) - row["answer"] - 1, len(ids) - 1)
        labels += rest[len(rest) - row["answer"] :]
    steps = torch.arange(max(map(len, rests)))
    places = torch.tensor(starts)[:, None] + steps
    layout = Layout(
        shared,
        places.clamp(max=len(ids) - 1).to(device),
        (steps < torch.tensor([len(rest) for rest in rests])[:, None]).flatten().nonzero()[:, 0].to(device),
    )
    tensors = {"input_ids": [ids], "position_ids": [positions], "logits_to_keep": keep, "labels": labels}
    return {name: torch.tensor(values, device=device) for name, values in tensors.items()} | {"layout": layout}


def packed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    layout: Layout,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a packed sequence, as transformers' attention functions are called.

    Args:
        query: (1, heads, T, D); `key` and `value` (1, key heads, T, D).
        layout: Given to the model's forward pass, which hands it on.

    Returns:
        (1, T, heads, D), and no weights.
    """
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        query, key, value = (part.to(torch.get_autocast_dtype(kind)) for part in (query, key, value))
    with torch.autocast(kind, enabled=False):
        query, key, value = query[0], key[0], value[0]
        shared, number = layout.shared, len(layout.places)

        def padded(part: torch.Tensor) -> torch.Tensor:
            """(rows, heads, L, D) of (heads, T, D)."""
            picked = part.index_select(
                1, layout.places.flatten()
            )  # whose gradient is quicker than that of part[:, places]
            return picked.view(len(part), number, -1, part.shape[-1]).transpose(0, 1)

        keys, values = (
            torch.cat([part[None, :, :shared].expand(number, -1, -1, -1), padded(part)], 2) for part in (key, value)
        )
        rows = attend(padded(query), keys, values, layout.mask(query.dtype), scaling)
        rows = rows.transpose(1, 2).flatten(0, 1).index_select(0, layout.valid)  # (T - S, heads, D)
        if not shared:
            return rows[None], None
        mask = torch.full((shared, shared), -torch.inf, dtype=query.dtype, device=query.device).triu(1)
        first = attend(*(part[None, :, :shared] for part in (query, key, value)), mask, scaling)
        return torch.cat([first[0].transpose(0, 1), rows])[None], None


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float):
    """Attention (batch, heads, L, D) with keys and values (batch, key heads, K, D) and a mask (L, K)."""
    if query.device.type == "cpu":
        return _Attend.apply(query, key, value, mask, scaling)
    group = query.shape[1] != key.shape[1]
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=group
    )


class _Attend(torch.autograd.Function):
    """Attention for short sequences on a CPU, whose fused kernel takes three times as long in the backward pass.

    Queries of the heads that share a key head are stacked: (batch, key heads, group x L, D). The weights are
    computed again in the backward pass, so that no (L, K) matrix is kept.
    """

    @staticmethod
    def forward(ctx, query, key, value, mask, scaling):
        batch, heads, length, size = query.shape
        stacked = query.reshape(batch, key.shape[1], -1, size)
        ctx.save_for_backward(stacked, key, value, mask)
        ctx.scaling = scaling
        weights = _Attend.weights(stacked, key, mask, scaling)
        return (weights.to(value.dtype) @ value).view(batch, heads, length, size)

    @staticmethod
    def weights(stacked, key, mask, scaling):
        scores = (stacked @ key.mT).float().mul_(scaling)
        scores.view(*key.shape[:2], -1, *mask.shape).add_(mask)
        return scores.softmax(-1)

    @staticmethod
    def backward(ctx, gradient):
        stacked, key, value, mask = ctx.saved_tensors
        gradient = gradient.reshape(stacked.shape)
        weights = _Attend.weights(stacked, key, mask, ctx.scaling)
        of_weights = (gradient @ value.mT).float()
        of_scores = of_weights.sub_((of_weights * weights).sum(-1, keepdim=True)).mul_(weights).mul_(ctx.scaling)
        of_scores = of_scores.to(key.dtype)
        of_query = (of_scores @ key).view(key.shape[0], -1, mask.shape[0], key.shape[-1])
        return of_query, of_scores.mT @ stacked, weights.to(value.dtype).mT @ gradient, None, None


AttentionInterface.register(ATTENTION, packed_attention)
