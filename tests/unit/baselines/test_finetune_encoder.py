"""Fine-tuning of encoders as a job: restored, resumed after a kill, and done anew for what changes it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from mixtune.artifacts.manifests import is_complete, read_json
from mixtune.baselines import finetune_encoder as tuning
from mixtune.errors import UserError
from tests import fork_server
from tests.unit.baselines.encoders import LABELS, SETTINGS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def test_a_killed_process_is_resumed_by_another(model, benchmark, job, tmp_path):
    """In truth: the kernel ends it between two checkpoints, and the job is started again."""
    script = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import tests.unit.baselines.encoders as t\n"
        "from mixtune.baselines.finetune_encoder import finetune_encoder\n"
        "t.torch.set_num_threads(1); t.tune.__kwdefaults__['checkpoint_seconds'] = 0.0\n"
        "settings, (model, benchmark, *manifests, scratch) = "
        "t.FinetuneEncoderSettings(**t.SETTINGS), map(Path, sys.argv[2:])\n"
        "with t.ending(7, end=lambda: os.kill(os.getpid(), signal.SIGKILL)):\n"
        "    finetune_encoder(settings, model, {'toy': benchmark}, manifests, device=t.FLOAT32, scratch=scratch)\n"
    )
    paths = [model, job.benchmark, tmp_path / "output/toy/seed-1/manifest.json", tmp_path / "scratch"]
    command = [fork_server.python(), "-c", script, str(ROOT), *map(str, paths)]
    ended = subprocess.run(command, env=os.environ | fork_server.ENVIRONMENT, capture_output=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    [checkpoints] = (tmp_path / "scratch").glob("finetune_encoder/*/checkpoints")
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-5", "checkpoint-6"]
    folder = job()
    assert not checkpoints.exists()
    shutil.rmtree(tmp_path / "scratch")
    again = job("again")
    for name in ("model.safetensors", "classifier.safetensors", "training_log.csv"):
        assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_a_tuned_encoder_is_weights_a_tokenizer_and_a_card(job, model):
    folder = job()
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "classifier.safetensors", "tokenizer.json"} <= files
    assert {"training_log.csv", "run_card.json"} <= files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth"))]
    assert is_complete(folder / "manifest.json")
    card = read_json(folder / "run_card.json")
    assert (card["encoder"], card["benchmark"], card["labels"]) == ("tiny/roberta", "toy", LABELS)
    assert card["settings"] == SETTINGS
    counts = {"rows": 18, "mentions appended": 0, "text cut": 0, "label outside the inventory": 0}
    assert card["rendered"] == {"train": counts}
    assert str(model.parent) not in "".join(
        path.read_text()
        for path in folder.glob("*.json")
        if path.name != "run_card.json"  # which records its inputs
    )


def test_what_cannot_be_marked_or_learnt_is_counted(job, rows, benchmark, make_example):
    odd = [
        make_example(90, "Ada was there.", "Ada", "Eve", relation="lives", id="toy/train/90"),
        make_example(91, "Ada " + "was " * 40 + "at X.", "Ada", "X", relation="works", id="toy/train/91"),
        make_example(92, "Ada at X.", "Ada", "X", relation="other", id="toy/train/92"),
    ]
    benchmark(train=rows(18) + odd)
    card = read_json(job() / "run_card.json")
    counts = {"rows": 20, "mentions appended": 1, "text cut": 1, "label outside the inventory": 1}
    assert card["rendered"]["train"] == counts
    assert (card["examples"], card["labels"]) == (20, LABELS)


def test_a_benchmark_without_a_label_of_its_inventory_is_refused(job, benchmark, make_example):
    benchmark(train=[make_example(0, "Ada at X.", "Ada", "X", relation="other")])
    with pytest.raises(UserError, match=r"no train row has a label of the inventory; see .*audit\.json"):
        job()


def test_the_cap_draws_rows(job):
    card = read_json(job(max_rows=7) / "run_card.json")
    assert card["examples"] == card["rendered"]["train"]["rows"] == 7


def refuse(*_, **__):
    raise AssertionError("computed again")


@pytest.mark.parametrize(
    "changed", [{"learning_rate": 0.02}, {"seed": 2}, {"max_length": 48}, {"max_rows": 9}, {"code": "another"}], ids=str
)
def test_a_changed_setting_tunes_anew(job, monkeypatch, changed):
    job()
    monkeypatch.setattr(tuning, "tune", refuse)
    with pytest.raises(AssertionError, match="computed again"):
        job(**changed)


def test_other_train_rows_tune_anew(job, benchmark, rows, monkeypatch):
    job()
    monkeypatch.setattr(tuning, "tune", refuse)
    benchmark(train=rows(17))
    with pytest.raises(AssertionError, match="computed again"):
        job()
