"""Packed rows: their layout. Which models can process them: tests/architectures/test_architectures.py."""

import torch
from transformers.masking_utils import causal_mask_function

from mixtune.models.position_masks import PositionMask
from mixtune.prompts.prefix import SHORTEST
from mixtune.training.packing import pack
from tests.fixtures.models import END


def test_packed_rows_hold_what_they_share_once():
    beginning = list(range(10, 10 + SHORTEST))
    data = [
        {"input_ids": [*beginning, 5, 6, 7, 8, END], "answer": 2},
        {"input_ids": [*beginning, 9, 8, 7, END], "answer": 3},
    ]
    batch = pack(data)
    assert batch["input_ids"].tolist() == [[*beginning, 5, 6, 7, 8, END, 9, 8, 7, END]]
    assert batch["position_ids"].tolist() == [[*range(16), 16, 17, 18, 19, 20, 16, 17, 18, 19]]
    assert batch["labels"].tolist() == [8, END, 8, 7, END]
    assert batch["logits_to_keep"].tolist() == [18, 19, 21, 22, 23]  # each predicts the token behind it
    layout = batch["layout"]
    assert layout.shared == SHORTEST
    assert layout.indices.tolist() == [[16, 17, 18, 19, 20], [21, 22, 23, 24, 24]]
    assert layout.valid.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]  # of ten indices, the last is a tail
    seen = (layout.mask(PositionMask(layout, True, causal_mask_function), torch.float32) == 0).tolist()
    assert seen == [[True] * n + [False] * (SHORTEST + 5 - n) for n in range(1, SHORTEST + 6)]


def test_an_answer_is_never_part_of_the_shared_prefix():
    same = {"input_ids": [*range(3, 3 + SHORTEST + 4), END], "answer": 3}
    batch = pack([same, same])
    # The last prompt token stays too: it predicts the answer's first.
    assert batch["layout"].shared == SHORTEST + 1
    assert batch["input_ids"].tolist() == [same["input_ids"] + same["input_ids"][SHORTEST + 1 :]]
