"""Loss of a step: micro-batches of packed rows, and the cross-entropy of their answer tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ..devices.compute import Device
from ..models.plain_pass import SelfCheck, check_way, plain_logits, sample_ids, uniform_length
from ..models.position_masks import arranged
from ..prompts.prefix import SHORTEST
from .packing import ATTENTION, Row, pack


def micro_batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Yield rows in batches of at most `tokens` tokens (at least one row), the shortest first.

    >>> rows = [{"input_ids": [1] * length} for length in (7, 3, 50, 4)]
    >>> [[len(row["input_ids"]) for row in batch] for batch in micro_batches(rows, tokens=12)]
    [[3, 4], [7], [50]]
    """
    batch: list[Row] = []
    size = 0
    for row in sorted(rows, key=lambda row: len(row["input_ids"])):
        if batch and size + len(row["input_ids"]) > tokens:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row["input_ids"])
    if batch:
        yield batch


def answer_logits(model: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits (answers, vocabulary) of the answer tokens of rows, in their order, and these tokens (answers).

    Logits are computed only at positions that predict an answer token: there is no tensor of batch x length x
    vocabulary.

    Args:
        model: On one device; with ATTENTION, rows are packed, else each has a plain pass of its own.
    """
    is_packed = model.config._attn_implementation == ATTENTION
    if not is_packed or max(len(row["input_ids"]) for row in rows) > uniform_length(model.config):
        ids = [(torch.tensor(row["input_ids"], device=model.device), row["answer"]) for row in rows]
        logits = torch.cat([plain_logits(model, row, answer + 1)[:-1] for row, answer in ids])
        return logits.float(), torch.cat([row[-answer:] for row, answer in ids])
    packed = pack(rows, model.device)
    ids = packed["input_ids"]
    with arranged(packed["layout"]):
        logits = model(
            input_ids=ids,
            position_ids=packed["position_ids"],
            attention_mask=torch.ones_like(ids),  # without one, transformers would take suffixes for separate rows
            logits_to_keep=packed["logits_to_keep"],
            use_cache=False,
        ).logits[0]
    return logits.float(), packed["labels"]


def answer_loss(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """Return the cross-entropy summed over the answer tokens of rows."""
    return torch.nn.functional.cross_entropy(*answer_logits(model, rows), reduction="sum")


def check_packing(model: Any, device: Device) -> SelfCheck:
    """Compare the logits of packed rows, of unequal lengths and with a shared prefix, with those of plain passes."""
    ids = sample_ids(model, SHORTEST + 12)
    rows = [ids, [*ids[: SHORTEST + 4], *reversed(ids[-5:])], ids[: SHORTEST + 3]]

    def fast() -> torch.Tensor:
        batch = [{"input_ids": row, "answer": 2} for row in rows]
        with torch.no_grad(), device.autocast():
            with torch.random.fork_rng([model.device] if device.name == "cuda" else []):
                answer_logits(model.train(), batch)  # attention with dropout is not implemented
            return answer_logits(model.eval(), batch)[0]

    was_training = model.training
    model.eval()
    plain = [(row[:-1], 2) for row in rows]  # the last id of a row is not an input of these logits
    check = check_way("packed rows", model, device, ATTENTION, fast, plain)
    model.train(was_training)
    return check
