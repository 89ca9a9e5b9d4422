"""Fine-tuning of a tiny model: the same adapter from the same seed, however often a run was interrupted."""

import csv
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mixtune.artifacts.manifests import file_sha256, is_whole, read_json, write_manifest
from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.models.fetch_model import fetch_model
from mixtune.prompts.files import Rendered, write_rendered
from mixtune.runs.estimates import checkpoint_bytes
from mixtune.training import finetune as cells
from mixtune.training import meter as metering
from mixtune.training import trainer as training
from mixtune.training.checkpoints import LOG_COLUMNS, StepSampler, last_whole_checkpoint
from mixtune.training.finetune import finetune_cell
from mixtune.training.trainer import finetune
from tests import fork_server

FLOAT32 = Device("cpu", torch.float32, "a test says so")
BF16 = Device("cpu", torch.bfloat16, "a test says so")
VOCABULARY, END = 64, 2
SETTINGS = {
    "epochs": 2,
    "learning_rate": 0.01,
    "warmup": 0.2,
    "weight_decay": 0.01,
    "batch_size": 4,
    "lora": {"r": 4, "alpha": 8, "dropout": 0.1, "targets": ["v_proj", "q_proj", "down_proj", "up_proj"]},
}
NO_DROPOUT = {"lora": SETTINGS["lora"] | {"dropout": 0.0}}
EPOCH = 5  # steps of an epoch: 18 rows, four a step, two in the last
STEPS = 2 * EPOCH


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def make_rows(number: int, seed: int) -> list[dict]:
    """Rows with a common beginning of 18 ids, then up to ten of their own, then an answer of one to four."""
    dice = random.Random(seed)
    made = []
    for place in range(number):
        question = [dice.randrange(3, VOCABULARY) for _ in range(dice.randrange(1, 11))]
        answer = [dice.randrange(3, VOCABULARY) for _ in range(place % 4)] + [END]
        made.append({"input_ids": [*range(20, 38), *question, *answer], "answer": len(answer)})
    return made


