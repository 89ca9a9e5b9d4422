"""Runs of a tiny model for the tests of this folder, also runs that end before their time."""

import csv
import random
from contextlib import contextmanager

import pytest
import torch

from mixtune.devices.compute import Device
from mixtune.training import trainer as training
from mixtune.training.settings import FinetuneSettings
from tests.fixtures.models import END, VOCABULARY

FLOAT32 = Device("cpu", torch.float32, "a test says so")
BF16 = Device("cpu", torch.bfloat16, "a test says so")
SETTINGS = {
    "epochs": 2,
    "learning_rate": 0.01,
    "warmup": 0.2,
    "weight_decay": 0.01,
    "batch_size": 4,
    "seed": 1,
    "code": "",
    "lora": {"r": 4, "alpha": 8, "dropout": 0.1, "targets": ["v_proj", "q_proj", "down_proj", "up_proj"]},
}
NO_DROPOUT = {"lora": SETTINGS["lora"] | {"dropout": 0.0}}
EPOCH = 5  # steps of an epoch: 18 rows, four per step, two in the last
STEPS = 2 * EPOCH


def make_rows(number: int, seed: int) -> list[dict]:
    """Rows with a common beginning of 18 ids, then up to ten of their own, then an answer of one to four."""
    rng = random.Random(seed)
    made = []
    for place in range(number):
        question = [rng.randrange(3, VOCABULARY) for _ in range(rng.randrange(1, 11))]
        answer = [rng.randrange(3, VOCABULARY) for _ in range(place % 4)] + [END]
        made.append({"input_ids": [*range(20, 38), *question, *answer], "answer": len(answer)})
    return made


TRAIN, VALIDATION = make_rows(18, seed=1), make_rows(5, seed=2)


class Killed(BaseException):
    """Simulates the end of the process: no `except Exception` catches it."""


@contextmanager
def ending(step: int, moment: str = "on_step_end", callback: str = "Progress", end=None):
    """Let a run end at a moment of a step, before what this callback does there."""
    parent = getattr(training, callback)

    def act(self, args, state, control, **more):
        if state.global_step == step:
            if end:
                end()
            raise Killed
        getattr(parent, moment)(self, args, state, control, **more)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(training, callback, type("Ending", (parent,), {moment: act}))
        yield


def tune(
    base, folder, *, micro_tokens=60, checkpoint_steps=2, device=FLOAT32, validation=VALIDATION, **changed
) -> training.Outcome:
    """Run `trainer.tune` on the tiny model; adapter and checkpoints come into `folder`."""
    return training.tune(
        base,
        "someone/tiny",
        TRAIN,
        validation,
        folder / "adapter",
        folder / "checkpoints",
        settings=FinetuneSettings(**SETTINGS | changed),
        device=device,
        micro_tokens=micro_tokens,
        checkpoint_steps=checkpoint_steps,
    )


def result(folder) -> dict[str, bytes]:
    """The bytes of all that a run leaves."""
    return {path.name: path.read_bytes() for path in (folder / "adapter").iterdir()}


def weights(folder) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def log(folder, column: str) -> list[float]:
    """The values of a column of the log, where there are any."""
    with (folder / "adapter" / "training_log.csv").open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row[column]]


def flip(path):
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
