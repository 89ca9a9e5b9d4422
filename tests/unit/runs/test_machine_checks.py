"""The doctor: what it finds wrong, what it says to do, and how it ends."""

import copy
import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from mixtune.artifacts.manifests import write_json
from mixtune.cli import main
from mixtune.config.config import load
from mixtune.runs import machine_checks as diagnosis
from mixtune.runs import matrix_checks as diagnosis_matrix
from mixtune.runs.machine_checks import FAIL, OK, WARNING, Check

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CPU = {"device": "cpu", "dtype": "bfloat16", "why": "this CPU has bf16 instructions", "name": "a CPU", "count": 0,
       "memory": 0, "instructions": ["AMX"], "round_trip": 0.1}  # fmt: skip
CUDA = CPU | {"device": "cuda", "name": "a GPU", "count": 2, "memory": 2**36}


def configured(**changes):
    config = copy.deepcopy(SHIPPED)
    update_config(config, changes)
    return load(config)


# The machine


def test_the_probe_takes_weights_through_four_bits(monkeypatch):
    monkeypatch.setenv("MIXTUNE_DEVICE", "cpu")
    found = diagnosis.probed()
    assert (found["device"], found["count"]) == ("cpu", 0)
    assert 0.05 < found["round_trip"] < diagnosis.NF4_ERROR


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import time; time.sleep(60)", "did not answer in 2 s"),
        ("import os; os.abort()", "cannot be used"),
        ("raise ImportError('libcudart.so is missing')", "libcudart.so is missing"),
    ],
)
def test_a_torch_that_hangs_or_crashes_is_outlived(code, problem, tmp_path, monkeypatch):
    (tmp_path / "stand_in.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = diagnosis.device(diagnosis.probed(2, "stand_in"))
    assert check.state == FAIL
    assert problem in check.fact


def test_devices_are_counted_and_leased(monkeypatch, tmp_path):
    monkeypatch.setenv("MIXTUNE_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(diagnosis, "pool", lambda _: ["one", "two"])
    checks = list(diagnosis.device(CUDA))
    assert [check.what for check in checks] == ["device", "leases", "locks", "4 bits"]
    assert [check.state for check in checks] == [OK] * 4
    assert "a GPU, 2 device(s) with 64.0 GiB" in checks[0].fact
    assert "--resources gpu=2" in checks[1].fact
    monkeypatch.setattr(diagnosis, "pool", lambda _: [])
    assert [check.state for check in diagnosis.device(CUDA)] == [OK, FAIL, OK, OK]


def test_a_login_node_needs_no_device():
    problem = {"problem": "no CUDA device is visible"}
    assert [check.state for check in diagnosis.device(problem)] == [FAIL]
    (check,) = diagnosis.device(problem, elsewhere=True)
    assert check.state == WARNING
    assert "in a job there" in check.fact


def test_a_cpu_without_bf16_is_a_warning_and_bad_four_bits_fail():
    assert "(AMX)" in next(diagnosis.device(CPU)).fact
    slow = CPU | {"dtype": "float32", "why": "this CPU has no bf16 instructions", "instructions": []}
    assert [check.state for check in diagnosis.device(slow)] == [WARNING, OK]
    assert [check.state for check in diagnosis.device(CPU | {"round_trip": 0.9})] == [OK, FAIL]


def test_the_lock_folder_must_be_safe_to_share(tmp_path):
    folder = tmp_path / "locks"
    assert diagnosis.locks(folder).state == OK  # the first job makes it
    folder.mkdir(mode=0o755)
    assert "mode 1777" in diagnosis.locks(folder).fact
    folder.chmod(0o1777)
    assert diagnosis.locks(folder).state == OK
    (folder / "0.lock").symlink_to(tmp_path)
    assert diagnosis.locks(folder).state == FAIL
    assert stat.S_ISVTX & folder.stat().st_mode


def test_other_versions_than_the_locked_ones_are_told(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"numpy=={__import__('numpy').__version__}\nno-such-package==1.0\n")
    assert [check.state for check in diagnosis.packages(lock)] == [OK]
    lock.write_text("numpy==0.1\n")
    (check,) = diagnosis.packages(lock)
    assert check.state == WARNING
    assert "instead of 0.1" in check.fact


def test_disk_and_memory_are_compared_with_what_is_known(tmp_path):
    assert diagnosis.disk(tmp_path, 1).state == OK
    assert diagnosis.disk(tmp_path, 2**60).state == FAIL
    assert diagnosis.memory(0, 1).state == OK
    assert diagnosis.memory(2**20, 2).state == OK
    assert diagnosis.memory(2**50, 2).state == WARNING


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A PATH with stand-ins for Slurm's commands alone; its partitions are gpu and main."""
    for name, code in {"sbatch": "", "sinfo": "print('gpu')\nprint('main')\n"}.items():
        (tmp_path / name).write_text(f"#!{sys.executable}\n{code}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def profile(partition="gpu"):
    return {"executor": "slurm", "set-resources": {"finetune": {"slurm_partition": partition}}}


def test_a_clusters_partitions_are_compared_with_the_profiles(cluster):
    assert [check.state for check in diagnosis.slurm(profile())] == [OK]
    (check,) = diagnosis.slurm(profile("gpus"))
    assert check.state == FAIL
    assert "no partition gpus; known: gpu, main" in check.fact
    assert list(diagnosis.slurm({"cores": 2})) == []


def test_a_machine_without_slurm_is_told_apart_from_a_broken_one(cluster):
    (cluster / "sinfo").write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    assert "sinfo fails" in next(diagnosis.slurm(profile())).fact
    (cluster / "sbatch").unlink()
    assert "sbatch is not on PATH" in next(diagnosis.slurm(profile())).fact


# The matrix


@pytest.fixture
def benchmark(tmp_path):
    """The folder of a benchmark of one's own with a train and a test split."""
    folder = tmp_path / "own"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_text("text,entity1,entity2,relation\nAnn met Bo.,Ann,Bo,met\n")
    return folder


def own(folder, **fields):
    entry = {"origin": "path", "path": str(folder), "domain": "general"} | fields
    return configured(
        benchmarks={"own": entry},
        matrix={"benchmarks": ["own"], "mixtures": ["mine"]},
        mixtures={"mine": {"benchmarks": ["own"], "balance": "natural", "max_rows": 9}},
    )


def test_a_benchmarks_first_rows_are_read(benchmark, tmp_path):
    (check,) = diagnosis_matrix.benchmarks(own(benchmark), tmp_path)
    assert check.state == OK
    assert "train, test; validation carved from train" in check.fact


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda folder: (folder / "train.csv").unlink(), "train"),
        (lambda folder: (folder / "test.csv").write_text("text,entity1,entity2\nx,y,z\n"), "relation"),
        (lambda folder: folder.rename(folder.with_name("gone")), "no such folder"),
    ],
)
def test_missing_and_broken_files_of_a_benchmark_are_named(benchmark, tmp_path, harm, problem):
    harm(benchmark)
    (check,) = diagnosis_matrix.benchmarks(own(benchmark), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"own"})
    assert problem in check.fact


