"""Labels for many prompts: greedy decoding in batches that share what their prompts share."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache

from .models import Device
from .prefixes import expanded

# Prompt tokens of a batch. Fixed per kind of device: with it, equal prompts make equal batches anywhere.
TOKEN_BUDGET = {"cpu": 4_096, "cuda": 65_536}


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of prompts in batches of at most `budget` padded tokens, the longest first.

    Longest first: if memory does not suffice, the first batch tells.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


class Decoder:
    """A model that answers prompts greedily.

    Args:
        model: In eval mode, on `device`.
        stop_ids: Ids at which an answer ends.
        pad: Any id; padded positions are masked.
        max_new_tokens: Limit of an answer.
    """

    def __init__(self, model: Any, device: Device, stop_ids: Sequence[int], pad: int, max_new_tokens: int):
        self.model, self.device, self.pad, self.max_new_tokens = model, device, pad, max_new_tokens
        self.stop_ids = torch.tensor(list(stop_ids), device=model.device)

    def prefix(self, ids: Sequence[int]) -> Any:
        """Keys and values of a prompt beginning, to be given to `answers` with what follows."""
        return self._forward(torch.tensor([list(ids)]), DynamicCache(config=self.model.config)).past_key_values

    def answers(self, prompts: Sequence[Sequence[int]], prefix: Any = None) -> list[list[int]]:
        """Token ids of each prompt's answer, without the stop token, in the order of the prompts.

        Args:
            prompts: Token ids; with `prefix`, what follows it.
            prefix: Result of `prefix`, left unchanged.

        Returns:
            At most `max_new_tokens` ids each.
        """
        shared = prefix.get_seq_length() if prefix is not None else 0
        length = max(map(len, prompts))
        ids = torch.full((len(prompts), length), self.pad)
        mask = torch.zeros((len(prompts), shared + length), dtype=torch.long)
        mask[:, :shared] = 1
        for i, prompt in enumerate(prompts):
            ids[i, length - len(prompt) :] = torch.tensor(list(prompt))
            mask[i, shared + length - len(prompt) :] = 1
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        config = self.model.config
        cache = expanded(prefix, len(prompts), config) if prefix is not None else DynamicCache(config=config)
        out: list[list[int]] = [[] for _ in prompts]
        rows = list(range(len(prompts)))
        following = positions[:, -1:] + 1
        token = self._next(self._forward(ids, cache, mask, positions[:, shared:]))
        for step in range(self.max_new_tokens):
            alive = []
            for place, (row, stopped) in enumerate(zip(rows, self._stopped(token), strict=True)):
                if not stopped:
                    out[row].append(int(token[place]))
                    alive.append(place)
            if not alive or step + 1 == self.max_new_tokens:
                break
            if len(alive) < len(rows):  # finished rows leave the batch
                keep = torch.tensor(alive)
                rows = [rows[place] for place in alive]
                cache.batch_select_indices(keep.to(self.model.device))
                token, mask, following = token[keep.to(token.device)], mask[keep], following[keep]
            mask = torch.cat([mask, mask.new_ones((len(rows), 1))], 1)
            token = self._next(self._forward(token[:, None], cache, mask, following))
            following = following + 1
        return out

    def _forward(self, ids: torch.Tensor, cache: Any, mask: Any = None, positions: Any = None) -> Any:
        place = self.model.device
        with torch.no_grad(), self.device.autocast():
            return self.model(
                input_ids=ids.to(place),
                attention_mask=None if mask is None else mask.to(place),
                position_ids=None if positions is None else positions.to(place),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )

    @staticmethod
    def _next(outputs: Any) -> torch.Tensor:
        return outputs.logits[:, -1].argmax(-1)

    def _stopped(self, token: torch.Tensor) -> list[bool]:
        return torch.isin(token, self.stop_ids).tolist()
