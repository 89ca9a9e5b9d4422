"""Leases of accelerators to jobs of one machine: `python -m mixtune.devices --count N -- PROGRAM ARGS...`.

Each device has lock files. The lease takes those of N devices with flock, names the devices in
CUDA_VISIBLE_DEVICES and execs PROGRAM, which inherits the open files: the kernel releases the devices when PROGRAM
and all its forks have ended, in whatever way. (A lease held by a parent would end with the parent.)

`--jobs-per-device K` takes 1/K of each device, and jobs share the rest; without it a job is alone on its devices.
Each job chooses its own K; it starts when that much is free.

MIXTUNE_DEVICE=cpu hides all devices and leases none. Nothing is leased either where Slurm has given a job
devices of its own, i.e. under these three conditions:

- SLURM_JOB_ID and SLURM_STEP_ID are set. Snakemake's Slurm executor runs a job by `srun`, which sets both; a
  batch script and a plain `salloc` set the first only, and the jobs of a Snakemake inside have to share.
- SLURM_PTY_PORT is not set. `srun --pty` and an interactive `salloc` are steps too, but a person uses them.
- CUDA_VISIBLE_DEVICES names at most as many devices as the job needs. A step that has more is shared: by the
  jobs of a Snakemake group, or by those of a workflow started with `srun snakemake`.

An unnecessary lease, e.g. in the tasks of a Slurm array, is harmless: a lock is named after the device's UUID,
so the "0" of two jobs is two locks. Containers must share the lock folder; never empty it while jobs run.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from .lease import FOLDER, DeviceError, lease, pool, shared


def main(argv: Sequence[str] | None = None) -> int:
    """Lease devices and become the program; return only on failure, with the exit status.

    Args:
        argv: `--count N -- PROGRAM ARGS...`; the process's own arguments where None.

    Returns:
        1 if no device can be leased, 127 if the program cannot be started, 130 if interrupted while waiting.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    command = arguments[end + 1 :]
    parser = argparse.ArgumentParser("python -m mixtune.devices", "%(prog)s --count N -- PROGRAM [ARGS...]")
    parser.add_argument("--count", type=int, required=True, help="number of devices that PROGRAM needs")
    parser.add_argument(
        "--jobs-per-device", type=int, default=1, help="number of jobs that may share each device (default: 1)"
    )
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
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the program would inherit that
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"mixtune: error: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _assign(count: int, jobs_per_device: int) -> None:
    """Lease devices for this process and name them in its CUDA_VISIBLE_DEVICES."""
    wanted = os.environ.get("MIXTUNE_DEVICE", "cuda")
    if wanted not in ("cpu", "cuda"):
        raise DeviceError(
            f"MIXTUNE_DEVICE: unknown value {wanted!r}; it must be cpu, cuda, or unset (which means cuda)"
        )
    if wanted == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not _has_own(os.environ, count):
        devices = lease(pool(os.environ), count, os.environ.get("MIXTUNE_LOCKS", FOLDER), jobs_per_device)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(device.id for device in devices)
        print(f"mixtune: {', '.join(map(str, devices))} leased{shared(jobs_per_device)}", file=sys.stderr)


def _has_own(environment: Mapping[str, str], count: int) -> bool:
    """Return whether Slurm has given this job devices of its own: the conditions in the module's docstring."""
    step = {"SLURM_JOB_ID", "SLURM_STEP_ID"} <= environment.keys() and "SLURM_PTY_PORT" not in environment
    return step and len(environment.get("CUDA_VISIBLE_DEVICES", "").split(",")) <= count


if __name__ == "__main__":
    sys.exit(main())