def test_a_named_file_is_read_and_a_missing_one_is_not_carved(benchmark, tmp_path):
    (benchmark / "test.csv").rename(benchmark / "mine.csv")
    (check,) = diagnosis_matrix.benchmarks(own(benchmark, files={"test": "mine.csv"}), tmp_path)
    assert check.state == OK
    assert "train, test; validation carved from train" in check.fact
    (check,) = diagnosis_matrix.benchmarks(own(benchmark, files={"test": "gone.csv"}), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"own"})
    assert check.fact.endswith("gone.csv: file not found; correct benchmarks.own.files.test")


def test_a_missing_label_map_is_named(benchmark, tmp_path):
    (check,) = diagnosis_matrix.benchmarks(own(benchmark, label_map="nowhere.csv"), tmp_path)
    assert "nowhere.csv" in check.fact
    assert check.state == FAIL


def test_a_missing_tacred_says_where_it_is_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (check,) = diagnosis_matrix.benchmarks(configured(), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"tacred"})
    assert "LDC2018T24" in check.fact


def test_samples_are_one_warning(tmp_path):
    samples = {name: {"origin": "sample"} for name in SHIPPED["benchmarks"]}
    (check,) = diagnosis_matrix.benchmarks(configured(benchmarks=samples), tmp_path)
    assert check.state == WARNING
    assert "say nothing about the benchmarks" in check.fact