TRAIN, VALIDATION = make_rows(18, seed=1), make_rows(5, seed=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a random Llama and its tokenizer, whose pad token is its end of turn."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.1,
        pad_token_id=END,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    words = Tokenizer(tokenizer_models.WordLevel({f"w{id}": id for id in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w2", pad_token="w2", unk_token="w0")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} w2 {% endfor %}"
    tokenizer.save_pretrained(folder)
    return folder


class Killed(BaseException):
    """Stands for the end of the process: no `except Exception` catches it."""


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
    base, folder, *, seed=1, micro_tokens=60, checkpoint_steps=2, device=FLOAT32, validation=VALIDATION, **changed
):
    """Run `finetune` on the tiny model; adapter and checkpoints come into `folder`."""
    return finetune(
        base,
        "someone/tiny",
        TRAIN,
        validation,
        folder / "adapter",
        folder / "checkpoints",
        settings=SETTINGS | changed,
        seed=seed,
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


@pytest.fixture(scope="module")
def reference(base, tmp_path_factory):
    """The folder of an undisturbed run, and its facts."""
    folder = tmp_path_factory.mktemp("reference")
    return folder, tune(base, folder)


@pytest.fixture(scope="module")
def interrupted(base, tmp_path_factory):
    """Makes copies of a run that ended after five steps; its checkpoints are of the second and the fourth."""
    folder = tmp_path_factory.mktemp("interrupted")
    with ending(5):
        tune(base, folder)

    def copy(target):
        shutil.copytree(folder, target, dirs_exist_ok=True)
        assert sorted(path.name for path in (target / "checkpoints").iterdir()) == ["checkpoint-2", "checkpoint-4"]
        return target / "checkpoints" / "checkpoint-4"

    return copy


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
    """The adapter's first weights come from the seed, whatever drew from the dice before."""
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
        (2, 4, "on_save", "WholeCheckpoints", 2),  # while the checkpoint was written
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
    printed = f"going on from {tmp_path / 'checkpoints' / f'checkpoint-{resumed}'}\n"
    assert (printed in capsys.readouterr().out) is bool(resumed)
    assert (facts, result(tmp_path)) == (reference[1], result(reference[0]))


def test_a_killed_process_is_resumed_by_another(base, reference, tmp_path):
    """In truth: the kernel ends it, and Python hashes strings otherwise in the next."""
    script = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[3]); import test_trainer as t\n"
        "t.torch.set_num_threads(1)\n"
        "with t.ending(7, end=lambda: os.kill(os.getpid(), signal.SIGKILL)):\n"
        "    t.tune(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [fork_server.python(), "-c", script, str(base), str(tmp_path), str(Path(__file__).parent)]
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


def remove(path):
    path.unlink()


def flip(path):
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


NEEDED = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "training_args.bin",
    "manifest.json",
}


@pytest.mark.parametrize("harm", [remove, flip, empty, truncate])
def test_no_broken_checkpoint_passes_for_a_whole_one(interrupted, tmp_path, harm):
    newest = interrupted(tmp_path)
    files = sorted(path.name for path in newest.iterdir())
    assert set(files) >= NEEDED
    for name in files:
        target = tmp_path / name
        harm(shutil.copytree(newest.parent, target) / newest.name / name)
        assert last_whole_checkpoint(target) == target / "checkpoint-2", name
        assert not (target / newest.name).exists()
    assert last_whole_checkpoint(newest.parent) == newest


HARMED = [*((name, remove) for name in sorted(NEEDED)), ("optimizer.pt", truncate), ("scheduler.pt", flip)]


@pytest.mark.parametrize(("name", "harm"), [*HARMED, ("adapter_model.safetensors", flip), ("manifest.json", flip)])
def test_broken_checkpoint_resumed(base, reference, interrupted, tmp_path, capsys, name, harm):
    """Trainer would go on without some of these files, say nothing, and end elsewhere."""
    newest = interrupted(tmp_path)
    harm(newest / name)
    facts = tune(base, tmp_path)
    out = capsys.readouterr().out
    assert f"{newest} is not whole and is removed" in out
    assert f"going on from {newest.parent / 'checkpoint-2'}" in out
    assert (facts, result(tmp_path)) == (reference[1], result(reference[0]))


def test_a_run_whose_checkpoints_are_all_broken_begins_again(base, reference, interrupted, tmp_path):
    newest = interrupted(tmp_path)
    remove(newest / "optimizer.pt")
    flip(newest.parent / "checkpoint-2" / "adapter_model.safetensors")
    tune(base, tmp_path)
    assert result(tmp_path) == result(reference[0])


def test_the_newest_checkpoint_is_the_one_with_the_highest_number(tmp_path):
    for number in (9, 10):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        write_manifest(folder / "manifest.json", [])
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert last_whole_checkpoint(tmp_path / "nothing") is None


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
    assert "out of memory: on with 500 tokens a pass, the step stays the same" in capsys.readouterr().out
    assert sum(size > 60 for size in sizes) <= 6  # 1000, 500, ... are tried once each, not in every step


def test_rows_that_do_not_fit_alone_are_not_kept_for_the_backward_pass(base, by_tokens, tmp_path, monkeypatch, capsys):
    short_of_memory(monkeypatch, 0, kept_alone=False)
    tune(base, tmp_path, micro_tokens=1000, validation=[], **NO_DROPOUT)
    assert log(tmp_path, "loss") == pytest.approx(log(by_tokens[1000], "loss"), abs=1e-4)
    assert "activations are computed again, not kept" in capsys.readouterr().out


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
    assert "out of memory: on with 500 tokens a pass" in capsys.readouterr().out


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


def test_the_order_is_drawn_anew_each_epoch_from_the_seed():
    sampler = StepSampler(10, seed=1)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] == epochs[2] != epochs[1]
    assert len(sampler) == 10
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert list(StepSampler(10, seed=2)) != epochs[0]


# What training.smk declares as output.
OUTPUTS = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "tokenizer.json",
    "training_log.csv",
    "run_card.json",
    "manifest.json",
}


@pytest.fixture
def cell(base, tmp_path):
    """Runs `finetune_cell`: `cell(output="output", **changed)` returns the output's folder."""
    model = tmp_path / "model" / "manifest.json"
    fetch_model({"model": "tiny", "name": "someone/tiny", "origin": "path", "path": str(base)}, model)
    rendered = tmp_path / "rendered"

    def render(train, validation):
        facts = {}
        for split, rows in (("train", train), ("validation", validation)):
            made = (
                Rendered(f"{split}/{i}", row["input_ids"], row["answer"], "", len(row["input_ids"]))
                for i, row in enumerate(rows)
            )
            facts[split] = write_rendered(rendered / f"{split}.parquet", made)
        files = [rendered / "train.parquet", rendered / "validation.parquet"]
        write_manifest(rendered / "manifest.json", files, rendered=facts, template_hash="a template's hash")

    def run(output: str = "output", **changed):
        finetune_cell(
            SETTINGS | {"seed": 1, "code": "the code's hash"} | changed,
            model,
            rendered / "manifest.json",
            tmp_path / output / "manifest.json",
            device=FLOAT32,
            micro_tokens=60,
            scratch=tmp_path / "scratch",
        )
        return tmp_path / output

    render(TRAIN, VALIDATION)
    run.render, run.model, run.scratch = render, model, tmp_path / "scratch"
    return run


