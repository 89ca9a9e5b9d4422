"""Leases accelerators to jobs of one machine: `python -m mixtune.devices --count N -- PROGRAM ARGS...`.

Each device has lock files. The lease takes those of N devices with flock, names the devices in
CUDA_VISIBLE_DEVICES and execs PROGRAM, which inherits the open files: the kernel frees the devices when PROGRAM
and all that it forked have ended, in whatever way. (A lease held by a parent would end with the parent.)

`--jobs-per-device K` is content with 1/K of each device, and leaves the rest to other jobs that share; without
it a job is alone on its devices. Which job takes how much is a matter of each job: what is free decides.

MIXTUNE_DEVICE=cpu hides all devices and leases none. Nothing is leased either where Slurm has given a job
devices of its own, which three things decide together:

- SLURM_JOB_ID and SLURM_STEP_ID are set. Snakemake's Slurm executor runs a job by `srun`, which sets both; a
  batch script and a plain `salloc` set the first only, and the jobs of a Snakemake inside have to share.
- SLURM_PTY_PORT is not set. `srun --pty` and an interactive `salloc` are steps too, but a person uses them.
- CUDA_VISIBLE_DEVICES names no more devices than the job asks for. A step that has more is shared: by the
  jobs of a Snakemake group, or by those of a workflow started with `srun snakemake`.

A lease without need, as in the tasks of a Slurm array, is harmless: a lock is named after the device's UUID,
so the "0" of two jobs is two locks. Containers must share the lock folder; never empty it while jobs run.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .locks import PARTS, take

FOLDER = "/tmp/mixtune-devices"  # noqa: S108 -- one for all users of a machine, whatever their TMPDIR
SHARES = tuple(jobs for jobs in range(1, PARTS + 1) if PARTS % jobs == 0)  # jobs that can share a device
PAUSE = (0.5, 2.0)  # seconds between attempts; random, lest two jobs that each grab half collide for ever
REMINDER = 60.0  # seconds between two messages of a waiting job
ENTRY = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")  # what CUDA_VISIBLE_DEVICES may call a device


class DeviceError(Exception):
    """A job cannot be given devices, however long it waits; the message says why and what to do."""


@dataclass(frozen=True)
class Device:
    """One accelerator: its id in CUDA_VISIBLE_DEVICES (UUID, else index) and its index (else the id)."""

    id: str
    index: str

    def __str__(self) -> str:
        return f"device {self.index}" + (f" ({self.id})" if self.id != self.index else "")


def pool(environment: Mapping[str, str]) -> list[Device]:
    """The devices that a process with this environment may use.

    Args:
        environment: CUDA_VISIBLE_DEVICES chooses among the machine's devices; PATH leads to nvidia-smi.

    Returns:
        Each device once, in the order of CUDA_VISIBLE_DEVICES (or of nvidia-smi where that is not set). As in
        CUDA, an entry may be the beginning of a UUID, and the first that cannot be a device ends the list.
    """
    uuids = _uuids(environment)
    indices = {uuid: index for index, uuid in uuids.items()}
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    entries = uuids.values() if chosen is None else (entry.strip() for entry in chosen.split(","))
    ids = [
        next((uuid for index, uuid in uuids.items() if entry == index or uuid.startswith(entry)), entry)
        for entry in takewhile(ENTRY.fullmatch, entries)
    ]
    return [Device(id, indices.get(id, id)) for id in dict.fromkeys(ids)]


def lease(pool: Sequence[Device], count: int, folder: str, jobs_per_device: int = 1) -> list[Device]:
    """Wait for devices and hold them until this process, or the program that it becomes by exec, has ended.

    Args:
        pool: the devices to choose from; the idlest are taken, and the first of those.
        count: how many; none is kept while fewer are free.
        folder: where the lock files are; made for all users if it does not exist.
        jobs_per_device: what the job takes of each: all of it (1), a half (2), a third (3), ...

    Returns:
        The devices held, in the pool's order.

    Raises:
        DeviceError: the pool can never serve the job, or the folder cannot be used or is not safe to share.
    """
    if not pool:
        raise DeviceError(
            "no CUDA device: nvidia-smi lists none or CUDA_VISIBLE_DEVICES names none; "
            "set MIXTUNE_DEVICE=cpu to run on the CPU, as `make demo` does"
        )
    if not 1 <= count <= len(pool):
        raise DeviceError(
            f"the job asks for {count} devices and may have 1 to {len(pool)} ({', '.join(map(str, pool))}); "
            "change the rule's `gpu` (--set-resources RULE:gpu=N) or CUDA_VISIBLE_DEVICES"
        )
    if jobs_per_device not in SHARES:
        raise DeviceError(
            f"{jobs_per_device} jobs cannot share a device; {', '.join(map(str, SHARES))} can: "
            "change --set-resources RULE:jobs_per_device=N"
        )
    told = -REMINDER
    while True:
        try:
            held, busy = take([device.id for device in pool], count, PARTS // jobs_per_device, folder)
        except OSError as error:
            raise DeviceError(
                f"no device can be locked in {folder}: {error}; it must be a folder of mode 1777 with files "
                "of mode 666, no links: remove what is not, or let MIXTUNE_LOCKS name another folder"
            ) from error
        if held:
            return [device for device in pool if device.id in held]
        if time.monotonic() - told >= REMINDER:
            told = time.monotonic()
            holders = "; ".join(f"{device} by {busy[device.id]}" for device in pool if device.id in busy)
            print(f"mixtune: waiting for {count} device(s){_shared(jobs_per_device)}; held: {holders}", file=sys.stderr)
        time.sleep(random.uniform(*PAUSE))  # noqa: S311


def main(argv: Sequence[str] | None = None) -> int:
    """Lease devices and become the program; what returns is the exit status of a failure.

    Args:
        argv: `--count N -- PROGRAM ARGS...`; the process's own arguments where None.

    Returns:
        1 if no device can be leased, 127 if the program cannot be started, 130 if interrupted while waiting.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    command = arguments[end + 1 :]
    parser = argparse.ArgumentParser("python -m mixtune.devices", "%(prog)s --count N -- PROGRAM [ARGS...]")
    parser.add_argument("--count", type=int, required=True, help="how many devices PROGRAM needs")
    parser.add_argument("--jobs-per-device", type=int, default=1, help="how many jobs may share each (default: 1)")
    options = parser.parse_args(arguments[:end])
    if not command:
        parser.error("no PROGRAM after `--`")
    try:
        _assign(options.count, options.jobs_per_device)
    except DeviceError as error:
        print(f"mixtune: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"mixtune: error: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _assign(count: int, jobs_per_device: int) -> None:
    """Let CUDA_VISIBLE_DEVICES of this process name the devices that are its own from now on."""
    wanted = os.environ.get("MIXTUNE_DEVICE", "cuda")
    if wanted not in ("cpu", "cuda"):
        raise DeviceError(f"MIXTUNE_DEVICE={wanted} is unknown; it is cpu, cuda, or unset (which means cuda)")
    if wanted == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not _has_own(os.environ, count):
        devices = lease(pool(os.environ), count, os.environ.get("MIXTUNE_LOCKS", FOLDER), jobs_per_device)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(device.id for device in devices)
        print(f"mixtune: {', '.join(map(str, devices))} leased{_shared(jobs_per_device)}", file=sys.stderr)


def _has_own(environment: Mapping[str, str], count: int) -> bool:
    """Whether Slurm has given this job devices that no other job uses; the module's docstring says how."""
    step = {"SLURM_JOB_ID", "SLURM_STEP_ID"} <= environment.keys() and "SLURM_PTY_PORT" not in environment
    return step and len(environment.get("CUDA_VISIBLE_DEVICES", "").split(",")) <= count


def _shared(jobs_per_device: int) -> str:
    return "" if jobs_per_device == 1 else f", 1/{jobs_per_device} of each"


def _uuids(environment: Mapping[str, str]) -> dict[str, str]:
    """UUIDs of the machine's devices by index; none where nvidia-smi is missing or fails."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listing = subprocess.check_output(query, env=environment, text=True, errors="replace", timeout=60)  # noqa: S603
    except FileNotFoundError:
        return {}
    except (OSError, subprocess.SubprocessError) as error:
        print(f"mixtune: the UUIDs of devices are not known: {error}", file=sys.stderr)
        return {}
    return dict(re.findall(r"^(\d+), (GPU-[\w-]+)$", listing, re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main())
