"""Devices, an adapter's settings, and a short tuning that the tests of models share."""

import pytest
import torch

from mixtune.devices.compute import Device
from mixtune.models.settings import LoraSettings

BF16 = Device("cpu", torch.bfloat16, "a test says so")
FLOAT32 = Device("cpu", torch.float32, "a test says so")
DEVICES = pytest.mark.parametrize("device", [BF16, FLOAT32], ids=["bf16", "float32"])
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = LoraSettings(r=4, alpha=8, dropout=0.0, targets=TARGETS)
IDS = torch.tensor([[5, 9, 13, 40, 41, 7, 22, 60], [1, 2, 3, 4, 5, 6, 7, 8]])


def logits(model, device) -> torch.Tensor:
    with torch.no_grad(), device.autocast():
        return model(input_ids=IDS).logits


def tune(model, device, steps: int = 3) -> None:
    """A few steps of AdamW on the adapter."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
    model.train()
    for _ in range(steps):
        with device.autocast():
            loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
