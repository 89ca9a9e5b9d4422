"""Packed rows: their layout, and the models that can process them."""

import pytest
import torch
from transformers import Gemma2Config, LlamaConfig, MistralConfig, Phi3Config, Qwen2Config, SmolLM3Config

from mixtune.prompts.prefix import SHORTEST
from mixtune.training.packing import can_pack, pack
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
    seen = (layout.mask(torch.float32) == 0).tolist()
    assert seen == [[True] * (SHORTEST + n) + [False] * (5 - n) for n in range(1, 6)]


def test_an_answer_is_never_part_of_the_shared_prefix():
    same = {"input_ids": [*range(3, 3 + SHORTEST + 4), END], "answer": 3}
    batch = pack([same, same])
    # The last prompt token stays too: it predicts the answer's first.
    assert batch["layout"].shared == SHORTEST + 1
    assert batch["input_ids"].tolist() == [same["input_ids"] + same["input_ids"][SHORTEST + 1 :]]


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (LlamaConfig(), True),
        (Qwen2Config(), True),
        (Qwen2Config(use_sliding_window=True, max_window_layers=1), False),
        (SmolLM3Config(), True),
        (MistralConfig(sliding_window=None), True),
        # These two say that they slide by `sliding_window` alone, without `layer_types`.
        (MistralConfig(sliding_window=4096), False),
        (Phi3Config(sliding_window=2047, pad_token_id=0), False),
        (Gemma2Config(), False),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, bool) else str(value),
)
def test_models_with_sliding_windows_are_not_packed(config, shares):
    assert can_pack(config) is shares
