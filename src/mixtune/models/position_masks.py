"""Masks of a model's own layers as functions of positions, for attention over tokens that are not laid out one by one.

transformers describes a mask by a function of query and key positions (causal, in a window, in chunks) and turns it
into a matrix for rows of equal length. Packed rows and prompts with a shared prefix are arranged differently, so
their attention functions receive the function itself, with the arrangement of the current forward pass:

    with arranged(layout):
        model(input_ids=..., position_ids=...)      # each layer's attention gets a PositionMask as attention_mask

A layer that handles its mask in another way, or passes an argument that these functions do not implement, fails with an
error instead of computing something else. `ForwardPass` and `Layout` are the two arrangements.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import causal_mask_function

# Arguments that plain attention does not use either: masks hold the windows, and queries and keys the positions.
WITHOUT_EFFECT = {"sliding_window", "position_ids", "cache_position", "use_cache", "is_causal", "num_items_in_batch"}

T = TypeVar("T")

_arrangement: ContextVar[object] = ContextVar("arrangement")


class UnsupportedAttention(RuntimeError):
    """A layer computes attention in a way that packed rows and shared prefixes do not implement."""


@dataclass
class PositionMask:
    """A mask as layers receive it; deliberately no tensor, so that code that slices or adds it fails.

    Attributes:
        arrangement: That of the current forward pass.
        is_causal: Whether the mask is causal and nothing else: a query attends to all keys before it.
    """

    arrangement: object
    is_causal: bool
    _function: Callable[..., torch.Tensor]
    _computed: dict[object, torch.Tensor] = field(default_factory=dict)

    def hidden(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Return (B, 1, L, K), True where a query must not attend to a key, for positions (B, L) and (B, K)."""
        rows = torch.arange(len(queries), device=queries.device)[:, None, None, None]
        visible = self._function(rows, torch.zeros_like(rows), queries[:, None, :, None], keys[:, None, None])
        return ~visible.expand(len(queries), 1, queries.shape[1], keys.shape[1])

    def once(self, key: object, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return `compute()`, computed once for all layers that share this mask."""
        if key not in self._computed:
            self._computed[key] = compute()
        return self._computed[key]


@contextmanager
def arranged(arrangement: object) -> Iterator[None]:
    """Give masks of the forward passes inside this arrangement."""
    token = _arrangement.set(arrangement)
    try:
        yield
    finally:
        _arrangement.reset(token)


def register(name: str, attention: Callable[..., tuple[torch.Tensor, None]]) -> None:
    """Make an attention function available as `model.set_attn_implementation(name)`; its masks are PositionMasks."""
    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, _position_mask)


def _position_mask(*, mask_function: Callable[..., torch.Tensor], use_vmap: bool = False, **_: object) -> PositionMask:
    """Return the mask of a layer type, with the signature of transformers' mask functions."""
    if use_vmap:  # a model's own function, which may depend on more than positions
        raise UnsupportedAttention("a mask that depends on more than positions")
    return PositionMask(_arrangement.get(None), mask_function is causal_mask_function, mask_function)


def position_mask(mask: object, arrangement: type[T], options: Mapping[str, object]) -> tuple[PositionMask, T]:
    """Return the mask of an attention call, and its arrangement.

    Args:
        mask: `attention_mask` of the call.
        options: Arguments of the call that the attention function does not implement.

    Raises:
        UnsupportedAttention: The mask is another one, or an option would change the result.
    """
    unknown = sorted(name for name in options.keys() - WITHOUT_EFFECT if not _is_unset(options[name]))
    if unknown:
        raise UnsupportedAttention(f"attention with {', '.join(unknown)}")
    if not isinstance(mask, PositionMask) or not isinstance(mask.arrangement, arrangement):
        raise UnsupportedAttention("attention with a mask of its own")
    return mask, mask.arrangement


def _is_unset(value: object) -> bool:
    return value is None or value is False or (isinstance(value, float) and value == 0)  # e.g. a dropout of 0.0
