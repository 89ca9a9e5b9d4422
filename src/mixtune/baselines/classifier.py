"""Encoder with a relation classifier: loading, fine-tuning, labels with probabilities.

The states at the first marker token of each mention are concatenated and classified by one linear layer ("entity
start" of Baldini Soares et al., ACL 2019).
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    DataCollatorWithPadding,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.utils.logging import disable_progress_bar

from ..devices.compute import Device
from ..errors import UserError
from ..models.compare import differences
from ..models.loading import load_pretrained
from ..training.checkpoints import (
    CheckpointManifests,
    Progress,
    SeededTrainer,
    resume,
    training_arguments,
    write_log,
)
from .entity_markers import EncodedRow
from .settings import FinetuneEncoderSettings

HEAD_FILE = "classifier.safetensors"
PREDICTION_ROWS = 64  # per forward pass
CHECKPOINT_SECONDS = 300.0  # the most work that a kill loses

disable_progress_bar()


class MarkerClassifier(nn.Module):
    """An encoder and a classifier over the states of two tokens.

    Args:
        encoder: A model whose output has a `last_hidden_state`.
        classes: Number of classes.
    """

    def __init__(self, encoder: Any, classes: int):
        super().__init__()
        self.encoder = encoder
        width, dropout = encoder.config.hidden_size, getattr(encoder.config, "hidden_dropout_prob", 0.1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, classes))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        head: torch.Tensor,
        tail: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Return logits (rows × classes) and, if `labels` are given, the mean cross-entropy.

        Args:
            input_ids, attention_mask: Rows × tokens.
            head, tail: Position in each row of the mention's first marker token.
            labels: The class of each row.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        rows = torch.arange(len(states), device=states.device)
        logits = self.classifier(torch.cat([states[rows, head], states[rows, tail]], dim=-1)).float()
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


def load_tokenizer(folder: Path | str) -> tuple[Any, int]:
    """Return an encoder's tokenizer, and the most tokens that the encoder takes.

    Raises:
        UserError: The tokenizer does not map characters to tokens.
    """
    options = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    if not tokenizer.is_fast:
        raise UserError(f"{folder}: tokenizer.json not found, which locates the markers; choose another encoder")
    tokenizer.padding_side = "right"  # else the positions of markers would shift
    config, limit = AutoConfig.from_pretrained(str(folder), **options), tokenizer.model_max_length
    if limit > 2**20:  # not set; RoBERTa reserves two positions
        limit = config.max_position_embeddings - 2
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= config.vocab_size:
        # Padding is masked, so that any token serves for which the encoder has an embedding.
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(config.pad_token_id or 0)
    return tokenizer, limit


def load_encoder(folder: Path | str) -> Any:
    """Return the encoder of a local folder, in float32.

    Raises:
        UserError: The checkpoint lacks weights of the encoder, or has others.
    """
    # The last states are classified, which need no pooler.
    return load_pretrained(AutoModel, folder, unused=r"(^|\.)pooler\.", dtype=torch.float32, use_safetensors=True)


def load_classifier(folder: Path, classes: int, device: Device) -> MarkerClassifier:
    """Return a fine-tuned classifier, ready for prediction."""
    model = MarkerClassifier(load_encoder(folder), classes)
    model.classifier.load_state_dict(load_file(folder / HEAD_FILE))
    return model.to(device.name).eval()


class _TimedCheckpoints(TrainerCallback):
    """Saves a checkpoint when the last is old: a short run needs none, a long one loses little."""

    def __init__(self, seconds: float):
        self.seconds, self.last = seconds, time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if time.monotonic() - self.last >= self.seconds:
            self.last, control.should_save = time.monotonic(), True


def tune(
    folder: Path,
    tokenizer: Any,
    rows: Sequence[EncodedRow],
    classes: int,
    output: Path,
    scratch: Path,
    *,
    settings: FinetuneEncoderSettings,
    device: Device,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, float]:
    """Fine-tune an encoder with a new classifier; save both, with their log.

    Args:
        folder: Folder of the pretrained encoder.
        tokenizer: Its tokenizer, which pads.
        rows: The train rows, with their classes.
        classes: Number of classes.
        output: Folder of config.json, model.safetensors, classifier.safetensors and training_log.csv.
        scratch: Folder of checkpoints; an interrupted run resumes from the last complete one, and its weights are the
            same.
        settings: Hyper-parameters and seed.
        checkpoint_seconds: Least time between two checkpoints.

    Returns:
        Entries of the run card: steps, final loss, examples.

    Raises:
        UserError: Training diverged, or the saved files are not what was tuned.
    """
    set_seed(settings.seed)  # before the classifier's weights are initialised
    model = MarkerClassifier(load_encoder(folder), classes)
    trainer = SeededTrainer(
        model=model,
        args=training_arguments(
            scratch,
            settings,
            device,
            len(rows),
            optim="adamw_torch_fused",
            bf16=device.dtype == torch.bfloat16,
            save_strategy="no",  # except by _TimedCheckpoints
        ),
        train_dataset=list(rows),  # pyright: ignore[reportArgumentType]  (any sequence will do)
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[_TimedCheckpoints(checkpoint_seconds), CheckpointManifests(), Progress()],
    )
    resume(trainer)
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        shutil.rmtree(scratch, ignore_errors=True)
        raise UserError("training diverged: weights are not finite; lower training.encoder.learning_rate")
    _save(model, output, classes, device)
    write_log(output / "training_log.csv", trainer.state.log_history)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {"steps": trainer.state.global_step, "train_loss": losses[-1], "examples": len(rows)}


def _save(model: MarkerClassifier, output: Path, classes: int, device: Device) -> None:
    output.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(output)
    save_file(model.classifier.state_dict(), output / HEAD_FILE)
    differing = differences(model.state_dict(), load_classifier(output, classes, device).state_dict())
    if differing:
        raise UserError(
            f"{output} is not what was tuned: {len(differing)} tensors differ when it is loaded again, e.g. "
            f"{differing[0]}; check the disk, and choose another encoder if it happens again"
        )


def classify(
    model: MarkerClassifier, tokenizer: Any, rows: Sequence[EncodedRow], labels: Sequence[str], device: Device
) -> list[tuple[str, float]]:
    """Return the most probable label of each row, and its probability."""
    collate = DataCollatorWithPadding(tokenizer)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]["input_ids"]))
    results: dict[int, tuple[str, float]] = {}
    for start in range(0, len(order), PREDICTION_ROWS):
        indices = order[start : start + PREDICTION_ROWS]
        batch = collate([dict(rows[index]) for index in indices])
        inputs = {name: tensor.to(device.name) for name, tensor in batch.items()}
        with torch.inference_mode(), device.autocast():
            best = model(**inputs)["logits"].softmax(dim=-1).max(dim=-1)
        for index, number, probability in zip(indices, best.indices.tolist(), best.values.tolist(), strict=True):
            results[index] = labels[int(number)], probability
    return [results[index] for index in range(len(rows))]
