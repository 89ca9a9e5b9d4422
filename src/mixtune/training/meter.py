"""Time, throughput and memory of fine-tuning, accumulated over resumed processes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from ..artifacts.run_cards import Costs, peak_memory
from .packing import Row


class Meter(TrainerCallback, ExportableState):
    """Costs of a run since this object was made; checkpoints store them, and a resumed run adds to them.

    They are the costs of all steps that led to the adapter. Steps lost by an interruption are not included.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str = "cpu"):
        self.device, self.begin = device, time.monotonic()
        self.first: float | None = None
        self.before, self.rows, self.tokens, self.interruptions = Costs(), 0, 0, 0

    def add(self, rows: Sequence[Row]) -> None:
        """Count the rows of a finished step."""
        self.rows += len(rows)
        self.tokens += sum(len(row["input_ids"]) for row in rows)

    def costs(self) -> Costs:
        """Return the costs until now."""
        now = time.monotonic()
        loading = (now if self.first is None else self.first) - self.begin
        return self.before + Costs(now - self.begin, loading, self.rows, self.tokens, **peak_memory(self.device))

    def state(self) -> dict[str, Mapping[str, float | None]]:
        """Return the part of a checkpoint that `on_train_begin` restores."""
        return {"args": {}, "attributes": asdict(self.costs()) | {"interruptions": self.interruptions}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.first = time.monotonic()
        if state.global_step:
            callbacks: Any = state.stateful_callbacks
            stored = dict(callbacks[type(self).__name__]["attributes"])
            self.interruptions = stored.pop("interruptions") + 1
            self.before = Costs(**stored)
