"""What fine-tuning takes, also when several processes share it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from ..artifacts.run_cards import Costs, peak_memory


class Meter(TrainerCallback, ExportableState):
    """Measures a run from the moment it is made; checkpoints keep its state, and a resumed run goes on from there.

    So what it tells is the cost of all steps that led to the adapter. Steps that an interruption lost are not in it.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str = "cpu"):
        self.device, self.begin, self.first = device, time.monotonic(), None
        self.before, self.rows, self.tokens, self.interruptions = Costs(), 0, 0, 0

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count the rows of a step that is done."""
        self.rows += len(rows)
        self.tokens += sum(len(row["input_ids"]) for row in rows)

    def costs(self) -> Costs:
        """What was spent until now."""
        now = time.monotonic()
        loading = (now if self.first is None else self.first) - self.begin
        return self.before + Costs(now - self.begin, loading, self.rows, self.tokens, **peak_memory(self.device))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"args": {}, "attributes": asdict(self.costs()) | {"interruptions": self.interruptions}}

    def on_train_begin(self, args, state, control, **_):
        self.first = time.monotonic()
        if state.global_step:
            kept = dict(state.stateful_callbacks[type(self).__name__]["attributes"])
            self.interruptions = kept.pop("interruptions") + 1
            self.before = Costs(**kept)
