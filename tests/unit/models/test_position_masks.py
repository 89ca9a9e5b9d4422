"""Masks as functions of positions, and attention calls that are refused because they require more."""

import pytest
import torch
from transformers.masking_utils import chunked_causal_mask_function, sliding_window_causal_mask_function

from mixtune.models.position_masks import PositionMask, UnsupportedAttention, arranged, position_mask

FAR = 2**30


def visible(function, queries, keys) -> list[list[int]]:
    mask = PositionMask(None, False, function)
    return (~mask.hidden(torch.tensor([queries]), torch.tensor([keys])))[0, 0].int().tolist()


def test_a_window_and_a_chunk_are_those_of_positions_wherever_tokens_are():
    window, chunk = sliding_window_causal_mask_function(3), chunked_causal_mask_function(4, torch.zeros(1, dtype=int))
    assert visible(window, [5, 6], [FAR, 2, 3, 4, 5]) == [[0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert visible(chunk, [5, 8], [FAR, 3, 4, 5, 8]) == [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    "options", [{"s_aux": torch.ones(4)}, {"dropout": 0.1}, {"softcap": 30.0}, {"new": "argument"}]
)
def test_an_argument_that_would_be_ignored_is_refused(options):
    mask = PositionMask(3, True, sliding_window_causal_mask_function(3))
    with pytest.raises(UnsupportedAttention, match=f"attention with {next(iter(options))}"):
        position_mask(mask, int, options)
    harmless = {"dropout": 0.0, "softcap": None, "sliding_window": 3, "position_ids": torch.ones(2), "new": False}
    assert position_mask(mask, int, harmless) == (mask, 3)


@pytest.mark.parametrize("mask", [None, torch.zeros(1, 1, 2, 2), PositionMask("another", True, lambda *_: None)])
def test_a_mask_of_another_kind_is_refused(mask):
    with pytest.raises(UnsupportedAttention, match="mask of its own"):
        position_mask(mask, int, {})


def test_an_arrangement_holds_for_its_block():
    from transformers import AttentionMaskInterface

    from mixtune.training.packing import ATTENTION

    make = AttentionMaskInterface()[ATTENTION]
    with arranged("outer"):
        with arranged("inner"):
            assert make(mask_function=None, batch_size=1).arrangement == "inner"
        assert make(mask_function=None).arrangement == "outer"
    assert make(mask_function=None).arrangement is None
    with pytest.raises(UnsupportedAttention, match="more than positions"):
        make(mask_function=None, use_vmap=True)
