"""The loss of a step: micro-batches, logits at the answers alone, and their cross-entropy."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import DynamicCache

from .prefixes import common_prefix, expanded

IGNORED = -100


class Collator:
    """Left-padded micro-batches that hold what their rows share once, and logits at the answers only.

    Left padding puts all answers at the right edge, so that `logits_to_keep` can leave out the rest: no tensor
    of batch x length x vocabulary exists.

    Args:
        pad: Any token id; padded positions are masked.
        share: Whether the rows' common beginning (the system prompt) is split off, to be computed once.
    """

    def __init__(self, pad: int, share: bool):
        self.pad, self.share = pad, share

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tensors for `AnswerTrainer.compute_loss`.

        Returns:
            `prefix_ids` (1, shared) or None; `input_ids` (batch, length); `attention_mask` (batch, shared +
            length); `position_ids` (batch, length); `labels` (batch, longest answer), for the last positions.
        """
        prompts = [row["input_ids"][: len(row["input_ids"]) - row["answer"]] for row in rows]
        shared = common_prefix(prompts) if self.share else 0
        length = max(len(row["input_ids"]) for row in rows) - shared
        keep = max(row["answer"] for row in rows)
        ids = torch.full((len(rows), length), self.pad)
        mask = torch.zeros((len(rows), shared + length), dtype=torch.long)
        mask[:, :shared] = 1
        labels = torch.full((len(rows), keep), IGNORED)
        for i, row in enumerate(rows):
            tokens = torch.tensor(row["input_ids"][shared:])
            ids[i, length - len(tokens) :] = tokens
            mask[i, shared + length - len(tokens) :] = 1
            labels[i, keep - row["answer"] :] = tokens[len(tokens) - row["answer"] :]
        return {
            "prefix_ids": torch.tensor([prompts[0][:shared]]) if shared else None,
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": (mask.cumsum(1) - 1).clamp(min=0)[:, shared:],
            "labels": labels,
        }


def answer_logits(model: Any, batch: Mapping[str, Any], keep: int) -> torch.Tensor:
    """Logits of the last `keep` positions, (batch, keep, vocabulary), for a batch of `Collator`.

    Gradients flow through the shared prefix's keys and values, summed over the rows that use them.
    """
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    prefix = batch.get("prefix_ids")
    if prefix is not None:
        cache = DynamicCache(config=model.config)
        model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
        inputs["past_key_values"] = expanded(cache, len(inputs["input_ids"]), model.config)
    return model(**inputs, use_cache=prefix is not None, logits_to_keep=keep).logits


def answer_loss(logits: torch.Tensor, labels: torch.Tensor, items: Any = None) -> torch.Tensor:
    """Cross-entropy over answer tokens; the mean is over those of the whole step, not of a micro-batch.

    Args:
        logits: (batch, longest answer + 1, vocabulary): the last prompt token predicts the first label token.
        labels: (batch, longest answer).
        items: Answer tokens in the step; None for this batch's own.
    """
    flat = logits[:, :-1].float().flatten(0, 1)
    total = torch.nn.functional.cross_entropy(flat, labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (items if items is not None else (labels != IGNORED).sum())
