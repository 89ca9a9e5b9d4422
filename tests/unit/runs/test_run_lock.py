"""The report on a lock of Snakemake's: whose it is, what still runs, and what to type."""

import os
import re
import subprocess
import sys

import pytest

from mixtune.artifacts import locks
from mixtune.errors import UserError
from mixtune.runs import run_lock

# Looks like a job of the workflow to whoever reads the list of processes.
JOB = "import sys; print('runs', flush=True); sys.stdin.read()"
RECORD = "from mixtune.runs import run_lock; run_lock.record(); print('runs', flush=True); import sys; sys.stdin.read()"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, which a run of Snakemake has locked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("results/file\n")
    return tmp_path


@pytest.fixture
def start():
    """Starts processes that say `runs` and stay."""
    started = []

    def start(*command: str) -> subprocess.Popen:
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen([sys.executable, "-c", *command], text=True, **pipes))
        assert started[-1].stdout.readline() == "runs\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.__exit__(None, None, None)


def killed_run(start) -> str:
    """Let a run record itself and be killed; returns its pid."""
    run = start(RECORD)
    run.kill()
    run.wait()
    return str(run.pid)


def test_without_a_lock_nothing_is_reported(folder, capsys):
    (folder / ".snakemake" / "locks" / "0.output.lock").unlink()
    assert run_lock.report() is None
    (folder / ".snakemake" / "locks").rmdir()
    assert run_lock.report() is None
    run_lock.check()
    assert capsys.readouterr() == ("", "")


def test_a_live_run_is_reported(folder, start):
    run = start(RECORD)
    text = run_lock.report()
    assert re.search(rf"another snakemake runs in this folder: pid {run.pid} on \S+ since \d{{4}}-", text)
    assert "kill PID" in text
    assert "--unlock" not in text


def test_a_killed_run_is_reported_with_what_to_type(folder, start):
    pid = killed_run(start)
    text = run_lock.report()
    left = rf"^mixtune: a snakemake that was killed has left a lock on this folder: pid {pid} on \S+ since \S+\.$"
    assert re.match(left, text.splitlines()[0])
    assert text.splitlines()[1] == "  It has ended, and none of its jobs runs on this machine."
    assert text.endswith("snakemake --unlock\n  and then the same command again.")
    assert "squeue" not in text
    assert (folder / ".snakemake" / "locks" / "0.output.lock").exists()


def test_its_live_jobs_are_reported(folder, start):
    pid = killed_run(start)
    job = start(JOB, "-m", "workflow.scripts.finetune", "--manifest", "results/adapters/x/manifest.json")
    text = run_lock.report()
    first, second, third, *_ = text.splitlines()
    assert f" a lock on this folder: pid {pid} on " in first
    assert second == "  It has ended, but these jobs are still running:"
    assert re.fullmatch(rf"      pid {job.pid} since \S+: finetune, results/adapters/x/manifest\.json", third)
    assert text.endswith("snakemake --unlock\n  and then the same command again.")


def test_processes_of_other_folders_are_not_reported(folder, start, monkeypatch):
    killed_run(start)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    start(JOB, "-m", "workflow.scripts.finetune")
    monkeypatch.chdir(folder)
    assert "none of its jobs runs on this machine" in run_lock.report()


def test_an_older_record_is_not_that_of_the_lock(folder, start):
    killed_run(start)
    os.utime(run_lock.RUN, (0, 0))
    assert "has left a lock on this folder: an unknown process.\n" in run_lock.report()


def test_of_another_machine_it_says_that_only_that_one_knows(folder, start, monkeypatch):
    pid = killed_run(start)
    monkeypatch.setattr(run_lock.socket, "gethostname", lambda: "another")
    text = run_lock.report()
    assert re.search(
        rf"lock on this folder: pid {pid} on (\S+) since .*\n  It ran on \1: .* can be checked only there", text
    )
    assert "It has ended" not in text


def test_on_a_cluster_it_says_how_jobs_are_listed(folder, start):
    killed_run(start)
    (folder / "squeue").write_text("#!/bin/sh\n")
    (folder / "squeue").chmod(0o755)
    assert "squeue --me --format '%i %T %k %Z' | grep -F \"$PWD\"" in run_lock.report()


@pytest.mark.parametrize("word", ["-n", "--dry-run", "--unlock"])
def test_a_command_that_starts_nothing_is_not_warned(folder, monkeypatch, capsys, word):
    monkeypatch.setattr(sys, "argv", ["snakemake", word])
    run_lock.check()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "2"])
    run_lock.check()
    assert capsys.readouterr().err == f"{run_lock.report()}\n"


def test_a_second_run_next_to_the_first_keeps_its_record(folder, start):
    run = start(RECORD)
    start(RECORD)
    assert locks.signature(run_lock.RUN).startswith(f"pid {run.pid} on ")


def test_a_folder_that_this_user_may_not_write_into_is_refused(folder, monkeypatch):
    (folder / "scratch").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != "scratch")
    with pytest.raises(UserError, match=r"^scratch: Permission denied; check its owner with `ls -l`"):
        run_lock.check()
