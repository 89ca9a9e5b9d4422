"""Fine-tuning of a tiny model: the same adapter from the same seed, however often a run was interrupted."""

import csv
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from mixtune.errors import UserError
from mixtune.runs.estimates import checkpoint_bytes
from mixtune.training import trainer as training
from mixtune.training.checkpoints import LOG_COLUMNS
from tests import fork_server
from tests.unit.training.tuning import (
    BF16,
    EPOCH,
    NO_DROPOUT,
    SETTINGS,
    STEPS,
    TRAIN,
    VALIDATION,
    ending,
    flip,
    log,
    result,
    tune,
    weights,
)


def test_same_seed_same_bytes(base, reference, tmp_path):
    folder, facts = reference
    torch.manual_seed(99)
    random.seed(99)
    assert tune(base, tmp_path) == facts
    assert result(tmp_path) == result(folder)


def test_another_seed_gives_another_adapter(base, reference, tmp_path):
    tune(base, tmp_path, seed=2)
    assert weights(tmp_path) != weights(reference[0])


def test_seed_after_init(base, tmp_path):
    """The adapter's first weights come from the seed, whatever the RNG generated before."""
    for number in (1, 2):
        torch.manual_seed(number)
        tune(base, tmp_path / str(number), learning_rate=0.0, epochs=0.2)
    tune(base, tmp_path / "other", learning_rate=0.0, epochs=0.2, seed=2)
    first, again, other = (
        load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("1", "2", "other")
    )
    drawn = [name for name in first if "lora_A" in name]
    assert len(drawn) == len(first) / 2
    for name in drawn:
        assert first[name].abs().max() > 0
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize(
    ("checkpoint_steps", "step", "moment", "callback", "resumed"),
    [
        (2, 1, "on_step_end", "Progress", None),
        (2, 4, "on_save", "CheckpointManifests", 2),  # while the checkpoint was written
        (2, EPOCH + 1, "on_step_end", "Progress", 4),
        (EPOCH, EPOCH, "on_save", "Progress", EPOCH),
        (2, EPOCH + 3, "on_save", "Progress", EPOCH + 3),
        (3, STEPS, "on_evaluate", "Progress", STEPS - 1),
        (3, STEPS, "on_train_end", "Progress", STEPS),
    ],
)
def test_checkpoint_never_resumed(
    base, reference, tmp_path, capsys, monkeypatch, checkpoint_steps, step, moment, callback, resumed
):
    """An interrupted run goes on from its last whole checkpoint and leaves what an undisturbed one does."""
    with ending(step, moment, callback):
        tune(base, tmp_path, checkpoint_steps=checkpoint_steps)
    assert not (tmp_path / "adapter").exists()
    capsys.readouterr()
    taken = []
    monkeypatch.setattr(training.Progress, "on_step_end", lambda *args, **_: taken.append(args[2].global_step))
    facts = tune(base, tmp_path, checkpoint_steps=checkpoint_steps)
    assert taken == list(range((resumed or 0) + 1, STEPS + 1))
    printed = f"resuming from {tmp_path / 'checkpoints' / f'checkpoint-{resumed}'}\n"
    assert (printed in capsys.readouterr().out) is bool(resumed)
    assert (facts, result(tmp_path)) == (reference[1], result(reference[0]))


