"""The device and dtype of a process."""

import pytest
import torch

from mixtune.devices.compute import Device, choose_device
from mixtune.errors import UserError

BF16 = Device("cpu", torch.bfloat16, "a test says so")
FLOAT32 = Device("cpu", torch.float32, "a test says so")


@pytest.mark.parametrize(
    ("avx512", "amx", "dtype", "why"),
    [
        (True, False, torch.bfloat16, "this CPU has bf16 instructions"),
        (False, True, torch.bfloat16, "this CPU has bf16 instructions"),
        (False, False, torch.float32, "this CPU has no bf16 instructions"),
    ],
)
def test_the_cpu_computes_in_bf16_where_it_has_instructions(monkeypatch, avx512, amx, dtype, why):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # wanted is wanted
    assert choose_device("cpu") == Device("cpu", dtype, why)


@pytest.mark.parametrize(
    ("bf16", "dtype", "why"),
    [
        (True, torch.bfloat16, "Pretend 1 computes in bf16"),
        (False, torch.float32, "Pretend 1 has no bf16, and fp16 overflows"),
    ],
)
@pytest.mark.parametrize("wanted", [None, "cuda"])
def test_the_gpu_computes_in_bf16_where_it_can(monkeypatch, wanted, bf16, dtype, why):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Pretend 1")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation)
    assert choose_device(wanted) == Device("cuda", dtype, why)


@pytest.mark.parametrize("wanted", [None, "cuda"])
def test_without_a_gpu_the_error_names_the_remedy(monkeypatch, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"no CUDA device is visible; set MIXTUNE_DEVICE=cpu .*`make demo`"):
        choose_device(wanted)


@pytest.mark.parametrize("wanted", ["cuda:2", "cuda:x"])
def test_one_of_several_gpus_becomes_the_current_one(monkeypatch, wanted):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: f"Pretend {chosen[-1]}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("cuda:1") == Device("cuda", torch.bfloat16, "Pretend 1 computes in bf16")
    with pytest.raises(UserError, match=f"device {wanted} not found; 2 devices are visible, from cuda:0"):
        choose_device(wanted)
    assert chosen == [1]


def test_autocast_is_off_in_float32():
    with FLOAT32.autocast():
        assert not torch.is_autocast_enabled("cpu")
    with BF16.autocast():
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
