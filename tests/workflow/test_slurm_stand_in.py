"""profiles/slurm through the real executor plugin; stand-ins for Slurm's commands record and run what they get."""

import json
import os
import re
import shutil
import sys

import pytest

from tests import fork_server

CELL = "tiny/gentune/0-shot/seed-42"

# Submits by running: the job has ended when sbatch has, in the state that squeue then prints.
SBATCH = """\
number = str(len(list(HERE.glob("job-*"))) + 1)
(HERE / f"job-{number}").write_text("RUNNING")
wrapped = next(word.removeprefix("--wrap=") for word in sys.argv if word.startswith("--wrap="))
wrapped = wrapped.replace(sys.executable, "python")  # a fork: tests/cluster runs the real ones
environment = os.environ | {"SLURM_JOB_ID": number}
with open(sys.argv[sys.argv.index("--output") + 1].replace("%j", number), "w") as log:
    status = subprocess.run(["bash", "-c", wrapped], env=environment, stdout=log, stderr=log).returncode
(HERE / f"job-{number}").write_text("FAILED" if status else "COMPLETED")
print(number)
"""
COMMANDS = {
    "sbatch": SBATCH,
    "srun": """\
command = [word for word in itertools.dropwhile(lambda word: word.startswith("-"), sys.argv[1:])]
os.execvpe(command[0], command, os.environ | {"SLURM_STEP_ID": "0"})
""",
    "squeue": """\
for path in sorted(HERE.glob("job-*")):
    print(path.name.removeprefix("job-"), path.read_text(), sep="|")
""",
    "scontrol": 'print("MinJobAge               = 300 sec")\n',
    "sinfo": 'print("PARTITION\\ngpu*")\n',
    "sacct": 'sys.exit("Slurm accounting storage is disabled")\n',
    "sacctmgr": 'sys.exit("this cluster has no accounting database")\n',
    "scancel": "",
}
PREAMBLE = f"""\
#!{sys.executable}
import itertools, json, os, subprocess, sys
from pathlib import Path

HERE = Path(__file__).parent
with open(HERE / "calls", "a") as file:
    file.write(json.dumps([Path(__file__).name, *sys.argv[1:]]) + "\\n")
"""


@pytest.fixture(scope="module")
def cluster(whole_run, tmp_path_factory):
    """A cell that has been computed anew through Slurm's stand-ins: the project, and their calls by rule."""
    project = whole_run[0].copy(tmp_path_factory.mktemp("slurm") / "project")
    for kind in ("adapters", "predictions"):
        shutil.rmtree(project / f"results/{kind}/{CELL}")
    (project / f"results/scores/{CELL}.json").unlink()
    shutil.rmtree(project / "scratch")
    folder = tmp_path_factory.mktemp("bin")
    for name, code in COMMANDS.items():
        (folder / name).write_text(PREAMBLE + code)
        (folder / name).chmod(0o755)
    project.snakemake(
        f"results/scores/{CELL}.json",
        "--slurm-init-seconds-before-status-checks",
        "1",
        profile="profiles/slurm",
        PATH=os.pathsep.join([str(folder), os.path.dirname(fork_server.python()), os.environ["PATH"]]),
    )
    calls = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return project, calls


@pytest.fixture(scope="module")
def submitted(cluster):
    """The arguments of sbatch, by rule."""
    jobs = {}
    for name, *words in cluster[1]:
        if name == "sbatch":
            line = " ".join(word for word in words if not word.startswith("--wrap="))
            jobs[re.search(r"--comment rule_(\w+?)_wildcards", line)[1]] = f"{line} "
    return jobs


def test_a_cell_runs_as_three_jobs(cluster, submitted):
    project, _ = cluster
    assert list(submitted) == ["finetune", "predict", "score"]
    assert "computing on cpu" in (project / f"logs/finetune/{CELL}.log").read_text()
    scores = json.loads((project / f"results/scores/{CELL}.json").read_text())["scores"]
    assert {condition: len(found) for condition, found in scores.items()} == {"generic": 9, "schema": 9}


@pytest.mark.parametrize("rule", ["finetune", "predict"])
def test_a_gpu_job_requests_one_gpu(submitted, rule):
    assert re.findall(r"--gp\S+|--gres\S+", submitted[rule]) == ["--gpus=1"]


def test_a_score_requests_no_gpu(submitted):
    assert "gpus" not in submitted["score"]
    assert "gres" not in submitted["score"]


@pytest.mark.parametrize(
    ("rule", "memory", "minutes", "cpus"),
    [("finetune", 24000, 1440, 2), ("predict", 24000, 1440, 2), ("score", 2000, 30, 1)],
)
def test_a_job_requests_what_its_rule_says(submitted, rule, memory, minutes, cpus):
    for option in (f"--mem {memory}", f"-t {minutes}", f"--cpus-per-task={cpus}", "-p gpu"):
        assert f" {option} " in submitted[rule]


def test_the_step_inside_a_job_has_the_gpu(cluster):
    steps = [" ".join(words) for name, *words in cluster[1] if name == "srun"]
    assert ["--gpus=1" in step for step in steps] == [True, True, False]


def test_no_account_is_given_where_the_profile_names_none(submitted):
    assert not [line for line in submitted.values() if " -A " in line]


def test_the_states_of_jobs_come_from_squeue(cluster):
    # sacct without an accounting database would be polled for ever.
    polled = [name for name, *words in cluster[1] if name == "squeue" or (name == "sacct" and "--name" in words)]
    assert set(polled) == {"squeue"}
