"""The fine-tuning job of a cell: finished work is restored, interrupted work resumed, equal work done once."""

import itertools
import json
import os
import subprocess
from types import SimpleNamespace

import pytest
import torch

from mixtune.artifacts.manifests import file_sha256, is_complete, read_json, write_manifest
from mixtune.errors import UserError
from mixtune.prompts.files import Rendered, write_rendered
from mixtune.training import finetune as job_module
from mixtune.training import meter as metering
from mixtune.training import trainer as training
from mixtune.training.finetune import finetune
from mixtune.training.settings import FinetuneSettings
from tests import fork_server
from tests.fixtures.models import fetch_folder
from tests.unit.training.tuning import (
    EPOCH,
    FLOAT32,
    SETTINGS,
    STEPS,
    TRAIN,
    VALIDATION,
    ending,
    flip,
    tune,
    weights,
)

# What finetune.smk declares as output.
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
    """Runs `finetune`: `cell(output="output", **changed)` returns the output's folder."""
    model = tmp_path / "model" / "manifest.json"
    fetch_folder(base, model, "someone/tiny")
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
        finetune(
            FinetuneSettings(**SETTINGS | {"code": "the code's hash"} | changed),
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

    return lambda: monkeypatch.setattr(job_module, "tune", refuse)


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_cell_leaves_an_adapter_a_tokenizer_and_a_card(base, reference, cell):
    folder = cell()
    assert {path.name for path in folder.iterdir()} >= OUTPUTS
    assert "README.md" not in {path.name for path in folder.iterdir()}
    assert is_complete(folder / "manifest.json")
    assert set(read_json(folder / "manifest.json")["files"]) == {p.name for p in folder.iterdir()} - {"manifest.json"}
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(reference[0])
    card = read_json(folder / "run_card.json")
    assert (card["base_model"], card["template_hash"]) == ("someone/tiny", "a template's hash")
    assert card["settings"] == SETTINGS | {"code": "the code's hash"}
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
    assert "resuming from" not in capsys.readouterr().out
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
    assert "resuming from" in capsys.readouterr().out
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(reference[0])


def test_what_an_interrupted_cell_took_is_recorded_as_a_whole(cell, monkeypatch):
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


def test_the_run_card_of_a_cell_records_costs_and_location(cell):
    card = read_json(cell() / "run_card.json")
    assert (card["examples_seen"], card["interruptions"], card["seeds"]) == (36, 0, {"training": 1})
    working = card["seconds"] - card["loading_seconds"]
    assert card["examples_per_second"] == pytest.approx(36 / working, rel=0.2)
    assert (cell.scratch / card["scratch"] / "adapter" / "run_card.json").is_file()
    assert read_json(cell.scratch / card["scratch"] / "job.json")["result"].endswith("output/manifest.json")
    assert len(card["inputs"]) == 2


# A job as a process of its own, which prints its id, and stops after a step until its input is closed.
JOB = """
import os
import sys
from pathlib import Path

import torch

from mixtune.training.finetune import finetune
from mixtune.training.settings import FinetuneSettings
from tests.unit.training import tuning as t

print(os.getpid(), flush=True)
torch.set_num_threads(1)
on_log = t.training.Progress.on_log


def stop(self, args, state, *more, **options):
    on_log(self, args, state, *more, **options)
    if state.global_step == int(sys.argv[3]):
        sys.stdin.read()


t.training.Progress.on_log = stop
finetune(
    FinetuneSettings(**t.SETTINGS | {"code": "the code's hash"}),
    *(Path(sys.argv[1], name, "manifest.json") for name in ("model", "rendered", sys.argv[2])),
    device=t.FLOAT32,
    micro_tokens=60,
    scratch=Path(sys.argv[1], "scratch"),
)
"""


@pytest.fixture
def job(cell, tmp_path):
    """Starts `finetune` as a process: `job(output, step)`, where it stops after that step."""
    started = []

    def start(output: str, step: int = 0) -> subprocess.Popen:
        command = [fork_server.python(), "-c", JOB, str(tmp_path), output, str(step)]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=os.environ | fork_server.ENVIRONMENT, text=True, **pipes))
        started[-1].job_id = int(started[-1].stdout.readline())
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.__exit__(None, None, None)


def read_until(process, text: str) -> str:
    """What a process prints, up to the line with a text."""
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    return "".join(lines)


def test_a_job_next_to_another_waits_for_it_and_trains_nothing(reference, job, tmp_path):
    first = job("first", 1)
    read_until(first, "step 1/")
    second = job("second")
    waiting = read_until(second, "is already running this job")
    assert f"pid {first.job_id} on " in waiting
    assert "waiting for it to finish" in waiting
    (rest, _), (then, _) = first.communicate(timeout=300), second.communicate(timeout=300)
    assert f"step {STEPS}/{STEPS}" in rest
    assert then.startswith("finished before: restored from ")
    assert "computing on" not in then
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
    assert (tmp_path / "second" / "adapter_model.safetensors").read_bytes() == weights(reference[0])


def test_a_job_next_to_one_that_is_killed_goes_on_from_its_checkpoint(reference, job, tmp_path):
    first = job("first", EPOCH)
    read_until(first, f"step {EPOCH}/")
    second = job("second")
    read_until(second, "is already running this job")
    first.kill()
    then, _ = second.communicate(timeout=300)
    assert "resuming from " in then
    assert f"step 1/{STEPS}" not in then
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "second" / "adapter_model.safetensors").read_bytes() == weights(reference[0])
