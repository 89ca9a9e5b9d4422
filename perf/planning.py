"""Orchestration: planning 600 and 6,000 cells, and a run with nothing to do.

Planned are all benchmarks and conditions, three mixtures and four numbers of shots, of 50 and 500 models. A finished
matrix is the paper's, its files made by `snakemake --touch`: Snakemake decides by existence, times and recorded
settings, never by what is in them.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from .common import ROOT, show

PARTS = ("Snakefile", "config.yaml", "CITATION.cff", "workflow", "profiles", "resources", "envs", "src")
SIZES = (50, 100, 200, 500)  # models: 600, 1,200, 2,400 and 6,000 cells


def project(folder: Path) -> Path:
    """A copy of the workflow, with an empty results folder."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


def snakemake(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Seconds, peak memory in GiB, and output of one run."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    measured = "import resource, runpy, sys; from snakemake.cli import main\ntry: main(sys.argv[1:])\nfinally: "
    measured += "print('kib', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    begin = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", measured, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begin
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    return seconds, int(run.stdout.split("kib")[-1]) / 2**20, run.stdout + run.stderr


def overlay(models: int) -> dict:
    """So many models of a hub, three mixtures, four numbers of shots, every benchmark and condition."""
    names = [f"model-{number}" for number in range(models)]
    return {
        "models": {name: {"origin": "hub", "hub": {"id": f"owner/{name}", "revision": "main"}} for name in names},
        "matrix": {"models": names, "shots": [0, 1, 2, 4], "conditions": ["generic", "schema", "constrained"]},
    }


def plan(folder: Path) -> list[tuple[int, float, float]]:
    """Cells, seconds and GiB of `snakemake -n`, by the number of cells."""
    found = []
    for models in SIZES:
        (folder / "large.yaml").write_text(yaml.safe_dump(overlay(models)), encoding="utf-8")
        seconds, memory, _ = snakemake(folder, "all", "-n", "-q", "all", "--configfile", "large.yaml")
        cells = models * 12
        show(f"plan_{cells}_seconds", round(seconds, 1), {600: 12, 6000: 90}.get(cells, 90), False, cells=cells)
        show(f"plan_{cells}_gib", round(memory, 2), 2, False, cells=cells)
        found.append((cells, seconds, memory))
    return found


def draw(found: Sequence[tuple[int, float, float]], path: str) -> None:
    """A figure of seconds and memory by the number of cells."""
    from matplotlib import pyplot

    cells, seconds, memory = zip(*found, strict=True)
    figure, axes = pyplot.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    for axis, values, name in zip(axes, (seconds, memory), ("seconds", "peak memory, GiB"), strict=True):
        axis.plot(cells, values, marker="o")
        axis.set(xlabel="cells", ylabel=name, ylim=(0, None), xlim=(0, None))
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def idle(folder: Path, rounds: int = 3) -> None:
    """Seconds of a run of the paper's matrix that has nothing to do."""
    _, _, planned = snakemake(folder, "all", "-n", "--detailed-summary")
    for line in planned.splitlines():
        path = folder / line.split("\t")[0]
        if line.startswith(("results/", "reports/")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}", encoding="utf-8")
    snakemake(folder, "all", "--touch", "--cores", "1", "-q", "all")
    times = []
    for _ in range(rounds):
        seconds, _, output = snakemake(folder, "all", "--cores", "8", "--resources", "gpu=2")
        if "Nothing to be done" not in output:
            raise RuntimeError(output[-2000:])
        times.append(seconds)
    show("nothing_to_do_seconds", round(statistics.median(times), 2), 4, False)


def main(figure: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        idle(project(Path(folder) / "finished"))
        found = plan(project(Path(folder) / "planned"))
    if figure:
        draw(found, figure)


if __name__ == "__main__":
    main(*sys.argv[1:])  # the name of a figure to draw, if wanted
