"""Checks of this machine: device, libraries, disk, memory, lock folder, Slurm."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..devices.lease import FOLDER, pool
from ..terminal import size
from .probe import DeviceProbe, ProbeFailure

OK, WARNING, FAIL = "ok", "warning", "will fail"
PROBE_SECONDS = 240
NF4_ERROR = 0.2  # half of the widest gap between NF4's values is 0.152 of a block's largest weight
LOCK_FILE = Path("requirements.lock")


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        state: OK, WARNING or FAIL.
        subject: The checked thing, e.g. "disk" or "model SmolLM3-3B".
        fact: The finding; for a problem, with its remedy.
        models, benchmarks: Parts of the matrix that the problem makes unusable.
    """

    state: str
    subject: str
    fact: str
    models: frozenset[str] = frozenset()
    benchmarks: frozenset[str] = frozenset()


def run_probe(seconds: float = PROBE_SECONDS, module: str = "mixtune.runs.probe") -> DeviceProbe | ProbeFailure:
    """Run `python -m mixtune.runs.probe` and return its result, also if it crashes or exceeds the time limit."""
    command = [sys.executable, "-m", module]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)  # noqa: S603
    except subprocess.TimeoutExpired:
        return {"problem": f"torch or the driver did not respond in {seconds:.0f} s; try `python -m {module}`"}
    try:
        return json.loads((run.stdout.splitlines() or [""])[-1])
    except ValueError:
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return {"problem": f"torch or bitsandbytes cannot be used: {last}; try `python -m {module}`"}


def check_device(probe: DeviceProbe | ProbeFailure, elsewhere: bool = False) -> Iterator[Check]:
    """Check the device that jobs would use, its 4-bit weights, and its lease.

    Args:
        elsewhere: Whether GPU jobs run on other machines.
    """
    if "problem" in probe:
        remedy = "; GPU jobs run on other machines: try `python -m mixtune.runs.probe` in a job there"
        yield Check(WARNING if elsewhere else FAIL, "device", probe["problem"] + (remedy if elsewhere else ""))
        return
    if probe["device"] == "cuda":
        memory = f"{probe['count']} device(s) with {size(probe['memory'])}"
        yield Check(OK, "device", f"{probe['name']}, {memory}; {probe['dtype']} because {probe['why']}")
        yield _check_leases(len(pool(os.environ)))
        yield check_lock_folder(Path(os.environ.get("MIXTUNE_LOCKS", FOLDER)))
    else:
        state = OK if probe["dtype"] == "bfloat16" else WARNING  # slower; by how much has not been measured
        yield Check(state, "device", f"{probe['name']}: {probe['why']} ({', '.join(probe['instructions']) or 'none'})")
    fact = f"error of bitsandbytes' NF4 round trip: {probe['round_trip']:.3f} of the largest weight"
    if probe["round_trip"] < NF4_ERROR:
        yield Check(OK, "4 bits", fact)
    else:
        yield Check(FAIL, "4 bits", f"{fact}, must be below {NF4_ERROR}; install the version of {LOCK_FILE}")


def _check_leases(devices: int) -> Check:
    if not devices:
        return Check(FAIL, "leases", "nvidia-smi lists no device, so none can be leased; put nvidia-smi on PATH")
    return Check(OK, "leases", f"{devices} device(s) can be leased; set --resources gpu={devices} at most")


def check_lock_folder(folder: Path) -> Check:
    """Check whether this user can use the lock folder of devices."""
    problem = None
    if not folder.exists():
        problem = None if os.access(folder.parent, os.W_OK) else "cannot be created"
    elif folder.is_symlink() or not folder.is_dir() or not folder.stat().st_mode & stat.S_ISVTX:
        problem = "is not safe to share"
    else:
        unsafe = (path for path in folder.glob("*.lock") if path.is_symlink() or not os.access(path, os.R_OK | os.W_OK))
        denied = next(unsafe, None) or (None if os.access(folder, os.W_OK) else folder)
        problem = denied and f"cannot be used: permission denied for {denied.name}"
    remedy = "it must be a folder of mode 1777 with files of mode 666; or set MIXTUNE_LOCKS to another folder"
    return Check(FAIL, "locks", f"{folder} {problem}; {remedy}") if problem else Check(OK, "locks", str(folder))


def check_packages(lock: Path = LOCK_FILE) -> Iterator[Check]:
    """Compare the versions of installed packages with the lock file."""
    if not lock.is_file():
        yield Check(WARNING, "packages", f"{lock} not found; the versions of packages are not checked")
        return
    locked = dict(line.split("==") for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line)
    differing = []
    for name, expected in locked.items():
        with suppress(PackageNotFoundError):  # packages of tests and clusters need not be installed
            installed = version(name)
            if installed.partition("+")[0] != expected:  # ignores local suffixes, e.g. torch's +cpu
                differing.append(f"{name} {installed} instead of {expected}")
    if differing:
        fact = f"not the tested versions: {'; '.join(differing)}; pip install -r {lock}"
        yield Check(WARNING, "packages", fact)
    else:
        yield Check(OK, "packages", f"the versions of {lock}; Snakemake {version('snakemake')}")


def check_disk(folder: Path, needed: float) -> Check:
    """Check whether the disk of a folder has the bytes that are known to be needed."""
    free = shutil.disk_usage(folder).free
    fact = f"{size(free)} free at {folder.resolve()}; remaining adapters and checkpoints need {size(needed)}"
    if free < needed:
        return Check(FAIL, "disk", f"{fact}: free some space, or make scratch/ a link to another disk")
    return Check(OK, "disk", fact)


def check_memory(measured: int, jobs: int) -> Check:
    """Check whether memory suffices for concurrent jobs, given the measured peak of one (bytes; 0: not measured)."""
    import psutil

    memory = psutil.virtual_memory()
    fact = f"{size(memory.total)}, {size(memory.available)} of it available"
    if not measured:
        return Check(OK, "memory", f"{fact}; peak memory of a job not measured here yet")
    fact += f"; measured peak of a job: {size(measured)}"
    if measured * jobs > memory.total:
        return Check(WARNING, "memory", f"{fact}: too little for {jobs} jobs; lower --cores or --resources gpu=N")
    return Check(OK, "memory", fact)


def check_slurm(profile: Mapping[str, object]) -> Iterator[Check]:
    """Check whether this machine reaches the cluster of a profile, with the partitions that the profile names."""
    if profile.get("executor") != "slurm":
        return
    if not shutil.which("sbatch"):
        yield Check(FAIL, "Slurm", "sbatch is not on PATH; type this on the cluster's login node")
        return
    listing = _run("sinfo", "--noheader", "--format=%R")
    if listing is None:
        yield Check(FAIL, "Slurm", "sinfo fails: is this machine part of the cluster?")
        return
    partitions = set(listing.split())
    named = set(re.findall(r"'slurm_partition': '([^']+)'", str(profile)))
    if named - partitions:
        known = f"known: {', '.join(sorted(partitions)) or 'none'}"
        unknown = ", ".join(sorted(named - partitions))
        yield Check(FAIL, "Slurm", f"unknown partition {unknown}; {known}; adapt the profile")
    else:
        yield Check(OK, "Slurm", f"sbatch found; partitions {', '.join(sorted(named)) or '(the default one)'}")


def _run(*command: str) -> str | None:
    """Return the output of a command; None if it fails or exceeds the time limit."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None
