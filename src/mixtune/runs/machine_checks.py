"""Whether this machine can run the workflow: device, libraries, disk, memory, locks, Slurm."""

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
from typing import Any

from ..devices.lease import FOLDER, pool
from ..terminal import size

OK, WARNING, FAIL = "ok", "warning", "will fail"
PROBE_SECONDS = 240
NF4_ERROR = 0.2  # half of the widest gap between NF4's values is 0.152 of a block's largest weight
LOCK_FILE = Path("requirements.lock")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: OK, WARNING or FAIL.
        fact: What was found; where something is wrong, with the remedy.
        models, benchmarks: What of the matrix cannot be used because of it.
    """

    state: str
    what: str
    fact: str
    models: frozenset[str] = frozenset()
    benchmarks: frozenset[str] = frozenset()


def probed(seconds: float = PROBE_SECONDS, module: str = "mixtune.runs.probe") -> dict[str, Any]:
    """What `python -m mixtune.runs.probe` finds; `problem` alone where it fails or does not end."""
    command = [sys.executable, "-m", module]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)  # noqa: S603
        return json.loads((run.stdout.splitlines() or [""])[-1])
    except subprocess.TimeoutExpired:
        return {"problem": f"torch or the driver did not answer in {seconds:.0f} s; try `python -m {module}`"}
    except ValueError:
        last = (run.stderr.strip().splitlines() or [f"it ended with status {run.returncode}"])[-1]
        return {"problem": f"torch or bitsandbytes cannot be used: {last}; try `python -m {module}`"}


def device(found: Mapping[str, Any], elsewhere: bool = False) -> Iterator[Check]:
    """The device that jobs would use, its 4-bit weights, and whether it can be leased.

    Args:
        found: What the probe tells.
        elsewhere: Whether GPU jobs run on other machines than this one.
    """
    if "problem" in found and elsewhere:
        remedy = "GPU jobs run on other machines: try `python -m mixtune.runs.probe` in a job there"
        yield Check(WARNING, "device", f"{found['problem']}; {remedy}")
        return
    if "problem" in found:
        yield Check(FAIL, "device", found["problem"])
        return
    if found["device"] == "cuda":
        memory = f"{found['count']} device(s) with {size(found['memory'])}"
        yield Check(OK, "device", f"{found['name']}, {memory}; {found['dtype']} because {found['why']}")
        leased = len(pool(os.environ))
        fact = f"{leased} device(s) can be leased; give --resources gpu={leased} at most"
        none = "nvidia-smi lists no device, so that none can be leased; put nvidia-smi on PATH"
        yield Check(OK, "leases", fact) if leased else Check(FAIL, "leases", none)
        yield locks(Path(os.environ.get("MIXTUNE_LOCKS", FOLDER)))
    else:
        state = OK if found["dtype"] == "bfloat16" else WARNING  # slower; by how much, nobody has measured
        yield Check(state, "device", f"{found['name']}: {found['why']} ({', '.join(found['instructions']) or 'none'})")
    good = found["round_trip"] < NF4_ERROR
    fact = f"weights come back from bitsandbytes' NF4 with an error of {found['round_trip']:.3f} of the largest"
    yield Check(OK if good else FAIL, "4 bits", fact if good else f"{fact}; install the version of {LOCK_FILE}")


def locks(folder: Path) -> Check:
    """Whether the lock folder of devices can be used by this user."""
    problem = None
    if not folder.exists():
        problem = None if os.access(folder.parent, os.W_OK) else "cannot be made"
    elif folder.is_symlink() or not folder.is_dir() or not folder.stat().st_mode & stat.S_ISVTX:
        problem = "is not safe to share"
    else:
        unsafe = (path for path in folder.glob("*.lock") if path.is_symlink() or not os.access(path, os.R_OK | os.W_OK))
        closed = next(unsafe, None) or (None if os.access(folder, os.W_OK) else folder)
        problem = closed and f"cannot be used: {closed.name} is closed to this user"
    remedy = "it must be a folder of mode 1777 with files of mode 666; or let MIXTUNE_LOCKS name another folder"
    return Check(FAIL, "locks", f"{folder} {problem}; {remedy}") if problem else Check(OK, "locks", str(folder))


def packages(lock: Path = LOCK_FILE) -> Iterator[Check]:
    """Whether the installed packages are those of the lock file."""
    if not lock.is_file():
        yield Check(WARNING, "packages", f"there is no {lock} here to compare with")
        return
    locked = dict(line.split("==") for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line)
    other = []
    for name, wanted in locked.items():
        with suppress(PackageNotFoundError):  # tests and clusters have packages of their own
            found = version(name)
            if found.partition("+")[0] != wanted:  # torch's +cpu is no other version
                other.append(f"{name} {found} instead of {wanted}")
    if other:
        yield Check(WARNING, "packages", f"not the versions tested: {'; '.join(other)}; pip install -r {lock}")
    else:
        yield Check(OK, "packages", f"the versions of {lock}; Snakemake {version('snakemake')}")


def disk(folder: Path, needed: float) -> Check:
    """Whether the disk of a folder has room for what is known to be needed, in bytes."""
    free = shutil.disk_usage(folder).free
    fact = f"{size(free)} free at {folder.resolve()}; adapters and checkpoints to come are known to take {size(needed)}"
    if free < needed:
        return Check(FAIL, "disk", f"{fact}: make room, or make scratch/ a link to another disk")
    return Check(OK, "disk", fact)


def memory(measured: int, jobs: int) -> Check:
    """Whether memory suffices for jobs side by side, by the most that one has taken (bytes; 0: not measured)."""
    import psutil

    found = psutil.virtual_memory()
    fact = f"{size(found.total)}, {size(found.available)} of it available"
    if not measured:
        return Check(OK, "memory", f"{fact}; what a job takes has not been measured here")
    fact += f"; a job has taken {size(measured)} at most"
    if measured * jobs > found.total:
        return Check(WARNING, "memory", f"{fact}: {jobs} do not fit side by side; lower --cores or --resources gpu=N")
    return Check(OK, "memory", fact)


def slurm(profile: Mapping[str, Any]) -> Iterator[Check]:
    """Whether the cluster that a profile is for is here, with the partitions that it names."""
    if profile.get("executor") != "slurm":
        return
    if not shutil.which("sbatch"):
        yield Check(FAIL, "Slurm", "sbatch is not on PATH; type this on the cluster's login node")
        return
    listing = _printed("sinfo", "--noheader", "--format=%R")
    there = set(listing.split()) if listing is not None else None
    named = set(re.findall(r"'slurm_partition': '([^']+)'", str(profile)))
    if there is None:
        yield Check(FAIL, "Slurm", "sinfo fails: is this machine part of the cluster?")
    elif named - there:
        known = f"known: {', '.join(sorted(there)) or 'none'}"
        yield Check(FAIL, "Slurm", f"no partition {', '.join(sorted(named - there))}; {known}; adapt the profile")
    else:
        yield Check(OK, "Slurm", f"sbatch is there; partitions {', '.join(sorted(named)) or '(the default one)'}")


def _printed(*command: str) -> str | None:
    """What a command prints; None where it fails or does not end."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None
