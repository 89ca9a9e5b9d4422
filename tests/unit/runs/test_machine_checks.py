"""Checks of the machine: problems and their remedies."""

import stat
import sys

import pytest

from mixtune.runs import machine_checks
from mixtune.runs.machine_checks import FAIL, OK, WARNING

CPU = {"device": "cpu", "dtype": "bfloat16", "why": "this CPU has bf16 instructions", "name": "a CPU", "count": 0,
       "memory": 0, "instructions": ["AMX"], "round_trip": 0.1}  # fmt: skip
CUDA = CPU | {"device": "cuda", "name": "a GPU", "count": 2, "memory": 2**36}


def test_the_probe_takes_weights_through_four_bits(monkeypatch):
    monkeypatch.setenv("MIXTUNE_DEVICE", "cpu")
    found = machine_checks.run_probe()
    assert (found["device"], found["count"]) == ("cpu", 0)
    assert 0.05 < found["round_trip"] < machine_checks.NF4_ERROR


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import time; time.sleep(60)", "did not respond in 2 s"),
        ("import os; os.abort()", "cannot be used"),
        ("raise ImportError('libcudart.so is missing')", "libcudart.so is missing"),
    ],
)
def test_a_torch_that_hangs_or_crashes_is_outlived(code, problem, tmp_path, monkeypatch):
    (tmp_path / "fake_probe.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = machine_checks.check_device(machine_checks.run_probe(2, "fake_probe"))
    assert check.state == FAIL
    assert problem in check.fact


def test_devices_are_counted_and_leased(monkeypatch, tmp_path):
    monkeypatch.setenv("MIXTUNE_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(machine_checks, "pool", lambda _: ["one", "two"])
    checks = list(machine_checks.check_device(CUDA))
    assert [check.subject for check in checks] == ["device", "leases", "locks", "4 bits"]
    assert [check.state for check in checks] == [OK] * 4
    assert "a GPU, 2 device(s) with 64.0 GiB" in checks[0].fact
    assert "--resources gpu=2" in checks[1].fact
    monkeypatch.setattr(machine_checks, "pool", lambda _: [])
    assert [check.state for check in machine_checks.check_device(CUDA)] == [OK, FAIL, OK, OK]


def test_a_login_node_needs_no_device():
    problem = {"problem": "no CUDA device is visible"}
    assert [check.state for check in machine_checks.check_device(problem)] == [FAIL]
    (check,) = machine_checks.check_device(problem, elsewhere=True)
    assert check.state == WARNING
    assert "in a job there" in check.fact


def test_a_cpu_without_bf16_is_a_warning_and_bad_four_bits_fail():
    assert "(AMX)" in next(machine_checks.check_device(CPU)).fact
    slow = CPU | {"dtype": "float32", "why": "this CPU has no bf16 instructions", "instructions": []}
    assert [check.state for check in machine_checks.check_device(slow)] == [WARNING, OK]
    assert [check.state for check in machine_checks.check_device(CPU | {"round_trip": 0.9})] == [OK, FAIL]


def test_the_lock_folder_must_be_safe_to_share(tmp_path):
    folder = tmp_path / "locks"
    assert machine_checks.check_lock_folder(folder).state == OK  # the first job makes it
    folder.mkdir(mode=0o755)
    assert "mode 1777" in machine_checks.check_lock_folder(folder).fact
    folder.chmod(0o1777)
    assert machine_checks.check_lock_folder(folder).state == OK
    (folder / "0.lock").symlink_to(tmp_path)
    assert machine_checks.check_lock_folder(folder).state == FAIL
    assert stat.S_ISVTX & folder.stat().st_mode


def test_other_versions_than_the_locked_ones_are_reported(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"numpy=={__import__('numpy').__version__}\nno-such-package==1.0\n")
    assert [check.state for check in machine_checks.check_packages(lock)] == [OK]
    lock.write_text("numpy==0.1\n")
    (check,) = machine_checks.check_packages(lock)
    assert check.state == WARNING
    assert "instead of 0.1" in check.fact


def test_disk_and_memory_are_compared_with_what_is_known(tmp_path):
    assert machine_checks.check_disk(tmp_path, 1).state == OK
    assert machine_checks.check_disk(tmp_path, 2**60).state == FAIL
    assert machine_checks.check_memory(0, 1).state == OK
    assert machine_checks.check_memory(2**20, 2).state == OK
    assert machine_checks.check_memory(2**50, 2).state == WARNING


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
    assert [check.state for check in machine_checks.check_slurm(profile())] == [OK]
    (check,) = machine_checks.check_slurm(profile("gpus"))
    assert check.state == FAIL
    assert "unknown partition gpus; known: gpu, main" in check.fact
    assert list(machine_checks.check_slurm({"cores": 2})) == []


def test_a_machine_without_slurm_is_distinguished_from_a_broken_one(cluster):
    (cluster / "sinfo").write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    assert "sinfo fails" in next(machine_checks.check_slurm(profile())).fact
    (cluster / "sbatch").unlink()
    assert "sbatch is not on PATH" in next(machine_checks.check_slurm(profile())).fact
