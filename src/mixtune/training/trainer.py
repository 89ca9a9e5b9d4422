"""Fine-tuning of one cell: QLoRA with the loss on label and end of turn alone, resumable to the bit."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainingArguments, set_seed

from ..devices.compute import Device
from ..errors import UserError
from ..models.qlora import add_adapter, load_base
from ..models.settings import LoraSettings
from .checkpoints import Progress, SeededTrainer, WholeCheckpoints, last_whole_checkpoint, write_log
from .loss import answer_loss, micro_batches
from .meter import Meter
from .packing import ATTENTION, packs


class AnswerTrainer(SeededTrainer):
    """Trainer whose batch is one step's examples, as rows; it packs them into micro-batches itself.

    Args:
        device: Its autocast is around every forward pass.
        micro_tokens: Tokens of a forward and backward pass. Halved where memory does not suffice; when single
            rows do not fit, activations are computed again in the backward pass instead of being kept.
        meter: Counts the rows of each step; None: one of its own.
    """

    def __init__(self, *, device: Device, micro_tokens: int, meter: Meter | None = None, **options: Any):
        self.mixtune_device, self.micro_tokens, self.meter = device, micro_tokens, meter or Meter()
        super().__init__(**options, data_collator=list)

    def training_step(self, model, inputs, num_items_in_batch=None):
        """Gradients of the mean over the answer tokens of a step's rows; returns that mean."""
        model.train()
        mean = self._fitting(self._gradients, model, inputs)
        self.meter.add(inputs)
        return mean

    def _fitting(self, compute, model, rows) -> Any:
        """Compute something of rows, again in smaller passes where memory does not suffice."""
        while True:
            with suppress(torch.OutOfMemoryError):
                return compute(model, rows)
            # Not in a handler, whose traceback would keep the memory.
            model.zero_grad()
            torch.cuda.empty_cache()
            self._relieve(model, max(len(row["input_ids"]) for row in rows))

    def _gradients(self, model, rows) -> torch.Tensor:
        answers, mean = sum(row["answer"] for row in rows), torch.zeros((), device=model.device)
        for batch in micro_batches(rows, self.micro_tokens):
            with self.mixtune_device.autocast():
                loss = answer_loss(model, batch) / answers
            self.accelerator.backward(loss)
            mean += loss.detach()
        return mean

    def _losses(self, model, rows) -> float:
        total = 0.0
        for batch in micro_batches(rows, self.micro_tokens):
            with torch.no_grad(), self.mixtune_device.autocast():
                total += answer_loss(model, batch).item()
        return total

    def _relieve(self, model, longest: int) -> None:
        """Need less memory from now on, or say that less is not possible."""
        if self.micro_tokens > longest:
            self.micro_tokens = max(longest, self.micro_tokens // 2)
            print(f"out of memory: on with {self.micro_tokens} tokens a pass, the step stays the same", flush=True)
        elif not model.is_activation_checkpointing:
            model.enable_input_require_grads()
            model.activation_checkpointing_enable({"use_reentrant": False})
            print("out of memory with single rows: activations are computed again, not kept", flush=True)
        else:
            raise UserError(
                f"the device's memory does not suffice for one row of {longest} tokens; lower training.max_length or "
                "training.lora.r, or use a smaller model"
            )

    def _save_checkpoint(self, model, trial):
        try:
            super()._save_checkpoint(model, trial)
        except Exception:  # as when the disk is full: its room is for the message that says so
            shutil.rmtree(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}", ignore_errors=True)
            raise

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss over the answer tokens of the validation rows."""
        self.model.eval()
        total = self._fitting(self._losses, self.model, self.eval_dataset)
        metrics = {"eval_loss": total / sum(row["answer"] for row in self.eval_dataset)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def finetune(
    base: Path,
    name: str,
    train: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]],
    output: Path,
    scratch: Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    device: Device,
    micro_tokens: int,
    checkpoint_steps: int = 0,
    meter: Meter | None = None,
) -> dict[str, Any]:
    """Tune an adapter and save it (PEFT's layout, safetensors) with its log.

    Args:
        base: Folder of the base model.
        name: What the adapter calls its base (hub id).
        train, validation: Rows with `input_ids` and `answer` (how many of the last ids bear the loss).
        output: Folder of adapter_config.json, adapter_model.safetensors and training_log.csv.
        scratch: Folder of checkpoints; an interrupted run goes on from the last whole one.
        settings: `training` of the config, with this model's `lora` resolved.
        micro_tokens: Tokens a forward pass; does not change a step, only its memory and the draws of dropout.
        checkpoint_steps: Steps between checkpoints; 0: ten a run.
        meter: Measures the run; what it tells differs from run to run.

    Returns:
        Facts for the run card: steps, final losses, examples, trainable parameters.

    Raises:
        UserError: Memory does not suffice for one row, or the run diverged.
    """
    meter = meter or Meter(device.name)
    set_seed(seed)  # before the adapter's weights are drawn
    model = add_adapter(load_base(base, device), LoraSettings(**settings["lora"]))
    model.config.use_cache = False
    model.create_or_update_model_card = lambda *_: None  # PEFT's, with each checkpoint; ours is written from the scores
    if packs(model.config):
        model.set_attn_implementation(ATTENTION)
        print("training on packed rows: what they begin with is computed once")
    else:
        print("training row by row: this model's layers have windows, states or capped scores")
    steps = -(-len(train) // settings["batch_size"])
    total = max(1, round(steps * settings["epochs"]))
    arguments = TrainingArguments(
        output_dir=str(scratch),
        seed=seed,
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type="linear",
        warmup_steps=settings["warmup"],  # below 1: a share of all steps
        weight_decay=settings["weight_decay"],
        optim="paged_adamw_8bit" if device.name == "cuda" else "adamw_torch",
        # At an epoch's last step, not after the epoch: there Trainer evaluates before it saves, so that a
        # checkpoint holds the validation loss and the state of the dice after it.
        eval_strategy="steps" if validation else "no",
        eval_steps=steps,
        save_strategy="steps",
        save_steps=checkpoint_steps or max(1, -(-total // 10)),
        save_total_limit=2,
        logging_steps=max(1, total // 40),
        logging_nan_inf_filter=False,  # a diverged run must show it
        max_grad_norm=1.0,
        report_to="none",
        use_cpu=device.name == "cpu",
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = AnswerTrainer(
        device=device,
        micro_tokens=micro_tokens,
        meter=meter,
        model=model,
        args=arguments,
        train_dataset=list(train),
        eval_dataset=list(validation) or None,
        callbacks=[WholeCheckpoints(), Progress(), meter],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_whole_checkpoint(scratch)
    if checkpoint:
        print(f"going on from {checkpoint}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not all(torch.isfinite(p).all() for p in model.parameters() if p.requires_grad):
        shutil.rmtree(scratch)
        raise UserError("the run diverged: the adapter holds values that are not finite; lower training.learning_rate")
    output.mkdir(parents=True, exist_ok=True)
    config = model.peft_config["default"]
    config.base_model_name_or_path = name
    config.target_modules = sorted(config.target_modules)  # a set is written in the order of Python's hash seed
    model.save_pretrained(output, save_embedding_layers=False)
    write_log(output / "training_log.csv", trainer.state.log_history)
    # From the log, which checkpoints hold: train() gives the mean over the steps since the last interruption.
    final = {key: row[key] for row in trainer.state.log_history for key in ("loss", "eval_loss") if key in row}
    return {
        "steps": trainer.state.global_step,
        "train_loss": final["loss"],
        "validation_loss": final.get("eval_loss"),
        "examples": len(train),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
