"""Dequantised layers compute what bitsandbytes' layers compute; a GPU gets them where its memory suffices."""

from types import SimpleNamespace

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from mixtune.devices.compute import Device
from mixtune.models import qlora as models
from mixtune.models.dequantise import can_dequantise
from mixtune.models.qlora import add_adapter, load_base
from tests.unit.models.tuning import BF16, DEVICES, FLOAT32, LORA, TARGETS, logits, tune


@DEVICES
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_dequantised_layers_equal_those_of_bitsandbytes(monkeypatch, folder, kind, device):
    plain = dict(load_base(folder(kind), device).named_modules())
    monkeypatch.setattr(models, "dequantise", lambda model, dtype: None)
    quantised = load_base(folder(kind), device).train()  # bitsandbytes has another kernel in eval mode
    layers = {name: layer for name, layer in quantised.named_modules() if isinstance(layer, Linear4bit)}
    assert len(layers) == 2 * len(TARGETS)
    assert sum(layer.bias is not None for layer in layers.values()) == (6 if kind == "qwen2" else 0)
    for name, layer in layers.items():
        torch.manual_seed(3)
        inputs = torch.randn(2, 5, layer.in_features)
        results, slopes = [], []
        for one in (layer, plain[name]):
            given = inputs.clone().requires_grad_()
            with device.autocast():
                output = one(given)
            output.float().square().sum().backward()
            results.append(output)
            slopes.append(given.grad)
        assert results[0].dtype == results[1].dtype == inputs.dtype
        assert torch.equal(*results), name
        assert torch.equal(*slopes), name
    # And so the whole model, in training and after it; with a LoRA, roundings come in another order.
    monkeypatch.undo()
    tuned = []
    for base in (quantised, load_base(folder(kind), device)):
        torch.manual_seed(4)
        model = add_adapter(base, LORA)
        tune(model, device)
        tuned.append(logits(model, device))
    first, second = (result.float() for result in tuned)
    assert (first - second).norm() < (1e-5 if device is FLOAT32 else 0.05) * second.norm()


@pytest.mark.parametrize(("spare", "how"), [(0, "dequantised once"), (-1, "dequantised in every pass")])
def test_a_gpu_gets_dense_matrices_where_they_take_a_quarter_of_its_memory(monkeypatch, folder, capsys, spare, how):
    monkeypatch.setattr(models, "can_dequantise", lambda *_: False)
    base = load_base(folder("llama"), BF16)
    values = sum(one.in_features * one.out_features for one in base.modules() if isinstance(one, Linear4bit))
    device = SimpleNamespace(total_memory=4 * 2 * values + spare)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: device)
    assert can_dequantise(base, Device("cuda", torch.bfloat16, "a test says so")) == (spare == 0)
    assert how in capsys.readouterr().out
    assert values == 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
