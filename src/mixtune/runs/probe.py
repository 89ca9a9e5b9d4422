"""Probe of torch and bitsandbytes on this machine, printed as one line of JSON: `python -m mixtune.runs.probe`.

It runs in a separate process, so that the caller survives a driver or library that hangs or crashes.
"""

import contextlib
import json
import os
import sys
from typing import TypedDict, final

from ..errors import NOT_FOR_TUNING, UserError, run


@final
class DeviceProbe(TypedDict):
    """The device of jobs, with its precision in 4 bits.

    Attributes:
        why: Reason for the dtype.
        count, memory: Number and bytes of CUDA devices.
        instructions: The CPU's instructions for bf16.
        round_trip: Largest error of weights after quantisation to NF4 and back, as a share of the largest weight.
    """

    device: str
    dtype: str
    why: str
    name: str
    count: int
    memory: int
    instructions: list[str]
    round_trip: float


@final
class ProbeFailure(TypedDict):
    """The reason why the probe found no usable device."""

    problem: str


def probe() -> DeviceProbe | ProbeFailure:
    """Probe the device that jobs would use, and quantise weights to 4 bits and back on it."""
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    from ..artifacts.run_cards import device_name
    from ..devices.compute import choose_device

    try:
        device = choose_device(os.environ.get("MIXTUNE_DEVICE"))
        torch.manual_seed(0)
        weights = torch.randn(64, 256, dtype=device.dtype, device=device.name)
        back = dequantize_4bit(*quantize_4bit(weights, quant_type="nf4", compress_statistics=True))
        cuda = device.name == "cuda"
        instructions = {
            "AVX512-BF16": torch.cpu._is_avx512_bf16_supported(),
            "AMX": torch.cpu._is_amx_tile_supported(),
        }
        return {
            "device": device.name,
            "dtype": str(device.dtype).removeprefix("torch."),
            "why": device.why,
            "name": device_name(device.name),
            "count": torch.cuda.device_count() if cuda else 0,
            "memory": torch.cuda.get_device_properties(0).total_memory if cuda else 0,
            "instructions": [name for name, is_supported in instructions.items() if is_supported],
            "round_trip": ((back - weights).abs().max() / weights.abs().max()).item(),
        }
    except UserError as error:
        return {"problem": str(error)}


def main() -> None:
    """Print the result of the probe."""
    with contextlib.redirect_stdout(sys.stderr):  # libraries may print
        result = probe()
    print(json.dumps(result))


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
