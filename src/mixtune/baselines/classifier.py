"""An encoder that classifies marked examples: loading, tuning, labels with probabilities.

The states at which the markers of the two mentions begin go, side by side, through one linear layer ("entity start" of
Baldini Soares et al., ACL 2019).
"""

import shutil
import time
from collections.abc import Mapping, Sequence
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
    set_seed,
)
from transformers.utils.logging import disable_progress_bar

from ..devices.compute import Device
from ..errors import UserError
from ..training.checkpoints import CheckpointManifests, Progress, SeededTrainer, resume, training_arguments, write_log
from .settings import FinetuneEncoderSettings

HEAD_FILE = "classifier.safetensors"
PREDICTION_ROWS = 64  # of a forward pass
CHECKPOINT_SECONDS = 300.0  # what a kill can cost

disable_progress_bar()


class MarkerClassifier(nn.Module):
    """An encoder and a classifier over the states of two tokens.

    Args:
        encoder: A model whose output has a `last_hidden_state`.
        labels: How many classes there are.
    """

    def __init__(self, encoder: Any, labels: int):
        super().__init__()
        self.encoder = encoder
        width, dropout = encoder.config.hidden_size, getattr(encoder.config, "hidden_dropout_prob", 0.1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, labels))

    def forward(self, input_ids, attention_mask, head, tail, labels=None) -> dict[str, torch.Tensor]:
        """Logits (rows × labels) and, where `labels` are given, the mean cross-entropy.

        Args:
            input_ids, attention_mask: Rows × tokens.
            head, tail: The token of each row at which the mention's marker begins.
            labels: The class of each row.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        rows = torch.arange(len(states), device=states.device)
        logits = self.classifier(torch.cat([states[rows, head], states[rows, tail]], dim=-1)).float()
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


def load_tokenizer(folder: Path | str) -> tuple[Any, int]:
    """An encoder's tokenizer, and how many tokens the encoder takes.

    Raises:
        UserError: The tokenizer does not know which characters a token covers.
    """
    options = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    if not tokenizer.is_fast:
        raise UserError(f"{folder} has no tokenizer.json, which tells the tokens of markers; choose another encoder")
    tokenizer.padding_side = "right"  # or the places of markers would move
    limit = tokenizer.model_max_length
    if limit > 2**20:  # not known; RoBERTa keeps two positions for itself
        limit = AutoConfig.from_pretrained(str(folder), **options).max_position_embeddings - 2
    return tokenizer, limit


def load_encoder(folder: Path | str) -> Any:
    """The encoder of a local folder, in float32."""
    return AutoModel.from_pretrained(
        str(folder), dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )


def load_classifier(folder: Path, labels: int, device: Device) -> MarkerClassifier:
    """A tuned classifier, ready for prediction."""
    model = MarkerClassifier(load_encoder(folder), labels)
    model.classifier.load_state_dict(load_file(folder / HEAD_FILE))
    return model.to(device.name).eval()


class _EveryFewMinutes(TrainerCallback):
    """Asks for a checkpoint when the last is old: a short run needs none, a long one loses little."""

    def __init__(self, seconds: float):
        self.seconds, self.last = seconds, time.monotonic()

    def on_step_end(self, args, state, control, **_):
        if time.monotonic() - self.last >= self.seconds:
            self.last, control.should_save = time.monotonic(), True


def tune(
    folder: Path,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    labels: int,
    output: Path,
    scratch: Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    device: Device,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Tune an encoder with a new classifier and save both, with their log.

    Args:
        folder: Folder of the pretrained encoder.
        tokenizer: Its tokenizer, which pads.
        rows: As `markers.encode` gives them, and the class of each as `labels`.
        labels: How many classes there are.
        output: Folder of config.json, model.safetensors, classifier.safetensors and training_log.csv.
        scratch: Folder of checkpoints; an interrupted run goes on from the last whole one and ends with the same
            weights.
        settings: `training.encoder` of the config.
        checkpoint_seconds: Least time between two checkpoints.

    Returns:
        Facts for the run card: steps, final loss, examples.

    Raises:
        UserError: The run diverged.
    """
    set_seed(seed)  # before the classifier's weights are drawn
    model = MarkerClassifier(load_encoder(folder), labels)
    arguments = training_arguments(
        scratch,
        FinetuneEncoderSettings.model_validate({**settings, "seed": seed}),
        device,
        len(rows),
        optim="adamw_torch_fused",
        bf16=device.dtype == torch.bfloat16,
        save_strategy="no",  # but when _EveryFewMinutes asks for it
    )
    trainer = SeededTrainer(
        model=model,
        args=arguments,
        train_dataset=list(rows),
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[_EveryFewMinutes(checkpoint_seconds), CheckpointManifests(), Progress()],
    )
    resume(trainer)
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        shutil.rmtree(scratch, ignore_errors=True)
        raise UserError("the run diverged: weights are not finite; lower training.encoder.learning_rate")
    output.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(output)
    save_file(model.classifier.state_dict(), output / HEAD_FILE)
    write_log(output / "training_log.csv", trainer.state.log_history)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {"steps": trainer.state.global_step, "train_loss": losses[-1], "examples": len(rows)}


def classify(
    model: MarkerClassifier, tokenizer: Any, rows: Sequence[Mapping[str, Any]], labels: Sequence[str], device: Device
) -> list[tuple[str, float]]:
    """The most probable label of each row, and its probability."""
    collate = DataCollatorWithPadding(tokenizer)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]["input_ids"]))
    found: dict[int, tuple[str, float]] = {}
    for start in range(0, len(order), PREDICTION_ROWS):
        places = order[start : start + PREDICTION_ROWS]
        batch = collate([rows[place] for place in places]).to(device.name)
        with torch.inference_mode(), device.autocast():
            best = model(**batch)["logits"].softmax(dim=-1).max(dim=-1)
        for place, label, probability in zip(places, best.indices.tolist(), best.values.tolist(), strict=True):
            found[place] = labels[label], probability
    return [found[place] for place in range(len(rows))]