def test_a_local_model_must_be_whole(tmp_path):
    name = SHIPPED["matrix"]["models"][0]
    config = configured(models={name: {"origin": "path", "path": str(tmp_path / "model")}}, matrix={"models": [name]})
    assert next(diagnosis_matrix.models(config, tmp_path)).state == FAIL
    (tmp_path / "model").mkdir()
    (check,) = diagnosis_matrix.models(config, tmp_path)
    assert (check.state, check.models) == (FAIL, {name})
    assert "*.safetensors, config.json, tokenizer*" in check.fact
    for file in ("model.safetensors", "config.json", "tokenizer.json"):
        (tmp_path / "model" / file).touch()
    assert next(diagnosis_matrix.models(config, tmp_path)).state == OK


def test_a_missing_key_is_named_and_none_is_shown(monkeypatch):
    entry = {"base_url": "http://localhost/v1", "model": "m", "price": {"input": 0, "output": 0}, "spending_limit": 0}
    entries = {"keyless": entry | {"key_variable": None}, "big": entry | {"key_variable": "BIG_KEY"}}
    config = configured(matrix={"frontier": ["keyless", "big"]}, frontier=entries)
    for key, state, fact in (
        ("", FAIL, "not set: put its key there, or correct frontier.big.key_"),
        ("s3cret", OK, "set"),
    ):
        monkeypatch.setenv("BIG_KEY", key)
        keyless, big = diagnosis_matrix.frontier(config)
        assert (keyless.state, big.state, big.what) == (OK, state, "frontier big")
        assert f"BIG_KEY is {fact}" in big.fact
        assert "s3cret" not in big.fact
    assert not list(diagnosis_matrix.frontier(configured(matrix={"frontier": []})))


def test_what_is_fetched_needs_no_hub(tmp_path):
    config = configured()
    wanted = diagnosis_matrix.to_fetch(config, tmp_path)
    assert len(wanted) == 5 + 8
    assert wanted["models.SmolLM3-3B"] == ("model", "HuggingFaceTB/SmolLM3-3B")
    assert wanted["benchmarks.gids"] == ("dataset", "Despina/gids")
    write_json(tmp_path / "models/SmolLM3-3B/manifest.json", {})
    write_json(tmp_path / "fetched/gids/manifest.json", {})
    assert len(diagnosis_matrix.to_fetch(config, tmp_path)) == 4 + 7
    assert [check.what for check in diagnosis_matrix.models(config, tmp_path)] == ["model SmolLM3-3B"]


WANTED = {"models.Llama-3.2-3B-Instruct": ("model", "meta-llama/x"), "benchmarks.gids": ("dataset", "a/gids")}


def test_an_unreachable_hub_blocks_what_is_to_be_fetched(monkeypatch):
    monkeypatch.setattr(diagnosis_matrix, "unreachable", lambda: "it does not answer")
    (check,) = diagnosis_matrix.hub(WANTED)
    assert (check.state, check.models, check.benchmarks) == (FAIL, {"Llama-3.2-3B-Instruct"}, {"gids"})
    assert [check.state for check in diagnosis_matrix.hub({})] == [OK]