@pytest.fixture
def no_training(monkeypatch):
    """Whoever trains from now on fails."""

    def refuse(*_, **__):
        raise AssertionError("trained again")

    return lambda: monkeypatch.setattr(cells, "finetune", refuse)


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_cell_leaves_an_adapter_a_tokenizer_and_a_card(base, reference, cell):
    folder = cell()
    assert {path.name for path in folder.iterdir()} >= OUTPUTS
    assert "README.md" not in {path.name for path in folder.iterdir()}
    assert is_whole(folder / "manifest.json")
    assert set(read_json(folder / "manifest.json")["files"]) == {p.name for p in folder.iterdir()} - {"manifest.json"}
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(reference[0])
    card = read_json(folder / "run_card.json")
    assert (card["base_model"], card["template_hash"]) == ("someone/tiny", "a template's hash")
    assert card["settings"] == SETTINGS | {"seed": 1, "code": "the code's hash"}
    facts = card["rendered"]["train"]
    lengths = [len(row["input_ids"]) for row in TRAIN]
    assert (facts["rows"], facts["longest"], facts["tokens"]["max"]) == (18, max(lengths), max(lengths))
    assert reference[1].items() <= card.items()
    assert str(base) not in (folder / "run_card.json").read_text() + (folder / "adapter_config.json").read_text()


def test_finished_work_is_restored_without_training(cell, no_training, capsys):
    first = bytes_of(cell("first"))
    no_training()
    assert bytes_of(cell("second")) == first
    assert "finished before: restored from" in capsys.readouterr().out


def test_done_marker_by_name(cell, no_training):
    """Work is finished under all that it depends on: a changed setting is never skipped."""
    cell()
    no_training()
    lora = SETTINGS["lora"] | {"r": 8}
    for changed in ({"learning_rate": 0.02}, {"seed": 2}, {"lora": lora}, {"code": "another hash"}):
        with pytest.raises(AssertionError, match="trained again"):
            cell(**changed)


def test_changed_rows_and_changed_bases_are_trained_again(cell, no_training):
    cell()
    no_training()
    cell.render(TRAIN[:-1], VALIDATION)
    with pytest.raises(AssertionError, match="trained again"):
        cell()
    cell.render(TRAIN, VALIDATION)
    cell()
    base = read_json(cell.model)
    cell.model.write_text(json.dumps(base | {"files": base["files"] | {"model.safetensors": "0" * 64}}))
    with pytest.raises(AssertionError, match="trained again"):
        cell()


def test_a_checkpoint_of_other_settings_is_not_resumed(base, cell, capsys, tmp_path):
    tune(base, tmp_path / "expected", learning_rate=0.02)
    with ending(7):
        cell()
    capsys.readouterr()
    folder = cell(learning_rate=0.02)
    assert "going on from" not in capsys.readouterr().out
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(tmp_path / "expected")


