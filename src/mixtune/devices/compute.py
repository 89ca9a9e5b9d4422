"""Device and dtype of a model's computations."""

from dataclasses import dataclass

import torch

from ..errors import UserError


@dataclass(frozen=True)
class Device:
    """Device and dtype of a model; `why` is the reason for the dtype, for logs."""

    name: str
    dtype: torch.dtype
    why: str

    def identity(self) -> list[str]:
        """Return the values that a result depends on: device type and dtype."""
        return [self.name, str(self.dtype)]

    def autocast(self) -> torch.autocast:
        """Return the context of every forward pass, in training and in prediction: autocast to the dtype."""
        return torch.autocast(self.name, dtype=self.dtype, enabled=self.dtype != torch.float32)


def choose_device(wanted: str | None) -> Device:
    """Return the device of this process.

    Args:
        wanted: Value of MIXTUNE_DEVICE: "cpu", "cuda" or None for CUDA; "cuda:N" for the N-th visible device,
            from 0, which becomes the current one.

    Raises:
        UserError: CUDA or the device is not found.
    """
    if wanted == "cpu":
        # Without the instructions, bf16 on a CPU is emulated and slower than float32.
        if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
            return Device("cpu", torch.bfloat16, "this CPU has bf16 instructions")
        return Device("cpu", torch.float32, "this CPU has no bf16 instructions")
    if not torch.cuda.is_available():
        raise UserError(
            "no CUDA device is visible; set MIXTUNE_DEVICE=cpu to run on the CPU (slow: see `make demo`), or run on a "
            "machine with a GPU"
        )
    number = (wanted or "").partition(":")[2]
    if number:
        if not number.isdecimal() or int(number) >= torch.cuda.device_count():
            raise UserError(f"device {wanted} not found; {torch.cuda.device_count()} devices are visible, from cuda:0")
        torch.cuda.set_device(int(number))
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Device("cuda", torch.bfloat16, f"{torch.cuda.get_device_name()} computes in bf16")
    return Device("cuda", torch.float32, f"{torch.cuda.get_device_name()} has no bf16, and fp16 overflows")