def test_a_killed_process_is_resumed_by_another(base, reference, tmp_path):
    """In truth: the kernel ends it, and Python hashes strings otherwise in the next."""
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.unit.training import tuning as t\n"
        "t.torch.set_num_threads(1)\n"
        "with t.ending(7, end=lambda: os.kill(os.getpid(), signal.SIGKILL)):\n"
        "    t.tune(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [fork_server.python(), "-c", script, str(base), str(tmp_path)]
    ended = subprocess.run(command, env=os.environ | fork_server.ENVIRONMENT, capture_output=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert tune(base, tmp_path) == reference[1]
    assert result(tmp_path) == result(reference[0])


def test_a_run_may_be_interrupted_again_and_again(base, reference, tmp_path):
    for step in (3, 4, 8):
        with ending(step):
            tune(base, tmp_path)
    tune(base, tmp_path)
    assert result(tmp_path) == result(reference[0])


def test_in_bf16_an_interrupted_run_ends_with_the_same_bytes(base, tmp_path):
    tune(base, tmp_path / "whole", device=BF16)
    with ending(7):
        tune(base, tmp_path / "parts", device=BF16)
    tune(base, tmp_path / "parts", device=BF16)
    assert result(tmp_path / "parts") == result(tmp_path / "whole")


@pytest.fixture(scope="module")
def by_tokens(base, tmp_path_factory):
    """Runs without dropout, by the tokens of a pass: single rows, about two rows, the whole step."""
    folders = {}
    for tokens in (1, 60, 1000):
        folders[tokens] = tmp_path_factory.mktemp(f"tokens-{tokens}")
        tune(base, folders[tokens], micro_tokens=tokens, **NO_DROPOUT)
    return folders


@pytest.mark.parametrize("tokens", [1, 60])
def test_the_tokens_of_a_pass_change_no_loss(by_tokens, tokens):
    folder, expected = by_tokens[tokens], by_tokens[1000]
    assert len(log(folder, "loss")) == STEPS
    for column in ("loss", "eval_loss", "grad_norm"):
        assert log(folder, column) == pytest.approx(log(expected, column), abs=1e-4)


def test_a_run_may_go_on_with_fewer_tokens_a_pass(base, by_tokens, tmp_path):
    """No example is skipped or seen twice."""
    with ending(7):
        tune(base, tmp_path, micro_tokens=1000, **NO_DROPOUT)
    tune(base, tmp_path, micro_tokens=1, **NO_DROPOUT)
    assert log(tmp_path, "loss") == pytest.approx(log(by_tokens[1000], "loss"), abs=1e-4)


def short_of_memory(monkeypatch, most: int, kept_alone: bool = True):
    """Let passes of more than `most` tokens run out of memory, and single rows too unless activations are not kept."""
    plain = training.answer_loss
    sizes = []

    def limited(model, rows):
        sizes.append(sum(len(row["input_ids"]) for row in rows))
        if sizes[-1] > most and len(rows) > 1:
            raise torch.OutOfMemoryError("a test says so")
        if model.training and not kept_alone and not model.is_activation_checkpointing:
            raise torch.OutOfMemoryError("a test says so")
        return plain(model, rows)

    monkeypatch.setattr(training, "answer_loss", limited)
    return sizes


def test_a_step_that_does_not_fit_is_taken_in_smaller_passes(base, by_tokens, tmp_path, monkeypatch, capsys):
    sizes = short_of_memory(monkeypatch, 60)
    tune(base, tmp_path, micro_tokens=1000, **NO_DROPOUT)
    assert log(tmp_path, "loss") == pytest.approx(log(by_tokens[1000], "loss"), abs=1e-4)
    assert "out of memory: continuing with 500 tokens per pass; the step is unchanged" in capsys.readouterr().out
    assert sum(size > 60 for size in sizes) <= 6  # 1000, 500, ... are tried once each, not in every step


def test_rows_that_do_not_fit_alone_are_not_kept_for_the_backward_pass(base, by_tokens, tmp_path, monkeypatch, capsys):
    short_of_memory(monkeypatch, 0, kept_alone=False)
    tune(base, tmp_path, micro_tokens=1000, validation=[], **NO_DROPOUT)
    assert log(tmp_path, "loss") == pytest.approx(log(by_tokens[1000], "loss"), abs=1e-4)
    assert "activations are recomputed in the backward pass" in capsys.readouterr().out


def test_memory_for_no_row_at_all_is_an_error_with_a_remedy(base, tmp_path, monkeypatch):
    def never(model, rows):
        raise torch.OutOfMemoryError("a test says so")

    monkeypatch.setattr(training, "answer_loss", never)
    with pytest.raises(UserError, match=r"one row of \d+ tokens; lower training\.max_length or training\.lora\.r"):
        tune(base, tmp_path, validation=[])


def test_validation_that_does_not_fit_is_taken_in_smaller_passes(base, by_tokens, tmp_path, monkeypatch, capsys):
    plain = training.answer_loss

    def limited(model, rows):
        if not model.training and len(rows) > 1:
            raise torch.OutOfMemoryError("a test says so")
        return plain(model, rows)

    monkeypatch.setattr(training, "answer_loss", limited)
    tune(base, tmp_path, micro_tokens=1000, **NO_DROPOUT)
    for column in ("loss", "eval_loss"):
        assert log(tmp_path, column) == pytest.approx(log(by_tokens[1000], column), abs=1e-4)
    assert "out of memory: continuing with 500 tokens per pass" in capsys.readouterr().out


def test_training_lowers_the_loss_on_what_it_has_seen(base, tmp_path):
    tune(base, tmp_path, validation=TRAIN, epochs=4, learning_rate=0.03, **NO_DROPOUT)
    losses = log(tmp_path, "eval_loss")
    assert len(losses) == 4
    assert losses[-1] < 0.8 * losses[0]


def test_the_log_holds_losses_and_the_learning_rate(reference):
    """Two steps (a fifth of ten) of warm-up, then linear decay; the rate is the one that the step took."""
    folder, facts = reference
    with (folder / "adapter" / "training_log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LOG_COLUMNS
    steps = [int(row["step"]) for row in rows if row["loss"]]
    evaluated = [int(row["step"]) for row in rows if row["eval_loss"]]
    assert (steps, evaluated) == (list(range(1, STEPS + 1)), [EPOCH, STEPS])
    expected = [0.0, 0.005, *(0.01 * left / 8 for left in range(8, 0, -1))]
    assert log(folder, "learning_rate") == pytest.approx(expected)
    assert (facts["train_loss"], facts["validation_loss"]) == (log(folder, "loss")[-1], log(folder, "eval_loss")[-1])
    assert (facts["steps"], facts["examples"]) == (STEPS, len(TRAIN))
    assert facts["trainable_parameters"] == 2 * 4 * ((64 + 64) + (64 + 32) + (64 + 128) + (128 + 64))


@pytest.mark.parametrize("validation", [VALIDATION, []], ids=["validated", "without validation rows"])
def test_half_an_epoch(base, tmp_path, validation):
    facts = tune(base, tmp_path, validation=validation, epochs=0.5)
    assert facts["steps"] == 3
    assert log(tmp_path, "eval_loss") == ([facts["validation_loss"]] if validation else [])
    assert validation or facts["validation_loss"] is None


def test_the_adapter_is_loaded_by_peft_alone(base, reference):
    folder, _ = reference
    adapter = folder / "adapter"
    assert {path.name for path in adapter.iterdir()} == {  # and no README.md of PEFT's
        "adapter_config.json",
        "adapter_model.safetensors",
        "training_log.csv",
    }
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "someone/tiny"
    assert config["target_modules"] == sorted(SETTINGS["lora"]["targets"])
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 8, 0.1)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.tensor([TRAIN[0]["input_ids"]])
    before = plain(input_ids=ids).logits
    model = PeftModel.from_pretrained(plain, adapter)
    saved = load_file(adapter / "adapter_model.safetensors")
    loaded = {name.replace(".default", ""): value for name, value in model.state_dict().items() if "lora_" in name}
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], saved[name]) for name in saved)
    assert not torch.allclose(model(input_ids=ids).logits, before)


