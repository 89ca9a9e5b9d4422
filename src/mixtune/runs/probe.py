"""What torch finds on this machine, as one line of JSON: `python -m mixtune.runs.probe`.

A process of its own, so that a driver or library that hangs or crashes can be outlived.
"""

import contextlib
import json
import os
import sys
from typing import Any

from ..errors import NOT_FOR_TUNING, UserError, run


def probe() -> dict[str, Any]:
    """The device that jobs would compute on, and a round trip of weights through its 4 bits.

    Returns:
        `device`, `dtype`, `why`, `name`; `count` and `memory` (bytes) of CUDA devices; `instructions`, those of the
        CPU for bf16; `round_trip`, the largest error of the round trip as a share of the largest weight; or
        `problem` alone.
    """
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
            "instructions": [name for name, there in instructions.items() if there],
            "round_trip": ((back - weights).abs().max() / weights.abs().max()).item(),
        }
    except UserError as error:
        return {"problem": str(error)}


def main() -> None:
    with contextlib.redirect_stdout(sys.stderr):  # libraries may print
        found = probe()
    print(json.dumps(found))


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
