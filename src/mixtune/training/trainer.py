"""Fine-tuning of one cell: QLoRA with the loss on label and end of turn alone; a resumed run is bit-identical."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import torch
from peft import PeftModel
from transformers import TrainingArguments, set_seed

from ..devices.compute import Device
from ..errors import UserError
from ..models.qlora import add_adapter, check_saved, load_base
from .checkpoints import (
    CheckpointManifests,
    Progress,
    SeededTrainer,
    resume,
    steps_per_epoch,
    total_steps,
    training_arguments,
    write_log,
)
from .loss import answer_loss, check_packing, micro_batches
from .meter import Meter
from .packing import Row
from .settings import FinetuneSettings

T = TypeVar("T")


class Outcome(TypedDict):
    """Entries of the run card about a finished run."""

    steps: int
    train_loss: float
    validation_loss: float | None
    examples: int
    trainable_parameters: int
    self_check: dict[str, object]


class AnswerTrainer(SeededTrainer):
    """Trainer whose batch is the rows of one step, which it packs into micro-batches itself.

    Args:
        device: Every forward pass runs under its autocast.
        micro_tokens: Tokens per forward and backward pass. Halved where memory does not suffice; when single
            rows do not fit, activations are recomputed in the backward pass instead of being kept.
        meter: Counts the rows of each step; default: a new one.
    """

    def __init__(self, *, device: Device, micro_tokens: int, meter: Meter | None = None, **options: Any):
        self.mixtune_device, self.micro_tokens, self.meter = device, micro_tokens, meter or Meter()
        super().__init__(**options, data_collator=list)  # pyright: ignore[reportArgumentType] rows, not tensors

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: object = None) -> torch.Tensor:
        """Compute the gradients of the mean over the answer tokens of a step's rows, and return that mean."""
        model.train()
        mean = self._in_fitting_passes(self._gradients, model, inputs)
        self.meter.add(inputs)
        return mean

    def _in_fitting_passes(self, compute: Callable[[Any, Sequence[Row]], T], model: Any, rows: Sequence[Row]) -> T:
        """Return `compute(model, rows)`, repeated with smaller passes where memory does not suffice."""
        while True:
            with suppress(torch.OutOfMemoryError):
                return compute(model, rows)
            # After the handler: inside it, the traceback would keep the memory allocated.
            model.zero_grad()
            torch.cuda.empty_cache()
            self._reduce_memory(model, max(len(row["input_ids"]) for row in rows))

    def _gradients(self, model: Any, rows: Sequence[Row]) -> torch.Tensor:
        answers, mean = sum(row["answer"] for row in rows), torch.zeros((), device=model.device)
        for batch in micro_batches(rows, self.micro_tokens):
            with self.mixtune_device.autocast():
                loss = answer_loss(model, batch) / answers
            self.accelerator.backward(loss)
            mean += loss.detach()
        return mean

    def _total_loss(self, model: Any, rows: Sequence[Row]) -> float:
        total = 0.0
        for batch in micro_batches(rows, self.micro_tokens):
            with torch.no_grad(), self.mixtune_device.autocast():
                total += answer_loss(model, batch).item()
        return total

    def _reduce_memory(self, model: Any, longest: int) -> None:
        """Use less memory from now on.

        Raises:
            UserError: Single rows and recomputed activations do not fit either.
        """
        if self.micro_tokens > longest:
            self.micro_tokens = max(longest, self.micro_tokens // 2)
            print(
                f"out of memory: continuing with {self.micro_tokens} tokens per pass; the step is unchanged", flush=True
            )
        elif not model.is_activation_checkpointing:
            model.enable_input_require_grads()
            model.activation_checkpointing_enable({"use_reentrant": False})
            print("out of memory with single rows: activations are recomputed in the backward pass", flush=True)
        else:
            raise UserError(
                f"the device's memory does not suffice for one row of {longest} tokens; lower training.max_length or "
                "training.lora.r, or use a smaller model"
            )

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        try:
            super()._save_checkpoint(model, trial)
        except Exception:  # e.g. disk full: delete the partial checkpoint, so that the error can be logged
            folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Return the mean loss over the answer tokens of the validation rows, and log it."""
        rows: Any = self.eval_dataset
        model: Any = self.model
        model.eval()
        total = self._in_fitting_passes(self._total_loss, model, rows)
        metrics = {"eval_loss": total / sum(row["answer"] for row in rows)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def tune(
    base: Path,
    name: str,
    train: Sequence[Row],
    validation: Sequence[Row],
    output: Path,
    scratch: Path,
    *,
    settings: FinetuneSettings,
    device: Device,
    micro_tokens: int,
    checkpoint_steps: int = 0,
    meter: Meter | None = None,
) -> Outcome:
    """Tune an adapter and save it (PEFT's layout, safetensors) with its log.

    Args:
        base: Folder of the base model.
        name: Hub id of the base model, for the adapter's config.
        train, validation: Rendered rows.
        output: Folder of adapter_config.json, adapter_model.safetensors and training_log.csv.
        scratch: Folder of checkpoints; an interrupted run resumes from the last complete one.
        micro_tokens: Tokens per forward pass; they change the memory of a step and its dropout masks, nothing else.
        checkpoint_steps: Steps between checkpoints; 0: ten checkpoints per run.
        meter: Measures the run; its values differ from run to run.

    Raises:
        UserError: Memory does not suffice for one row, the run diverged, a target is no layer of the model, or the
            saved adapter is not the model's.
    """
    meter = meter or Meter(device.name)
    model = _new_model(base, settings, device)
    print(check := check_packing(model, device), flush=True)
    trainer = AnswerTrainer(
        device=device,
        micro_tokens=micro_tokens,
        meter=meter,
        model=model,
        args=_arguments(scratch, settings, device, len(train), bool(validation), checkpoint_steps),
        train_dataset=list(train),
        eval_dataset=list(validation) or None,
        callbacks=[CheckpointManifests(), Progress(), meter],
    )
    resume(trainer)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not all(torch.isfinite(parameter).all() for parameter in parameters):
        shutil.rmtree(scratch)
        raise UserError("the run diverged: the adapter has values that are not finite; lower training.learning_rate")
    _save(model, name, output)
    write_log(output / "training_log.csv", trainer.state.log_history)
    # From the log, which checkpoints include: train() returns the mean over the steps since the last interruption.
    final = {key: row[key] for row in trainer.state.log_history for key in ("loss", "eval_loss") if key in row}
    return {
        "steps": trainer.state.global_step,
        "train_loss": final["loss"],
        "validation_loss": final.get("eval_loss"),
        "examples": len(train),
        "trainable_parameters": sum(parameter.numel() for parameter in parameters),
        "self_check": check.facts(),
    }


def _new_model(base: Path, settings: FinetuneSettings, device: Device) -> PeftModel:
    """Return the base model with a new adapter, whose weights are sampled from the seed."""
    set_seed(settings.seed)
    model = add_adapter(load_base(base, device), settings.lora)
    model.config.use_cache = False
    # Disable PEFT's card, which it writes with each checkpoint; ours is written from the scores.
    model.create_or_update_model_card = lambda output_dir: None
    return model


def _arguments(
    scratch: Path, settings: FinetuneSettings, device: Device, rows: int, has_validation: bool, checkpoint_steps: int
) -> TrainingArguments:
    return training_arguments(
        scratch,
        settings,
        device,
        rows,
        optim="paged_adamw_8bit" if device.name == "cuda" else "adamw_torch",
        # At an epoch's last step, not after the epoch: there Trainer evaluates before it saves, so that the checkpoint
        # includes the validation loss and the RNG state after it.
        eval_strategy="steps" if has_validation else "no",
        eval_steps=steps_per_epoch(settings, rows),
        save_strategy="steps",
        save_steps=checkpoint_steps or max(1, -(-total_steps(settings, rows) // 10)),
    )


def _save(model: PeftModel, name: str, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    config: Any = model.peft_config["default"]
    config.base_model_name_or_path = name
    config.target_modules = sorted(config.target_modules)  # a set would be written in the order of Python's hash seed
    model.save_pretrained(str(output), save_embedding_layers=False)
    check_saved(model, output)
