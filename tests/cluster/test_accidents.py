"""What goes wrong on a real Slurm: jobs that fail, jobs that are cancelled, and a killed snakemake."""

import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import yaml

from tests.cluster import slurm
from tests.workflow.projects import ROOT, overlay

# Before its work, the script notes that it was started; gids never works, conll04 and nyt11 hang at the first time.
TROUBLE = """\
import json, pathlib, sys, time

name = json.loads(sys.argv[sys.argv.index("--settings") + 1])["benchmark"]
starts = pathlib.Path(f"starts-{name}")
first = not starts.exists()
with starts.open("a") as file:
    file.write("x")
if name == "gids":
    sys.exit("gids is broken")
if first:
    time.sleep(600)
"""


@pytest.fixture
def project(shipped, tiny, tmp_path):
    project = shipped.copy(tmp_path / "project")
    (project / "tiny.yaml").write_text(yaml.safe_dump(overlay(tiny, tiny)))
    script = project / "workflow/scripts/prepare_benchmark.py"
    script.write_text(TROUBLE + script.read_text())
    return project


def manifest(benchmark):
    return f"results/benchmarks/{benchmark}/manifest.json"


def starts(project, benchmark):
    return len((project / f"starts-{benchmark}").read_text())


def states(cluster, project, benchmark):
    found = [job for job in cluster.jobs(project) if job["Comment"].endswith(f"_{benchmark}")]
    return [job["JobState"] for job in found]


def test_a_failed_and_a_cancelled_job_are_reported_and_run_once_more(cluster, project):
    with ThreadPoolExecutor() as pool:
        running = pool.submit(cluster.snakemake, project, manifest("gids"), manifest("conll04"), status=1)
        slurm.wait((project / "starts-conll04").exists, "conll04 does not start", seconds=120)
        (hanging,) = [job for job in cluster.jobs(project) if job["Comment"].endswith("_conll04")]
        cluster.run("scancel", hanging["JobId"])
        output = running.result()
    assert states(cluster, project, "gids") == ["FAILED", "FAILED"]
    assert states(cluster, project, "conll04") == ["CANCELLED", "COMPLETED"]
    # The Snakemakes inside a job would count retries of their own, were these in the rule.
    assert (starts(project, "gids"), starts(project, "conll04")) == (2, 2)
    assert (project / manifest("conll04")).exists()
    assert f"SLURM-job '{hanging['JobId']}' failed, SLURM status is: 'CANCELLED'" in output
    assert output.count("SLURM status is: 'FAILED'") == 2
    assert "gids is broken" in output


def test_after_a_kill_of_snakemake_its_jobs_are_found_by_their_folder(cluster, project, tmp_path):
    neighbour = cluster.run("sbatch", "--parsable", f"--chdir={tmp_path}", "--wrap", "sleep 600").strip()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(cluster.snakemake, project, manifest("nyt11"), status=-signal.SIGKILL)
        slurm.wait((project / "starts-nyt11").exists, "nyt11 does not start", seconds=120)
        for child in psutil.Process().children():
            if child.cwd() == str(project.folder):
                child.kill()
        running.result()
    assert states(cluster, project, "nyt11") == ["RUNNING"]

    remedy = re.search(r"^    (squeue .*scancel)$", (ROOT / "docs/cluster.md").read_text(), re.MULTILINE)[1]
    assert remedy in (ROOT / "README.md").read_text()
    subprocess.run(["bash", "-c", remedy], cwd=project.folder, env=slurm.environment(cluster.folder), check=True)
    slurm.wait(lambda: states(cluster, project, "nyt11") == ["CANCELLED"], "nyt11 is not cancelled")
    assert cluster.run("squeue", "-ho", "%i %T") == f"{neighbour} RUNNING\n"
    cluster.run("scancel", neighbour)

    cluster.snakemake(project, "--unlock")
    cluster.snakemake(project, manifest("nyt11"))
    assert states(cluster, project, "nyt11") == ["CANCELLED", "COMPLETED"]
