"""Self-check of batched rows behind a shared prefix, on the loaded model."""

from typing import Any

import torch

from ..devices.compute import Device
from ..models.plain_pass import SelfCheck, check_way, sample_ids
from .prefix_attention import ATTENTION
from .rows import BatchedRows, compute_prefix

SHARED, LONG, SHORT = 12, 9, 4  # tokens of a prefix and of two rows after it, of which the shorter one is padded


def check_batching(model: Any, device: Device) -> SelfCheck:
    """Compare a prefill of two rows and a further pass with plain passes."""
    ids = sample_ids(model, SHARED + LONG + 1)
    shared, long, short, following = ids[:SHARED], ids[SHARED:-1], ids[SHARED : SHARED + SHORT], ids[-1:]

    def fast() -> torch.Tensor:
        rows = BatchedRows(model, device, [long, short], compute_prefix(model, device, shared))
        prefill = rows.logits
        rows.feed([following, following])
        return torch.stack([prefill, rows.logits], 1).flatten(0, 1)

    expected = [([*shared, *row, *following], 2) for row in (long, short)]
    return check_way("batches with a shared prefix", model, device, ATTENTION, fast, expected)
