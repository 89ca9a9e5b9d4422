"""Lock of a workflow run, and the report on what a killed run of Snakemake leaves: its lock and running jobs.

Snakemake's locks name files, not the process that made them. So each run also holds a lock of its own (`locks`),
which identifies the process and is released when the process ends.
"""

import errno
import os
import shutil
import socket
import sys
from datetime import datetime
from pathlib import Path

import psutil

from .. import layout
from ..artifacts import locks
from ..errors import UserError, disk_message
from .last_run import FOLDER
from .snakemake_records import open_records

RUN = FOLDER / "mixtune-run"
JOBS = "workflow.scripts."
WRITTEN = tuple(map(str, (layout.RESULTS, layout.REPORTS, layout.LOGS, layout.SCRATCH)))
NOTHING_STARTS = {"-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--report"}


def record() -> None:
    """Record that this process runs the workflow here, until it ends."""
    locks.acquire(RUN, wait=False)


def check() -> None:
    """Check this folder before a run: report on stderr another run's lock, its running jobs, and the remedy.

    Raises:
        UserError: Results cannot be written here.
    """
    if NOTHING_STARTS & set(sys.argv):
        return
    for name in WRITTEN:
        if os.path.isdir(name) and not os.access(name, os.W_OK):
            number = errno.EROFS if os.statvfs(name).f_flag & os.ST_RDONLY else errno.EACCES
            raise UserError(disk_message(number, name))
    text = report()
    if text:
        print(text, file=sys.stderr, flush=True)


def report() -> str | None:
    """Return the report on Snakemake's lock of this folder, with the remedy; None if there is no lock."""
    locked = open_records().read_locks()
    if not locked:
        return None
    # A run records itself after locking: an older record is of an earlier run.
    is_recorded = RUN.is_file() and RUN.stat().st_mtime >= locked[1]
    run = locks.signature(RUN) if is_recorded else "an unknown process"
    runs, jobs = _list_processes()
    if runs or locks.is_held(RUN):
        return (
            f"mixtune: another snakemake runs in this folder: {'; '.join(runs) or run}.\n"
            "  Outputs of both must wait: start again when that run has ended. To end it, type\n"
            "      kill PID\n"
            "  with its pid: it starts no more jobs, and its running jobs finish."
        )
    lines = [f"mixtune: a snakemake that was killed has left a lock on this folder: {run}.", *_describe_jobs(run, jobs)]
    if shutil.which("squeue"):
        lines.append("  To list its jobs on the cluster, type: squeue --me --format '%i %T %k %Z' | grep -F \"$PWD\"")
    lines += ["  To continue it, type", "      snakemake --unlock", "  and then the same command again."]
    return "\n".join(lines)


def _describe_jobs(run: str, jobs: list[str]) -> list[str]:
    """Describe the jobs that a killed run has left on this machine, in lines."""
    host = locks.SIGNATURE.fullmatch(run)
    if host and host[1] != socket.gethostname():
        return [f"  It ran on {host[1]}: whether the run or its jobs are still running can be checked only there."]
    if not jobs:
        return ["  It has ended, and none of its jobs runs on this machine."]
    return [
        "  It has ended, but these jobs are still running:",
        *(f"      {job}" for job in jobs),
        "  They finish their work, and a new run uses it: fine-tuning and prediction wait for them. If the config",
        "  has changed since, end them first (kill PID), or they write results of the previous config.",
    ]


def _list_processes() -> tuple[list[str], list[str]]:
    """List the runs of Snakemake, and the jobs of this workflow, that run in this folder on this machine."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    processes = psutil.process_iter(["cwd", "cmdline", "create_time", "ppid"], ad_value=None)
    others = (process for process in processes if process.pid not in own)
    here = {process.pid: process.info for process in others if process.info["cwd"] == os.getcwd()}
    runs, jobs = [], []
    for pid, info in here.items():
        words = info["cmdline"] or []
        since = f"since {datetime.fromtimestamp(info['create_time']).astimezone():%FT%T%z}"
        scripts = [word for word in words if word.startswith(JOBS)]
        if scripts and scripts[0] not in (here.get(info["ppid"], {}).get("cmdline") or []):  # else a job's helper
            jobs.append(f"pid {pid} {since}: {scripts[0].removeprefix(JOBS)}, {words[-1]}")
        elif "snakemake" in (Path(word).name for word in words[1:4]) and "--mode" not in words:
            runs.append(f"pid {pid} {since}")
    return runs, jobs
