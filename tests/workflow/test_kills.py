"""A run of Snakemake that is killed while a job goes on: what the next one says, and that nothing is done twice."""

import contextlib
import os
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from mixtune.artifacts.locks import is_held

CELL = "tiny/gentune/0-shot/seed-42"
TARGET = f"results/adapters/{CELL}/manifest.json"
SNAKEMAKES_OWN = "Directory cannot be locked"


def wait_for(condition, seconds: float = 300):
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def finetune_jobs(project) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"], ad_value=None):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(project.folder.resolve()) and "workflow.scripts.finetune" in words:
            found.append(process)
    return found


@pytest.fixture(scope="module")
def story(whole_run, tmp_path_factory):
    """What snakemake prints during a living run, after its kill, and when it goes on while the orphan runs."""
    project = whole_run[0].copy(tmp_path_factory.mktemp("killed") / "project")
    shutil.rmtree(project / f"results/adapters/{CELL}")
    shutil.rmtree(project / "scratch")
    log = project / f"logs/finetune/{CELL}.log"
    outputs = {"log": log, "project": project}
    first = second = None
    try:
        first = project.start(TARGET, detached=True)
        wait_for(lambda: [lock for lock in Path(project / "scratch").glob("finetune/*/lock") if is_held(lock)])
        (orphan,) = finetune_jobs(project)
        orphan.suspend()
        outputs["during"] = project.snakemake(TARGET, status=1).output
        first.kill()
        first.wait()
        outputs["killed"] = project.snakemake(TARGET, status=1).output
        outputs["again"] = project.snakemake(TARGET, status=1).output
        outputs["planned"] = project.snakemake(TARGET, "-n").output
        outputs["unlocked"] = project.snakemake("--unlock").output
        second = project.start(TARGET, detached=True)
        wait_for(lambda: log.is_file() and "is already running this job" in log.read_text())
        assert orphan.is_running()
        orphan.resume()
        assert second.wait(300) == 0
        outputs["first"], outputs["orphan"] = first.pid, orphan.pid
    finally:
        for process in (first, second):
            if process:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return outputs


def test_a_second_run_names_the_first(story):
    assert re.search(rf"^mixtune: another snakemake runs in this folder: pid {story['first']} ", story["during"], re.M)
    assert "--unlock" not in story["during"].partition(SNAKEMAKES_OWN)[0]


def test_a_run_after_a_kill_names_what_lives_and_what_to_type(story):
    for text in (story["killed"], story["again"]):  # nothing has removed the lock
        ours, found, _ = text.partition(SNAKEMAKES_OWN)
        assert found
        assert f"has left a lock on this folder: pid {story['first']} on " in ours
        assert ours.count("mixtune: ") == 1  # said by one process alone
        assert re.search(rf"^      pid {story['orphan']} since \S+: finetune, {TARGET}$", ours, re.M)
        assert re.search(r"^      snakemake --unlock$", ours, re.M)


def test_a_plan_and_an_unlock_print_no_notice(story):
    assert "mixtune: " not in story["planned"]
    assert story["unlocked"].count("mixtune: ") == 0
    assert "Unlocked working directory" in story["unlocked"]


def test_a_job_waits_for_an_orphan_and_trains_nothing(story, whole_run):
    text = story["log"].read_text()
    assert re.search(rf"pid {story['orphan']} on .* is already running this job; waiting for it to finish", text)
    assert "finished before: restored from" in text
    for name in ("adapter_model.safetensors", "adapter_config.json", "training_log.csv"):
        path = f"results/adapters/{CELL}/{name}"
        assert (story["project"] / path).read_bytes() == (whole_run[0] / path).read_bytes()


def test_afterwards_nothing_is_locked(story):
    assert "Nothing to be done" in story["project"].snakemake(TARGET).output
