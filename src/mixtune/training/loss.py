"""The loss of a step: micro-batches of packed rows, and the cross-entropy of their answer tokens."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from .packing import ATTENTION, pack

Row = Mapping[str, Any]


def micro_batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Rows in batches of at most `tokens` tokens (one row at least), the shortest first."""
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
    """Cross-entropy summed over the answer tokens of rows.

    Logits are computed where an answer token is predicted and nowhere else: no tensor of batch x length x
    vocabulary exists. A model without the packed attention gets its rows one by one.

    Args:
        model: On one device; with ATTENTION set where it `packs`.
        rows: `input_ids`, and `answer`: how many of the last ids are the label and the end of turn.
    """
    packed = model.config._attn_implementation == ATTENTION
    total = torch.zeros((), device=model.device)
    for batch in [rows] if packed else [[row] for row in rows]:
        arguments = pack(batch, model.device)
        labels, layout = arguments.pop("labels"), arguments.pop("layout")
        if packed:
            arguments["layout"] = layout
        logits = model(**arguments, use_cache=False).logits[0].float()
        total = total + torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    return total
