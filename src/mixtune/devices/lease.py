"""Leases of accelerators: the devices that a process may use, and locks on those that it takes."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .locks import PARTS, take

FOLDER = "/tmp/mixtune-devices"  # noqa: S108 -- one for all users of a machine, whatever their TMPDIR
SHARES = tuple(jobs for jobs in range(1, PARTS + 1) if PARTS % jobs == 0)  # numbers of jobs that can share a device
PAUSE = (0.5, 2.0)  # seconds between attempts; random, or two jobs that each hold half could collide for ever
REMINDER = 60.0  # seconds between two messages of a waiting job
ENTRY = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")  # an entry of CUDA_VISIBLE_DEVICES


class DeviceError(Exception):
    """A job that can never get its devices; the message names the reason and a remedy."""


@dataclass(frozen=True)
class Accelerator:
    """One accelerator: its id in CUDA_VISIBLE_DEVICES (UUID, or index) and its index (or the id)."""

    id: str
    index: str

    def __str__(self) -> str:
        return f"device {self.index}" + (f" ({self.id})" if self.id != self.index else "")


def pool(environment: Mapping[str, str]) -> list[Accelerator]:
    """Return the devices that a process with this environment may use.

    Args:
        environment: CUDA_VISIBLE_DEVICES selects devices of the machine; nvidia-smi is found by PATH.

    Returns:
        Each device once, in the order of CUDA_VISIBLE_DEVICES (or of nvidia-smi where that is not set). As in
        CUDA, an entry may be a prefix of a UUID, and the first invalid entry ends the list.
    """
    uuids = _uuids(environment)
    indices = {uuid: index for index, uuid in uuids.items()}
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    entries = uuids.values() if chosen is None else (entry.strip() for entry in chosen.split(","))
    ids = [
        next((uuid for index, uuid in uuids.items() if entry == index or uuid.startswith(entry)), entry)
        for entry in takewhile(ENTRY.fullmatch, entries)
    ]
    return [Accelerator(id, indices.get(id, id)) for id in dict.fromkeys(ids)]


def lease(pool: Sequence[Accelerator], count: int, folder: str, jobs_per_device: int = 1) -> list[Accelerator]:
    """Wait for devices and hold them until this process, or the program that it becomes by exec, has ended.

    Args:
        pool: Devices to choose from; the idlest are taken, and of those the first.
        count: Number of devices; none is held while fewer are free.
        folder: Folder of the lock files; created for all users if missing.
        jobs_per_device: The share of each: all of it (1), a half (2), a third (3), ...

    Returns:
        The devices held, in the pool's order.

    Raises:
        DeviceError: The pool can never serve the job, or the folder cannot be used or is not safe to share.
    """
    if not pool:
        raise DeviceError(
            "no CUDA device: nvidia-smi lists none or CUDA_VISIBLE_DEVICES names none; "
            "set MIXTUNE_DEVICE=cpu to run on the CPU, as `make demo` does"
        )
    if not 1 <= count <= len(pool):
        raise DeviceError(
            f"--count must be 1 to {len(pool)} ({', '.join(map(str, pool))}), not {count}; change the rule's `gpu` "
            "(--set-resources RULE:gpu=N) or CUDA_VISIBLE_DEVICES"
        )
    if jobs_per_device not in SHARES:
        raise DeviceError(
            f"--jobs-per-device must be one of {', '.join(map(str, SHARES))}, not {jobs_per_device}; change "
            "--set-resources RULE:jobs_per_device=N"
        )
    reminded = -REMINDER
    while True:
        try:
            held, busy = take([device.id for device in pool], count, PARTS // jobs_per_device, folder)
        except OSError as error:
            raise DeviceError(
                f"no device can be locked in {folder}: {error}; it must be a folder of mode 1777 with files "
                "of mode 666, no links: remove others, or set MIXTUNE_LOCKS to another folder"
            ) from error
        if held:
            return [device for device in pool if device.id in held]
        if time.monotonic() - reminded >= REMINDER:
            reminded = time.monotonic()
            holders = "; ".join(f"{device} by {busy[device.id]}" for device in pool if device.id in busy)
            print(f"mixtune: waiting for {count} device(s){shared(jobs_per_device)}; held: {holders}", file=sys.stderr)
        time.sleep(random.uniform(*PAUSE))  # noqa: S311


def shared(jobs_per_device: int) -> str:
    """Return the share of each device that a job takes, for messages; "" for all of it."""
    return "" if jobs_per_device == 1 else f", 1/{jobs_per_device} of each"


def _uuids(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the UUIDs of the machine's devices by index; none where nvidia-smi is missing or fails."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listing = subprocess.check_output(query, env=environment, text=True, errors="replace", timeout=60)  # noqa: S603
    except FileNotFoundError:
        return {}
    except (OSError, subprocess.SubprocessError) as error:
        print(f"mixtune: UUIDs of devices are unknown: {error}", file=sys.stderr)
        return {}
    return dict(re.findall(r"^(\d+), (GPU-[\w-]+)$", listing, re.MULTILINE))
