"""Shared by LoRA and encoder fine-tuning: data order, arguments, checkpoints, training log."""

import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..artifacts.manifests import is_complete, replacing, write_manifest
from ..devices.compute import Device
from .settings import TuningSettings

LOG_COLUMNS: tuple[str, ...] = ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss")


class StepSampler(Sampler[int]):
    """Order of the rows, shuffled anew in each epoch by an RNG that is seeded with the run's seed and the epoch.

    >>> sampler = StepSampler(100, seed=1)
    >>> first = list(sampler)
    >>> sampler.set_epoch(1)
    >>> second = list(sampler)
    >>> first == second, sorted(first) == sorted(second)
    (False, True)
    """

    def __init__(self, rows: int, seed: int):
        self.rows, self.seed, self.epoch = rows, seed, 0

    def __len__(self) -> int:
        return self.rows

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; Trainer calls this."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from torch.randperm(self.rows, generator=generator).tolist()


class SeededTrainer(Trainer):
    """Trainer that takes the rows in the order of `StepSampler`."""

    def _get_train_sampler(self, train_dataset: object = None) -> Sampler[int]:
        return StepSampler(len(cast(Sized, self.train_dataset)), self.args.seed)


class CheckpointManifests(TrainerCallback):
    """Callback that writes a manifest into each checkpoint, last: Trainer alone would resume an incomplete one."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        write_manifest(folder / "manifest.json", [path for path in folder.iterdir() if path.is_file()])


class Progress(TrainerCallback):
    """Callback that prints each log entry: a few dozen lines, whatever the number of steps."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, object] | None = None,
        **_: object,
    ) -> None:
        values = {column: value for column, value in (logs or {}).items() if column in LOG_COLUMNS}
        print(f"step {state.global_step}/{state.max_steps} {values}", flush=True)


def steps_per_epoch(settings: TuningSettings, rows: int) -> int:
    """Return the optimizer steps of one epoch over this many rows; the last batch may be smaller."""
    return -(-rows // settings.batch_size)


def total_steps(settings: TuningSettings, rows: int) -> int:
    """Return the optimizer steps of a complete run, at least one."""
    return max(1, round(steps_per_epoch(settings, rows) * settings.epochs))


def training_arguments(
    folder: Path, settings: TuningSettings, device: Device, rows: int, **options: Any
) -> TrainingArguments:
    """Return Trainer's arguments, those that adapters and encoders share and `options`.

    Args:
        folder: Folder of checkpoints.
        rows: Number of training rows.
        options: Arguments of one of them alone, e.g. the optimizer, or when to evaluate and save.
    """
    return TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup,  # below 1: a share of all steps
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        save_total_limit=2,
        logging_steps=max(1, total_steps(settings, rows) // 40),
        logging_nan_inf_filter=False,  # so that the log of a diverged run shows it
        report_to="none",
        use_cpu=device.name == "cpu",
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **options,
    )


def resume(trainer: Trainer) -> None:
    """Train to the end, from the last complete checkpoint where there is one."""
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_complete_checkpoint(Path(str(trainer.args.output_dir)))
    if checkpoint:
        print(f"resuming from {checkpoint}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def last_complete_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that matches its manifest, and delete newer ones, which do not."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for checkpoint in reversed(checkpoints):
        if is_complete(checkpoint / "manifest.json"):
            return checkpoint
        print(f"{checkpoint} is incomplete or corrupt and is deleted")
        shutil.rmtree(checkpoint)
    return None


def write_log(path: Path, history: Sequence[Mapping[str, object]]) -> None:
    """Write loss, validation loss and learning rate by step as CSV."""
    rows = [row for row in history if "loss" in row or "eval_loss" in row]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
