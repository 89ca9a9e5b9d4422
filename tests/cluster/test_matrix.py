"""A small matrix on a real Slurm: the results of a local run, and for each job what its rule requests."""

import re
from itertools import combinations

import pytest
import yaml

from tests.workflow.projects import ROOT, overlay

# Three cells, so that three GPU jobs want two GPUs at once.
SMALL = {
    "matrix": {
        "models": ["tiny"],
        "encoders": [],
        "floors": [],
        "mixtures": ["gentune"],
        "shots": [0],
        "benchmarks": ["conll04"],
        "seeds": [1, 2, 3],
    },
    "mixtures": {"gentune": {"benchmarks": ["conll04"], "max_rows": 16}},
}
LOCAL = "cores: 2\nresources:\n  gpu: 2\n"
JOBS = {
    "prepare_benchmark": 1, "build_mixture": 1, "render_training": 1, "render_prompts": 1,
    "finetune": 3, "predict": 3, "score": 3, "audit": 1,
    "intervals": 1, "compare": 1, "analyse_errors": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def local(shipped, tiny, tmp_path_factory):
    """The project in which the matrix has run without Slurm, on two cores."""
    project = shipped.copy(tmp_path_factory.mktemp("local") / "project")
    (project / "profiles/local").mkdir()
    (project / "profiles/local/profile.yaml").write_text(LOCAL)
    (project / "tiny.yaml").write_text(yaml.safe_dump(overlay(tiny, tiny) | SMALL))
    project.snakemake(profile="profiles/local")
    return project


@pytest.fixture(scope="module")
def project(cluster, local, shipped, tmp_path_factory):
    """The project in which the same matrix has run on the cluster."""
    project = shipped.copy(tmp_path_factory.mktemp("remote") / "project")
    (project / "tiny.yaml").write_text((local / "tiny.yaml").read_text())
    cluster.snakemake(project)
    return project


@pytest.fixture(scope="module")
def jobs(cluster, project):
    return cluster.jobs(project)


def needs(rule):
    """What a rule of the workflow requests: threads, megabytes, minutes."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    body = re.search(rf"^rule {rule}:\n((?: .*\n|\n)*)", text, re.MULTILINE)[1]
    return tuple(int(re.search(rf"{name}(\d+)", body)[1]) for name in ("threads: ", "mem_mb=", "runtime="))


def minutes(limit):
    """Slurm's [days-]hours:minutes:seconds in minutes."""
    days, hours, minutes = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):00", limit).groups(default="0")
    return (int(days) * 24 + int(hours)) * 60 + int(minutes)


@pytest.mark.parametrize(
    "pattern",
    ["reports/tables/*", "results/predictions/**/*.*", "results/scores/**/*.json", "results/adapters/**/*.safetensors"],
)
def test_results_are_those_of_a_local_run(local, project, pattern):
    files = {path.relative_to(local.folder) for path in local.folder.glob(pattern)}
    assert files
    assert files == {path.relative_to(project.folder) for path in project.folder.glob(pattern)}
    timed = ("run_card", "efficiency")  # hold what the work took
    same = [path for path in files if not path.name.startswith(timed)]
    assert same
    assert [path for path in same if (local / path).read_bytes() != (project / path).read_bytes()] == []


def test_every_job_ran_once(jobs):
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    rules = [job.rule for job in jobs]
    assert {rule: rules.count(rule) for rule in rules} == JOBS


@pytest.mark.parametrize("rule", JOBS)
def test_a_job_gets_what_its_rule_requests(jobs, rule):
    for job in jobs:
        if job.rule == rule:
            given = (int(job["NumCPUs"]), int(job["MinMemoryNode"].removesuffix("M")), minutes(job["TimeLimit"]))
            assert given == needs(rule)


def test_gpu_jobs_have_their_partition_and_one_gpu(jobs):
    gpu = {"finetune", "predict"}
    assert {job.rule for job in jobs if job["Partition"] == "gpu"} == gpu
    assert {job.rule for job in jobs if job.facts.get("TresPerJob") == "gres:gpu:1"} == gpu
    assert {job.devices for job in jobs if job.rule in gpu} == {"0", "1"}
    assert {job.devices for job in jobs if job.rule not in gpu} == {"none"}


def test_two_gpu_jobs_run_at_once_and_never_three(jobs):
    gpu = [job for job in jobs if job.devices != "none"]
    assert any(one.overlaps(other) for one, other in combinations(gpu, 2))
    assert not any(all(one.overlaps(other) for one, other in combinations(trio, 2)) for trio in combinations(gpu, 3))


def test_a_gpu_is_one_jobs_own(jobs):
    for one, other in combinations(jobs, 2):
        if one.devices == other.devices != "none":
            assert not one.overlaps(other)
