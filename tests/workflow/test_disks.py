"""Full and read-only disks: a job says which file and what to do, and nothing half-written passes for whole."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from tests.chaos.kills import half_written

CELL = "tiny/gentune/0-shot/seed-42"
PREDICTED = f"results/predictions/{CELL}/manifest.json"
# Rule, target, the folder that is on a small disk, and its bytes: less than the job writes.
SMALL = [
    ("prepare_benchmark", "results/benchmarks/gids/manifest.json", "results/benchmarks/gids", "16k"),
    ("build_mixture", "results/mixtures/gentune/manifest.json", "results/mixtures/gentune", "8k"),
    ("render_training", "results/rendered/tiny/training/gentune/0-shot/manifest.json", None, "8k"),
    ("finetune", f"results/adapters/{CELL}/manifest.json", "scratch", "64k"),
    ("finetune", f"results/adapters/{CELL}/manifest.json", f"results/adapters/{CELL}", "16k"),
    ("predict", PREDICTED, f"results/predictions/{CELL}", "32k"),
    ("score", f"results/scores/{CELL}.json", f"results/scores/{CELL}".rpartition("/")[0], "4k"),
    ("aggregate", "reports/README.md", "reports/tables", "8k"),
]


@contextmanager
def mounted(folder, *options: str):
    """Something mounted on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if run.returncode:
        pytest.skip(f"this user cannot mount: {run.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def log_of(project, rule) -> str:
    (path,) = [p for p in (project / "logs").rglob("*.log") if f"{rule}.log" in p.name or rule in p.parts]
    return path.read_text()


@pytest.mark.parametrize(("rule", "target", "folder", "size"), SMALL)
def test_a_full_disk_is_reported_and_leaves_nothing_half_written(project, whole_run, rule, target, folder, size):
    folder = project / (folder or os.path.dirname(target))
    shutil.rmtree(project / "logs")
    shutil.rmtree(folder)
    (project / target).unlink(missing_ok=True)
    with mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        output = project.snakemake(target, status=1).output
        log = log_of(project, rule)
        assert "Traceback" not in log
        path, _, rest = log.splitlines()[-1].removeprefix("error: ").partition(": ")
        assert (project / path).is_relative_to(folder)
        assert rest.startswith("No space left on device; free some space there, and start again: what is finished")
        assert log.splitlines()[-1] in output
        assert not half_written(project)
        assert not list(folder.rglob("*.part"))
    project.snakemake(target)
    assert not half_written(project)
    assert (project / target).read_bytes() == (whole_run[0] / target).read_bytes() or rule == "finetune"


@contextmanager
def read_only(folder):
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield


@pytest.mark.parametrize("name", ["results", "scratch"])
def test_a_read_only_folder_is_reported_before_anything_is_computed(project, name):
    (project / PREDICTED).unlink()
    with read_only(project / name):
        output = project.snakemake(PREDICTED, status=1).output
        assert f"{name}: Read-only file system; make it writable, or work in a folder that is, and start" in output
        assert "Traceback" not in output
        assert "Execute" not in output
        if name == "scratch":  # Snakemake itself plans nothing that it may not write
            assert project.planned(PREDICTED) == {"predict": 1}
    project.snakemake(PREDICTED)
    assert not half_written(project)


def test_a_job_says_that_a_folder_is_read_only(project):
    shutil.rmtree(project / "logs")
    shutil.rmtree(project / "scratch")
    (project / "scratch/predict").mkdir(parents=True)
    (project / PREDICTED).unlink()
    with read_only(project / "scratch/predict"):
        project.snakemake(PREDICTED, status=1)
        log = log_of(project, "predict")
        assert "Traceback" not in log
        assert "error: scratch/predict/" in log.splitlines()[-1]
        assert ": Read-only file system; make it writable" in log.splitlines()[-1]
