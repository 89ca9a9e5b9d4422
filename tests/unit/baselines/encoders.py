"""Settings and runs of encoders, for tests of the classifier and of its jobs."""

from contextlib import contextmanager

import pytest
import torch

from mixtune.baselines import classifier
from mixtune.baselines.classifier import load_tokenizer, tune
from mixtune.baselines.entity_markers import encode
from mixtune.baselines.settings import FinetuneEncoderSettings
from mixtune.devices.compute import Device

FLOAT32 = Device("cpu", torch.float32, "a test says so")
BF16 = Device("cpu", torch.bfloat16, "a test says so")
SETTINGS = {
    "epochs": 2,
    "learning_rate": 0.003,
    "warmup": 0.2,
    "weight_decay": 0.01,
    "batch_size": 4,
    "max_length": 64,
    "max_rows": None,
    "seed": 1,
    "data_seed": 7,
    "code": "the code's hash",
}
STEPS = 10  # 18 rows, four a step, two epochs
LABELS = ["lives", "works", "NA"]


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Killed(BaseException):
    """Simulates the end of the process: no `except Exception` catches it."""


@contextmanager
def ending(step: int, moment: str = "on_step_end", end=None):
    """Let a run end at a moment of a step."""
    parent = classifier.Progress

    def act(self, args, state, control, **more):
        if state.global_step == step:
            if end:
                end()
            raise Killed

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(classifier, "Progress", type("Ending", (parent,), {moment: act}))
        yield


def tuned(folder, model, examples, *, device=FLOAT32, checkpoint_seconds=0.0, **changed) -> dict:
    """The results of a run of `tune`, which writes into `folder`."""
    tokenizer, _ = load_tokenizer(model.parent)
    encoded, _ = encode(tokenizer, examples, 64)
    classes = [row | {"labels": LABELS.index(e.relation)} for row, e in zip(encoded, examples, strict=True)]
    return tune(
        model.parent,
        tokenizer,
        classes,
        len(LABELS),
        folder / "encoder",
        folder / "checkpoints",
        settings=FinetuneEncoderSettings(**SETTINGS | changed),
        device=device,
        checkpoint_seconds=checkpoint_seconds,
    )
