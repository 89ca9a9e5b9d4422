"""Fine-tuning of one cell: QLoRA with the loss on label and end of turn alone, resumable to the bit."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from .errors import UserError
from .losses import Collator, answer_logits, answer_loss
from .manifests import is_whole, replacing, write_manifest
from .models import Device, add_adapter, load_base
from .prefixes import shares_prefix

LOG_COLUMNS = ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss")


class StepSampler(Sampler):
    """A new seeded order each epoch; inside one step's examples, by length, so that micro-batches pad little."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int):
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self):
        dice = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=dice).tolist()
        for start in range(0, len(order), self.batch_size):
            yield from sorted(order[start : start + self.batch_size], key=self.lengths.__getitem__)


class AnswerTrainer(Trainer):
    """Trainer with the loss and sampler above, and the device's autocast around every forward pass."""

    def __init__(self, *, device: Device, batch_size: int, **options: Any):
        self.mixtune_device, self.step_size = device, batch_size
        super().__init__(**options)
        self.model_accepts_loss_kwargs = True  # the step's answer tokens are counted and given to compute_loss
        self._loss_shifts_labels = False  # our labels are predicted from the first on: count that one, too

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler:
        lengths = [len(row["input_ids"]) for row in self.train_dataset]
        return StepSampler(lengths, self.step_size, self.args.seed)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs["labels"]
        with self.mixtune_device.autocast():
            logits = answer_logits(model, inputs, labels.shape[1] + 1)
        return answer_loss(logits, labels, num_items_in_batch)

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        # Trainer averages what comes back over rows; so counted, that is the mean over all answer tokens.
        mean_answer = sum(row["answer"] for row in self.eval_dataset) / len(self.eval_dataset)
        items = len(inputs["labels"]) * mean_answer
        with torch.no_grad():
            return self.compute_loss(model, self._prepare_inputs(inputs), num_items_in_batch=items), None, None


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
    pad: int,
    device: Device,
    micro_batch: int,
    checkpoint_steps: int = 0,
) -> dict[str, Any]:
    """Tune an adapter and save it (PEFT's layout, safetensors) with its log.

    Args:
        base: Folder of the base model.
        name: What the adapter calls its base (hub id).
        train, validation: Rows with `input_ids` and `answer` (how many of the last ids bear the loss).
        output: Folder of adapter_config.json, adapter_model.safetensors and training_log.csv.
        scratch: Folder of checkpoints; an interrupted run goes on from the last whole one.
        settings: `training` of the config, with this model's `lora` resolved.
        micro_batch: Examples a forward pass; does not change a step, only its memory and the draws of dropout.
        checkpoint_steps: Steps between checkpoints; 0: ten a run.

    Returns:
        Facts for the run card: steps, final losses, examples, seconds, peak memory.

    Raises:
        UserError: The micro-batch does not divide the batch.
    """
    if settings["batch_size"] % micro_batch:
        raise UserError(
            f"a micro-batch of {micro_batch} does not divide training.batch_size={settings['batch_size']}; "
            "set the resource micro_batch to a divisor"
        )
    set_seed(seed)  # before the adapter's weights are drawn
    model = add_adapter(load_base(base, device), settings["lora"])
    model.config.use_cache = False
    steps = -(-len(train) // settings["batch_size"])
    total = max(1, round(steps * settings["epochs"]))
    arguments = TrainingArguments(
        output_dir=str(scratch),
        seed=seed,
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=micro_batch,
        gradient_accumulation_steps=settings["batch_size"] // micro_batch,
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
        label_names=["labels"],
    )
    trainer = AnswerTrainer(
        device=device,
        batch_size=settings["batch_size"],
        model=model,
        args=arguments,
        train_dataset=list(train),
        eval_dataset=list(validation) or None,
        data_collator=Collator(pad, share=shares_prefix(model.config)),
        callbacks=[WholeCheckpoints(), Progress()],
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
    (output / "README.md").unlink(missing_ok=True)  # PEFT's own; ours is written from the scores
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


def write_log(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Loss, validation loss and learning rate by step, as CSV."""
    rows = [row for row in history if "loss" in row or "eval_loss" in row]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
