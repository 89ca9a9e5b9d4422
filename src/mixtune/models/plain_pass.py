"""Forward passes as a model's authors wrote them, the reference of all faster ways, and the self-check of those.

A plain pass has one row, no padding, no cache and no arrangement of positions. Faster ways (packed rows, batches
behind a shared prefix) rely on how a model's layers attend, which differs between architectures and releases. So each
is compared with plain passes on the loaded model itself, on a few tokens; where it fails or differs, it is not used.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ..devices.compute import Device
from ..errors import UserError
from .position_masks import UnsupportedAttention

# The largest difference of logits from those of plain passes, in standard deviations of these.
LIMITS = {torch.float32: 0.001, torch.bfloat16: 0.1}


def plain_logits(model: Any, ids: torch.Tensor, last: int) -> torch.Tensor:
    """Return logits (last, vocabulary) of the last positions of a row of ids (tokens)."""
    forward = getattr(model, "get_base_model", lambda: model)().forward  # PEFT's own takes any argument
    options = {"use_cache": False, "logits_to_keep": last}
    known = inspect.signature(forward).parameters.keys() & options.keys()
    with _attention(model, "sdpa" if model._supports_sdpa else "eager"):
        return model(input_ids=ids[None], **{name: options[name] for name in known}).logits[0, -last:]


@contextmanager
def _attention(model: Any, name: str) -> Iterator[None]:
    """Let a model use one of transformers' own attention functions."""
    before = model.config._attn_implementation
    if before == name or not model._can_set_attn_implementation():
        yield
        return
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@dataclass(frozen=True)
class SelfCheck:
    """Whether a faster way may be used for a model.

    Attributes:
        way: Name of the way, e.g. "packed rows".
        difference: From plain passes, in standard deviations of their logits; None where the way failed.
        reason: Why it is not used, or "".
    """

    way: str
    difference: float | None
    reason: str

    @property
    def passed(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        if self.passed:
            return f"{self.way}: logits differ from those of plain forward passes by {self.difference:.1e} sd"
        return f"{self.way} not used, one row at a time instead (slower): {self.reason}"

    def facts(self) -> dict[str, object]:
        """Return the entry of a run card."""
        return {"way": self.way, "passed": self.passed, "difference_sd": self.difference, "reason": self.reason}


def uniform_length(config: Any) -> float:
    """Return up to which length (tokens) rotary embeddings of a row do not depend on other rows of its batch."""
    config = config.get_text_config()
    parameters: Mapping[str, Any] = getattr(config, "rope_parameters", None) or {}
    entries = [parameters, *(entry for entry in parameters.values() if isinstance(entry, Mapping))]
    scaled = [entry for entry in entries if entry.get("rope_type") == "longrope"]
    return min((entry["original_max_position_embeddings"] for entry in scaled), default=float("inf"))


def sample_ids(model: Any, number: int) -> list[int]:
    """Return ids that are spread over a model's vocabulary, always the same."""
    rows = model.get_input_embeddings().weight.shape[0]
    return torch.randint(rows, (number,), generator=torch.Generator().manual_seed(0)).tolist()


def check_way(
    way: str,
    model: Any,
    device: Device,
    attention: str,
    fast: Callable[[], torch.Tensor],
    rows: Sequence[tuple[Sequence[int], int]],
) -> SelfCheck:
    """Compare a faster way with plain passes; the model uses `attention` afterwards if the check passed.

    Args:
        attention: Name of the registered attention function of the faster way.
        fast: Returns logits (positions, vocabulary) of the faster way.
        rows: Ids of each row, and the number of its last positions (at least two of the first row) whose logits `fast`
            returns, in this order.

    Raises:
        UserError: The model cannot be used at all: plain passes fail, or it is not causal.
    """
    expected = _plain(model, device, rows)
    reason, difference, before = "", None, model.config._attn_implementation
    try:
        if not model._can_set_attn_implementation():
            raise UnsupportedAttention("its layers have an attention of their own")
        model.set_attn_implementation(attention)
        difference = _difference(fast().float(), expected, device.dtype)
        if not difference <= LIMITS[device.dtype]:  # also where it is no number
            reason = f"logits differ from those of plain forward passes by {difference:.1e} sd"
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the code of an unknown architecture raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if reason:
        model.set_attn_implementation(before if before != attention else "eager")
    return SelfCheck(way, difference, reason)


def _plain(model: Any, device: Device, rows: Sequence[tuple[Sequence[int], int]]) -> torch.Tensor:
    """Return logits (positions, vocabulary) of plain passes, after a check that they do not depend on later tokens."""
    tensors = [(torch.tensor(ids, device=model.device), last) for ids, last in rows]
    ids, last = tensors[0]
    try:
        with torch.no_grad(), device.autocast():
            expected = torch.cat([plain_logits(model, row, number) for row, number in tensors]).float()
            shorter = plain_logits(model, ids[:-1], 1).float()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise UserError(f"this model cannot be used: the forward pass of one row fails ({reason})") from error
    if not _difference(expected[last - 2 : last - 1], shorter, device.dtype) <= LIMITS[device.dtype]:
        raise UserError("this model cannot be used: it is not causal, its logits depend on later tokens")
    return expected


def _difference(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> float:
    """Return the root mean square of the difference at a position (row), in standard deviations of what is expected.

    In float32, that of the worst position; in bf16, where rounding sends single tokens to other experts, the upper
    median.
    """
    by_position = ((found - expected).square().mean(-1).sqrt() / expected.std()).sort().values
    return float(by_position[-1 if dtype == torch.float32 else len(by_position) // 2])
