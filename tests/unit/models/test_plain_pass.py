"""The self-check: a faster way that computes something else is found, and not used."""

import pytest
import torch
from transformers import LlamaConfig

from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.inference.decoder import Decoder
from mixtune.models.plain_pass import check_way, plain_logits
from mixtune.training.loss import check_packing
from mixtune.training.packing import ATTENTION
from tests.fixtures.models import END, random_model, tiny_shape

CPU = Device("cpu", torch.float32, "a test says so")
IDS = [5, 9, 11, 40, 7]


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return random_model(LlamaConfig(**tiny_shape())).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_difference_is_found(model, dtype):
    """As small as that of one masked token, in bf16 as well."""
    device, expected = Device("cpu", dtype, "a test says so"), plain_logits(model, torch.tensor(IDS), 2).detach()
    wrong = plain_logits(model, torch.tensor(IDS[1:]), 2).detach()
    for found, passed in ((expected, True), (wrong, False), (expected * float("nan"), False)):
        check = check_way("a way", model, device, ATTENTION, lambda found=found: found, [(IDS, 2)])
        assert check.passed is passed
        assert (model.config._attn_implementation == ATTENTION) is passed
        assert ("not used" in str(check)) is not passed
    assert "logits differ" in check.reason


def test_a_way_that_fails_is_not_used_and_the_reason_is_shown(model):
    def fast():
        raise TypeError("no such\nargument")

    check = check_way("a way", model, CPU, ATTENTION, fast, [(IDS, 2)])
    assert check.facts() == {
        "way": "a way",
        "passed": False,
        "difference_sd": None,
        "reason": "TypeError: no such argument",
    }
    assert model.config._attn_implementation != ATTENTION


def test_memory_that_does_not_suffice_is_no_difference(model):
    def fast():
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        check_way("a way", model, CPU, ATTENTION, fast, [(IDS, 2)])


def test_a_model_whose_plain_pass_fails_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.model, "forward", lambda *_, **__: 1 / 0)
    with pytest.raises(UserError, match=r"the forward pass of one row fails \(ZeroDivisionError"):
        Decoder(model, CPU, [END], 0, 3)


def test_attention_with_dropout_is_not_packed():
    model = random_model(LlamaConfig(**tiny_shape(), attention_dropout=0.1)).eval()
    assert "attention with dropout" in check_packing(model, CPU).reason
    assert Decoder(model, CPU, [END], 0, 3).check.passed


def test_the_check_leaves_no_trace(model):
    state = torch.get_rng_state()
    assert check_packing(model.train(), CPU).passed
    assert model.training
    assert torch.equal(state, torch.get_rng_state())
