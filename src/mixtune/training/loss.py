"""Loss of a step: micro-batches of packed rows, and the cross-entropy of their answer tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

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


def answer_loss(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """Return the cross-entropy summed over the answer tokens of rows.

    Logits are computed only at positions that predict an answer token: there is no tensor of batch x length x
    vocabulary. A model without the packed attention gets its rows one by one.

    Args:
        model: On one device; with ATTENTION set where packing works (`can_pack`).
    """
    is_packed = model.config._attn_implementation == ATTENTION
    total = torch.zeros((), device=model.device)
    for batch in [rows] if is_packed else [[row] for row in rows]:
        arguments: dict[str, Any] = {**pack(batch, model.device)}
        labels, layout = arguments.pop("labels"), arguments.pop("layout")
        if is_packed:
            arguments["layout"] = layout
        logits = model(**arguments, use_cache=False).logits[0].float()
        total = total + torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    return total
