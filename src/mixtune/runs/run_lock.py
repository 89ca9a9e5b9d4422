"""What a run of Snakemake that was killed leaves in its folder: Snakemake's lock, and jobs that may still run.

Snakemake's locks name files, not the process that made them. So a run holds a lock of its own beside them
(`locks`), which tells who it is and is free when it has ended.
"""

import errno
import os
import shutil
import socket
import sys
from datetime import datetime
from pathlib import Path

import psutil

from ..artifacts import locks
from ..errors import UserError, disk_message

FOLDER = Path(".snakemake")
RUN = FOLDER / "mixtune-run"
JOBS = "workflow.scripts."
WRITTEN = ("results", "reports", "logs", "scratch")
NOTHING_STARTS = {"-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--report"}


def record() -> None:
    """Let others see that this process runs the workflow here, for as long as it lives."""
    locks.acquire(RUN, wait=False)


def check() -> None:
    """Before a run: tell on stderr who has locked this folder, what of it still runs, and what to do.

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
    """What to know and to do about a lock of Snakemake's in this folder; None where there is none."""
    made = [path.stat().st_mtime for path in FOLDER.glob("locks/*.lock")]
    if not made:
        return None
    # A run records itself after it has locked: an older record is of a run before.
    recorded = RUN.is_file() and RUN.stat().st_mtime >= min(made)
    run = locks.signature(RUN) if recorded else "an unknown process"
    runs, jobs = _processes()
    if runs or locks.is_held(RUN):
        return (
            f"mixtune: another snakemake runs in this folder: {'; '.join(runs) or run}.\n"
            "  What needs the same files has to wait: start again when it has ended. To end it, type\n"
            "      kill PID\n"
            "  with its pid: it starts no more jobs, and lets those that run finish."
        )
    lines = [f"mixtune: a snakemake that was killed has left a lock on this folder: {run}."]
    host = locks.SIGNATURE.fullmatch(run)
    if host and host[1] != socket.gethostname():
        lines.append(f"  It ran on {host[1]}: whether it or one of its jobs still lives can only be seen there.")
    elif jobs:
        lines += [
            "  It has ended, but of its jobs there still run:",
            *(f"      {job}" for job in jobs),
            "  They finish their work, and a new run uses it: fine-tuning and prediction wait for them. If the config",
            "  was changed since, end them first (kill PID), or they would write what it said before.",
        ]
    else:
        lines.append("  It has ended, and none of its jobs runs on this machine.")
    if shutil.which("squeue"):
        lines.append("  Jobs on the cluster are listed by: squeue --me --format '%i %T %k %Z' | grep -F \"$PWD\"")
    lines += ["  To go on where it stopped, type", "      snakemake --unlock", "  and then the same command again."]
    return "\n".join(lines)


def _processes() -> tuple[list[str], list[str]]:
    """The runs of Snakemake, and the jobs of this workflow, that live in this folder on this machine."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    processes = psutil.process_iter(["cwd", "cmdline", "create_time", "ppid"], ad_value=None)
    here = {p.pid: p.info for p in processes if p.info["cwd"] == os.getcwd() and p.pid not in own}
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