def test_memory_for_no_model_is_an_error_with_a_remedy(cell, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("tried to allocate 9 GiB")

    monkeypatch.setattr(training, "load_base", never)
    with pytest.raises(UserError, match=r"lower training\.lora\.r, or use a smaller model \(tried to allocate 9 GiB\)"):
        cell()


def test_a_model_in_another_folder_is_the_same_model(cell, no_training):
    cell()
    no_training()
    base = read_json(cell.model)
    cell.model.write_text(json.dumps(base | {"folder": "/elsewhere"}))
    cell()


def test_finished_work_that_is_broken_is_done_again(cell, capsys):
    first = cell("first")
    (saved,) = cell.scratch.glob("finetune/*/adapter/adapter_model.safetensors")
    flip(saved)
    second = cell("second")
    assert "restored" not in capsys.readouterr().out
    assert not list(cell.scratch.glob("finetune/*/checkpoints"))  # a finished cell keeps none
    assert file_sha256(second / "adapter_model.safetensors") == file_sha256(first / "adapter_model.safetensors")


def test_an_interrupted_cell_leaves_nothing_and_goes_on(reference, cell, capsys, tmp_path):
    with ending(7):
        cell()
    assert not (tmp_path / "output").exists()
    folder = cell()
    assert "going on from" in capsys.readouterr().out
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(reference[0])


def test_what_an_interrupted_cell_took_is_told_as_a_whole(cell, monkeypatch):
    clock = itertools.count(0.0, 1000.0)  # of the first process; the second has the real one
    with monkeypatch.context() as slow:
        slow.setattr(metering, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        with ending(7):
            cell()
    (state,) = cell.scratch.glob("finetune/*/checkpoints/checkpoint-6/trainer_state.json")
    kept = read_json(state)["stateful_callbacks"]["Meter"]["attributes"]
    assert (kept["rows"], kept["seconds"] >= 2000, kept["interruptions"]) == (18 + 4, True, 0)
    card = read_json(cell() / "run_card.json")
    assert (card["examples_seen"], card["interruptions"]) == (36, 1)
    assert card["tokens_seen"] == 2 * sum(len(row["input_ids"]) for row in TRAIN)
    assert kept["seconds"] < card["seconds"] < kept["seconds"] + 900
    assert kept["loading_seconds"] < card["loading_seconds"] < card["seconds"]


def test_a_cell_tells_what_it_took_and_where_it_lies(cell):
    card = read_json(cell() / "run_card.json")
    assert (card["examples_seen"], card["interruptions"], card["seeds"]) == (36, 0, {"training": 1})
    working = card["seconds"] - card["loading_seconds"]
    assert card["examples_per_second"] == pytest.approx(36 / working, rel=0.2)
    assert (cell.scratch / card["scratch"] / "adapter" / "run_card.json").is_file()
    assert read_json(cell.scratch / card["scratch"] / "job.json")["result"].endswith("output/manifest.json")
    assert len(card["inputs"]) == 2


def test_a_checkpoint_is_as_large_as_is_estimated(base, tmp_path):
    facts = tune(base, tmp_path, epochs=0.2, checkpoint_steps=1, lora=SETTINGS["lora"] | {"r": 128})
    size = sum(path.stat().st_size for path in (tmp_path / "checkpoints/checkpoint-1").iterdir())
    assert size == pytest.approx(checkpoint_bytes(facts["trainable_parameters"], "cpu"), rel=0.1)


# A job as a process of its own, which tells its id, and stops after a step until its input is closed.
JOB = """
import os
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import test_trainer as t

print(os.getpid(), flush=True)
t.torch.set_num_threads(1)
on_log = t.training.Progress.on_log


def stop(self, args, state, *more, **options):
    on_log(self, args, state, *more, **options)
    if state.global_step == int(sys.argv[4]):
        sys.stdin.read()


t.training.Progress.on_log = stop
t.finetune_cell(
    t.SETTINGS | {"seed": 1, "code": "the code's hash"},
    *(Path(sys.argv[2], name, "manifest.json") for name in ("model", "rendered", sys.argv[3])),
    device=t.FLOAT32,
    micro_tokens=60,
    scratch=Path(sys.argv[2], "scratch"),
)
"""


@pytest.fixture
def job(cell, tmp_path):
    """Starts `finetune_cell` as a process: `job(output, step)`, where it stops after that step."""
    started = []

    def start(output: str, step: int = 0) -> subprocess.Popen:
        command = [fork_server.python(), "-c", JOB, str(Path(__file__).parent), str(tmp_path), output, str(step)]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=os.environ | fork_server.ENVIRONMENT, text=True, **pipes))
        started[-1].job_id = int(started[-1].stdout.readline())
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.__exit__(None, None, None)


def read_until(process, text: str) -> str:
    """What a process prints, up to the line that begins with a text."""
    lines = []
    while not lines or not lines[-1].startswith(text):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    return "".join(lines)


def test_a_job_beside_another_waits_for_it_and_trains_nothing(reference, job, tmp_path):
    first = job("first", 1)
    read_until(first, "step 1/")
    second = job("second")
    assert f"the same work is being done by pid {first.job_id} on " in read_until(second, "the same work")
    (rest, _), (then, _) = first.communicate(timeout=300), second.communicate(timeout=300)
    assert f"step {STEPS}/{STEPS}" in rest
    assert then.startswith("finished before: restored from ")
    assert "computing on" not in then
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
    assert (tmp_path / "second" / "adapter_model.safetensors").read_bytes() == weights(reference[0])


def test_a_job_beside_one_that_is_killed_goes_on_from_its_checkpoint(reference, job, tmp_path):
    first = job("first", EPOCH)
    read_until(first, f"step {EPOCH}/")
    second = job("second")
    read_until(second, "the same work")
    first.kill()
    then, _ = second.communicate(timeout=300)
    assert "going on from " in then
    assert f"step 1/{STEPS}" not in then
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "second" / "adapter_model.safetensors").read_bytes() == weights(reference[0])
