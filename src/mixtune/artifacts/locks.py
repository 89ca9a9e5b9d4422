"""Locks between jobs, on one machine or on several that share a disk: two jobs never do the same work at once.

A lock is flock on a file, which contains the holder's signature. The kernel releases it when its holder ends in
whatever way, kill -9 included, so there are no stale locks. On NFS, Linux passes flock to the server as a lock of the
whole file, so it holds between machines (version 4, or 3 with its lock service; not where a mount option keeps locks
local), and the server releases the locks of a lost machine when its lease expires. On a file system without locks a
warning is printed, and work continues without one.

Removing the file of a held lock removes the lock for later processes; those that wait already still wait.
"""

import errno
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import overload

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
SIGNATURE = re.compile(r"pid \d+ on ([\w.-]+) since [\d:T+-]+")


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock for a block; while another process holds it, print its signature and wait.

    Args:
        path: The lock's file; it and its folder are created if missing, and stay.
    """
    descriptor = acquire(path)
    try:
        yield
    finally:
        os.close(descriptor)


@overload
def acquire(path: Path) -> int: ...
@overload
def acquire(path: Path, wait: bool) -> int | None: ...
def acquire(path: Path, wait: bool = True) -> int | None:
    """Take a lock; it is held until the returned descriptor is closed or this process ends.

    Args:
        path: As for `exclusive`.
        wait: Wait for a lock that another process holds; else return None then.
    """
    while True:
        descriptor = _open(path)
        try:
            free = _lock(descriptor, fcntl.LOCK_NB)
            if not free and wait:
                print(f"{signature(path)} is already running this job; waiting for it to finish", flush=True)
                free = _lock(descriptor)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(f"warning: {path} cannot be locked ({error.strerror}); do not start a job twice here", flush=True)
            free = True
        if free and _is_same(descriptor, path):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)
        if not free:
            return None
        # Else the file was removed meanwhile, so that later processes would not find the lock: try again.


def is_held(path: Path) -> bool:
    """Return whether some process holds a lock."""
    with suppress(OSError), path.open("r+") as file:
        return not _lock(file.fileno(), fcntl.LOCK_NB)
    return False


def signature(path: Path) -> str:
    """Return the signature of a lock's last holder: `pid 7 on host since 2026-01-31T12:00:00+0000`."""
    with suppress(OSError, ValueError):
        match = SIGNATURE.match(path.read_text(encoding="ascii"))  # nothing else: any user may have written it
        return match[0] if match else "an unknown process"
    return "an unknown process"


def _open(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its folder was removed meanwhile
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # child programs do not inherit it


def _lock(descriptor: int, mode: int = 0) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | mode)
        return True
    return False


def _is_same(descriptor: int, path: Path) -> bool:
    """Return whether a path still leads to an open file. (On NFS a removed file keeps a name: links do not help.)"""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _sign(descriptor: int) -> None:
    """Write the holder's signature into a lock; only people read it, so a full disk is no failure."""
    text = f"pid {os.getpid()} on {socket.gethostname()} since {time.strftime('%FT%T%z')}\n"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode("ascii", "replace"), 0)
        os.fsync(descriptor)  # for other machines
