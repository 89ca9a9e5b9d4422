"""Unfinished rows of a batch: processed together behind a shared prefix, or each by itself as the model was written.

`BatchedRows` needs attention through `prefix_attention.py`. `PlainRows` repeats the whole forward pass of a row for
each decision, without a cache, padding or a batch, which any causal model supports: the reference, and slower.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from transformers import DynamicCache

from ..devices.compute import Device
from ..models.plain_pass import plain_logits
from ..models.position_masks import arranged
from .prefix_attention import FAR, ForwardPass, KeysValues, pad_left


class Prefix(NamedTuple):
    """A shared prefix of S tokens: its ids, and keys and values (1, G, S, D) in the order in which layers use them."""

    ids: Sequence[int]
    layers: list[KeysValues]

    @property
    def length(self) -> int:
        return len(self.ids)


NO_PREFIX = Prefix((), [])


class Rows(Protocol):
    """Unfinished rows of a batch; `logits` are those of their next tokens, (rows, vocabulary)."""

    logits: torch.Tensor

    def feed(self, tokens: Sequence[Sequence[int]]) -> None:
        """Append tokens, at least one per row."""
        ...

    def keep(self, rows: list[int]) -> None:
        """Keep these rows alone; a row that is listed more than once is duplicated."""
        ...


class PlainRows:
    """Rows that are processed one by one, each whole in every pass."""

    def __init__(self, model: Any, device: Device, prompts: Sequence[Sequence[int]], prefix: Prefix = NO_PREFIX):
        self.model, self.device = model, device
        self.ids: list[list[int]] = [list(prefix.ids) for _ in prompts]
        self.feed(prompts)

    def feed(self, tokens: Sequence[Sequence[int]]) -> None:
        self.ids = [[*ids, *new] for ids, new in zip(self.ids, tokens, strict=True)]
        with torch.no_grad(), self.device.autocast():
            rows = (torch.tensor(ids, device=self.model.device) for ids in self.ids)
            self.logits = torch.cat([plain_logits(self.model, ids, last=1) for ids in rows])

    def keep(self, rows: list[int]) -> None:
        self.ids = [self.ids[row] for row in rows]


class BatchedRows:
    """Rows that are processed together, (rows, longest) padded on the left, with a cache."""

    def __init__(
        self, model: Any, device: Device, prompts: Sequence[Sequence[int]], prefix: Prefix = NO_PREFIX, pad: int = 0
    ):
        self.model, self.device, self.prefix, self.pad = model, device, prefix, pad
        # Without the config, every layer keeps all keys: the attention function applies the windows.
        self.cache = DynamicCache()
        self.length = torch.full((len(prompts), 1), prefix.length, device=model.device)
        self.keys = torch.empty((len(prompts), 0), dtype=torch.long, device=model.device)
        self.feed(prompts)

    def feed(self, tokens: Sequence[Sequence[int]]) -> None:
        ids = pad_left(tokens, self.pad).to(self.model.device)
        steps = pad_left([range(len(row)) for row in tokens], -1).to(self.model.device)
        positions = torch.where(steps < 0, FAR, self.length + steps)
        self.keys = torch.cat([self.keys, positions], 1)
        # Padding is masked both as query and as key; its hidden state is never used.
        queries = torch.where(steps < 0, 0, positions)
        forward_pass = ForwardPass(self.prefix.layers, queries, self.keys, self.prefix.length)
        inputs = {"input_ids": ids, "position_ids": queries, "past_key_values": self.cache}
        with torch.no_grad(), self.device.autocast(), arranged(forward_pass):
            self.logits = self.model(**inputs, use_cache=True, logits_to_keep=1).logits[:, -1]
        self.length = self.length + (steps >= 0).sum(1, keepdim=True)

    def keep(self, rows: list[int]) -> None:
        if rows != list(range(len(self.length))):
            index = torch.tensor(rows, device=self.model.device)
            self.cache.batch_select_indices(index)
            self.length, self.keys = self.length[index], self.keys[index]


def compute_prefix(model: Any, device: Device, ids: Sequence[int]) -> Prefix:
    """Run a shared prefix once, (1, S)."""
    positions = torch.arange(len(ids), device=model.device)[None]
    forward_pass = ForwardPass([], positions, positions, 0, record=True)
    inputs = {"input_ids": torch.tensor([ids], device=model.device), "position_ids": positions}
    with torch.no_grad(), device.autocast(), arranged(forward_pass):
        model(**inputs, use_cache=False, logits_to_keep=1)
    return Prefix(ids, forward_pass.prefix)