def test_a_switched_off_hub_is_not_asked(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in diagnosis_matrix.unreachable()


def test_a_gated_model_says_what_to_do(monkeypatch):
    monkeypatch.setattr(diagnosis_matrix, "unreachable", lambda: None)
    answers = {"meta-llama/x": (FAIL, "meta-llama/x is gated"), "a/gids": (OK, "a/gids can be fetched")}
    monkeypatch.setattr(diagnosis_matrix, "access", lambda id, kind: answers[id])
    reachable, gated, open_ = diagnosis_matrix.hub(WANTED)
    assert (reachable.state, gated.state, open_.state) == (OK, FAIL, OK)
    assert (gated.what, gated.models) == ("model Llama-3.2-3B-Instruct", {"Llama-3.2-3B-Instruct"})
    assert open_.benchmarks == frozenset()


@pytest.mark.parametrize(
    ("error", "state", "fact"),
    [
        ("GatedRepoError", FAIL, "accept its licence"),
        ("RepositoryNotFoundError", FAIL, "correct its id"),
        ("HfHubHTTPError", WARNING, "does not say"),
        (None, OK, "can be fetched"),
    ],
)
def test_what_the_hub_answers_is_told_in_our_words(error, state, fact, monkeypatch):
    import huggingface_hub
    from huggingface_hub import errors

    def auth_check(self, id, repo_type):
        if error:
            kind = getattr(errors, error)
            raise kind.__new__(kind)  # its constructor wants an answer of the hub

    monkeypatch.setattr(huggingface_hub.HfApi, "auth_check", auth_check)
    found = diagnosis_matrix.access("a/b", "model")
    assert found[0] == state
    assert fact in found[1]


def test_what_works_in_spite_of_what_is_missing():
    config = configured(matrix={"untuned": True})
    assert diagnosis_matrix.usable(config, []) == "30 of 30 cells can be tuned, 40 of 40 systems evaluated"
    gated = Check(FAIL, "model", "", models=frozenset(["Llama-3.2-3B-Instruct"]))
    assert "24 of 30 cells can be tuned, 32 of 40 systems" in diagnosis_matrix.usable(config, [gated])
    lost = Check(FAIL, "benchmark", "", benchmarks=frozenset(["tacred"]))
    told = diagnosis_matrix.usable(config, [lost, Check(FAIL, "device", "")])
    assert "10 of 30 cells can be tuned, 0 of 40 systems evaluated" in told  # LitTune needs no TACRED
    assert "without tacred" in told
    assert told.startswith("apart from device: ")


# The command


@pytest.fixture
def project(tmp_path, monkeypatch, benchmark):
    """A folder with the shipped config and an overlay whose matrix can run, on a machine with a CPU."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    (tmp_path / "model").mkdir()
    for file in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "model" / file).touch()
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_hidden_layers": 3}
    (tmp_path / "model/config.json").write_text(json.dumps(shape))
    overlay = {
        "models": {"mine": {"origin": "path", "path": "model"}},
        "matrix": {"models": ["mine"], "benchmarks": ["own"], "mixtures": ["mine"]},
        "benchmarks": {"own": {"origin": "path", "path": "own", "domain": "general"}},
        "mixtures": {"mine": {"benchmarks": ["own"], "balance": "natural", "max_rows": 9}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(overlay))
    monkeypatch.setattr(diagnosis, "probed", lambda: CPU)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return tmp_path


def test_a_matrix_that_can_run_ends_well_and_says_what_is_not_measured(project, capsys):
    main(["doctor", "--configfile", "mine.yaml"])
    told = capsys.readouterr().out
    assert "nothing stands in the way" in told
    assert "not measured on this device: finetune of mine (0, 2 shots); predict of mine (0, 2 shots)" in told
    assert "results/predictions/mine/mine/0-shot/seed-42/manifest.json" in told
    assert "HF_TOKEN is set" in told
    assert "hf_secret" not in told


def test_a_matrix_that_cannot_run_ends_with_status_1(project, capsys):
    os.remove("own/train.csv")
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--configfile", "mine.yaml"])
    assert end.value.code == 1
    told = capsys.readouterr().out
    assert "the matrix cannot run as configured: benchmark own" in told
    assert "0 of 2 cells can be tuned" in told


def test_a_profile_names_the_overlay(project, capsys):
    (project / "profiles").mkdir()
    (project / "profiles/profile.yaml").write_text("configfile: mine.yaml\ncores: 2\n")
    main(["doctor", "--profile", "profiles"])
    assert "2 of 2 cells can be tuned" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--configfile", "nowhere.yaml"], "nowhere.yaml not found"),
        (["--profile", "nowhere"], "holds no profile.yaml"),
        (["--configfile", "broken.yaml"], "training.epoch: unknown key"),
    ],
)
def test_a_wrong_config_is_told_before_anything_is_checked(project, arguments, problem):
    (project / "broken.yaml").write_text("training: {epoch: 3}\n")
    with pytest.raises(SystemExit, match=problem):
        main(["doctor", *arguments])