def test_an_adapter_that_is_not_saved_as_it_was_tuned_is_an_error(base, tmp_path, monkeypatch):
    def spoil(model, folder, save=PeftModel.save_pretrained, **options):
        save(model, folder, **options)
        if "checkpoint" not in str(folder):
            flip(Path(folder) / "adapter_model.safetensors")

    monkeypatch.setattr(PeftModel, "save_pretrained", spoil)
    with pytest.raises(UserError, match=r"adapter_model\.safetensors is not what was tuned: 1 matrices differ"):
        tune(base, tmp_path, validation=[], epochs=0.2)


def test_targets_that_match_in_part_are_refused_before_the_first_step(base, tmp_path):
    with pytest.raises(UserError, match=r"training\.lora\.targets: no linear layer of this model matches qkv_proj; "):
        tune(base, tmp_path, lora=SETTINGS["lora"] | {"targets": ["qkv_proj", "o_proj"]})
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_is_as_large_as_is_estimated(base, tmp_path):
    facts = tune(base, tmp_path, epochs=0.2, checkpoint_steps=1, lora=SETTINGS["lora"] | {"r": 128})
    size = sum(path.stat().st_size for path in (tmp_path / "checkpoints/checkpoint-1").iterdir())
    assert size == pytest.approx(checkpoint_bytes(facts["trainable_parameters"], "cpu"), rel=0.1)
