"""A real Slurm for the whole session, and what it says of its jobs."""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.workflow.conftest import once, shipped, tiny
from tests.workflow.projects import Project

__all__ = ["once", "shipped", "tiny"]  # fixtures


@dataclass(frozen=True)
class Job:
    """A job as Slurm keeps it: `scontrol show job`, and what its step was given."""

    facts: dict[str, str]
    devices: str | None  # CUDA_VISIBLE_DEVICES of its step, "none" where that was not set; None without a step

    def __getitem__(self, name: str) -> str:
        return self.facts[name]

    @property
    def rule(self) -> str:
        return re.match(r"rule_(\w+?)(?:_wildcards|$)", self["Comment"])[1]

    def overlaps(self, other: "Job") -> bool:
        """Whether both ran at the same time, by Slurm's clock of seconds."""
        return self["StartTime"] < other["EndTime"] and other["StartTime"] < self["EndTime"]


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    folder: Path

    def run(self, *command: str) -> str:
        return slurm.run(self.folder, *command)

    def snakemake(self, project: Project, *arguments: str, status: int = 0, **environment: str | None) -> str:
        """What Snakemake prints with profiles/slurm as it is; only its first look at a job comes sooner."""
        variables = slurm.environment(self.folder) | {"CUDA_VISIBLE_DEVICES": None} | environment
        variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
        soon = ["--slurm-init-seconds-before-status-checks", "1"]
        return project.snakemake(
            *arguments, *soon, profile="profiles/slurm", status=status, forks=False, **variables
        ).output

    def jobs(self, project: Project) -> list[Job]:
        """The project's jobs, ended ones too, in the order in which they were submitted."""
        tasks = (self.folder / "tasks").read_text().splitlines()
        devices = {job: given for job, step, given in map(str.split, tasks) if step == "0"}
        found = [
            dict(re.findall(r"(\S+?)=(\S*)", line)) for line in self.run("scontrol", "-o", "show", "job").splitlines()
        ]
        here = [facts for facts in found if facts["WorkDir"] == str(project.folder)]
        return [Job(facts, devices.get(facts["JobId"])) for facts in sorted(here, key=lambda job: int(job["JobId"]))]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """One node with two pretend GPUs."""
    if not shutil.which("slurmctld", path=slurm.PATH):
        say = pytest.fail if os.environ.get("MIXTUNE_CLUSTER") == "1" else pytest.skip
        say("Slurm is not installed on this machine; `python tests/cluster/slurm.py install` does it")
    folder = tmp_path_factory.mktemp("cluster")
    try:
        slurm.start(folder)
        yield Cluster(folder)
    finally:
        slurm.stop(folder)
