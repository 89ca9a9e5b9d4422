"""`mixtune doctor`: its report, and its exit status."""

import json
import os
from pathlib import Path

import pytest
import yaml

from mixtune.cli import main
from mixtune.runs import machine_checks
from tests.fixtures.checkpoints import write_checkpoint

ROOT = Path(__file__).resolve().parents[3]
CPU = {"device": "cpu", "dtype": "bfloat16", "why": "this CPU has bf16 instructions", "name": "a CPU", "count": 0,
       "memory": 0, "instructions": ["AMX"], "round_trip": 0.1}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the shipped config and an overlay whose matrix can run, on a machine with a CPU."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    (tmp_path / "own").mkdir()
    for split in ("train", "test"):
        (tmp_path / f"own/{split}.csv").write_text("text,entity1,entity2,relation\nAnn met Bo.,Ann,Bo,met\n")
    write_checkpoint(tmp_path / "model")
    overlay = {
        "models": {"mine": {"origin": "path", "path": "model"}},
        "matrix": {"models": ["mine"], "benchmarks": ["own"], "mixtures": ["mine"], "encoders": []},
        "benchmarks": {"own": {"origin": "path", "path": "own", "domain": "general"}},
        "mixtures": {"mine": {"benchmarks": ["own"], "balance": "natural", "max_rows": 9}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(overlay))
    monkeypatch.setattr(machine_checks, "run_probe", lambda: CPU)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return tmp_path


def test_a_matrix_that_can_run_ends_well_and_says_what_is_not_measured(project, capsys):
    main(["doctor", "--configfile", "mine.yaml"])
    output = capsys.readouterr().out
    assert "no problem found: the matrix can run" in output
    assert "not measured on this device: finetune of mine (0, 2 shots); predict of mine (0, 2 shots)" in output
    assert "results/predictions/mine/mine/0-shot/seed-42/manifest.json" in output
    assert "HF_TOKEN is set" in output
    assert "hf_secret" not in output


def test_a_matrix_that_cannot_run_ends_with_status_1(project, capsys):
    os.remove("own/train.csv")
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--configfile", "mine.yaml"])
    assert end.value.code == 1
    output = capsys.readouterr().out
    assert "the matrix cannot run as configured: benchmark own" in output
    assert "0 of 2 cells can be fine-tuned" in output


def test_targets_that_match_no_layer_are_found_before_the_queue(project, capsys):
    path = project / "model/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "phi3", "pad_token_id": 0}))
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--configfile", "mine.yaml"])
    assert end.value.code == 1
    report = " ".join(capsys.readouterr().out.split())
    assert "the matrix cannot run as configured: adapters of mine" in report
    assert "0 of 2 cells can be fine-tuned" in report


def test_a_model_that_cannot_be_used_is_refused_by_name(project, capsys):
    write_checkpoint(project / "model", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--configfile", "mine.yaml"])
    assert end.value.code == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "models.mine: stored in GPTQ 4 bit (config.json); mixtune quantises a base itself" in output
    assert "the matrix cannot run as configured: model mine" in output
    assert "0 of 2 cells can be fine-tuned" in output


def test_a_config_that_is_no_json_ends_in_no_traceback(project, capsys):
    (project / "model/config.json").write_text("{")
    with pytest.raises(SystemExit):
        main(["doctor", "--configfile", "mine.yaml"])
    assert "config.json: invalid JSON" in " ".join(capsys.readouterr().out.split())


def test_a_profile_names_the_overlay(project, capsys):
    (project / "profiles").mkdir()
    (project / "profiles/profile.yaml").write_text("configfile: mine.yaml\ncores: 2\n")
    main(["doctor", "--profile", "profiles"])
    assert "2 of 2 cells can be fine-tuned" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--configfile", "nowhere.yaml"], "nowhere.yaml not found"),
        (["--profile", "nowhere"], "profile.yaml not found"),
        (["--configfile", "broken.yaml"], "training.epoch: unknown key"),
        (["--configfile", "mine.yaml", "--configfile", "broken.yaml"], "mine.yaml would be ignored"),
        (["--profile", "own", "--configfile", "broken.yaml"], r"mine.yaml \(own/profile.yaml\) would be ignored"),
    ],
)
def test_a_wrong_config_is_reported_before_anything_is_checked(project, arguments, problem):
    (project / "broken.yaml").write_text("training: {epoch: 3}\n")
    (project / "own/profile.yaml").write_text("configfile: mine.yaml\n")
    with pytest.raises(SystemExit, match=problem):
        main(["doctor", *arguments])
