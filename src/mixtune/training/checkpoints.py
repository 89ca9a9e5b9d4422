"""What every tuning shares, of adapters and of encoders: its order, its checkpoints, its log."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback

from ..artifacts.manifests import is_whole, replacing, write_manifest

LOG_COLUMNS = ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss")


class StepSampler(Sampler):
    """A new order each epoch, drawn from the seed and the epoch."""

    def __init__(self, rows: int, seed: int):
        self.rows, self.seed, self.epoch = rows, seed, 0

    def __len__(self) -> int:
        return self.rows

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self):
        dice = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from torch.randperm(self.rows, generator=dice).tolist()


class SeededTrainer(Trainer):
    """Trainer that takes the rows in the order of `StepSampler`."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler:
        return StepSampler(len(self.train_dataset), self.args.seed)


class WholeCheckpoints(TrainerCallback):
    """Gives every checkpoint its own manifest, written last: Trainer alone would resume a broken one."""

    def on_save(self, args, state, control, **_):
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_manifest(folder / "manifest.json", [path for path in folder.iterdir() if path.is_file()])


class Progress(TrainerCallback):
    """Prints a line of progress a few dozen times, whatever the number of steps."""

    def on_log(self, args, state, control, logs=None, **_):
        shown = {k: v for k, v in (logs or {}).items() if k in LOG_COLUMNS}
        print(f"step {state.global_step}/{state.max_steps} {shown}", flush=True)


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint whose manifest holds; broken newer ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for checkpoint in reversed(found):
        if is_whole(checkpoint / "manifest.json"):
            return checkpoint
        print(f"{checkpoint} is not whole and is removed")
        shutil.rmtree(checkpoint)
    return None


def write_log(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Loss, validation loss and learning rate by step, as CSV."""
    rows = [row for row in history if "loss" in row or "eval_loss" in row]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
