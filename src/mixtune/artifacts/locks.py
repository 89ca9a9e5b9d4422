"""Locks between jobs, on one machine or on several that share a disk: two jobs never do the same work at once.

A lock is flock on a file, which says who holds it. The kernel frees it when its holder ends in whatever way, kill
-9 included, and so a lock that was left behind does not exist. On NFS, Linux hands flock to the server as a lock of
the whole file, so it holds between machines (version 4, or 3 with its lock service; not where a mount option keeps
locks local), and the server frees the locks of a machine that is gone when its lease has run out. A file system
that has no locks at all is told of, and work goes on without one.

Whoever removes a lock file that is held removes the lock for those who come later; those who wait still wait.
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

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
SIGNATURE = re.compile(r"pid \d+ on ([\w.-]+) since [\d:T+-]+")


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock for a block; while another process has it, wait, and say for whom.

    Args:
        path: The lock's file; it and its folder are made if need be, and stay.
    """
    descriptor = acquire(path)
    try:
        yield
    finally:
        os.close(descriptor)


def acquire(path: Path, wait: bool = True) -> int | None:
    """Take a lock, and hold it until the descriptor that is returned is closed or this process has ended.

    Args:
        path: As for `exclusive`.
        wait: Whether to wait for a lock that another process has, rather than to return None.
    """
    while True:
        descriptor = _open(path)
        try:
            free = _lock(descriptor, fcntl.LOCK_NB)
            if not free and wait:
                print(f"the same work is being done by {signature(path)}: waiting for its end", flush=True)
                free = _lock(descriptor)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(f"warning: {path} cannot be locked ({error.strerror}): start nothing twice here", flush=True)
            free = True
        if free and _is(descriptor, path):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)
        if not free:
            return None
        # Else it was removed while we waited, and whoever comes later would not find it: again.


def is_held(path: Path) -> bool:
    """Whether some process holds a lock."""
    with suppress(OSError), path.open("r+") as file:
        return not _lock(file.fileno(), fcntl.LOCK_NB)
    return False


def signature(path: Path) -> str:
    """Who has taken a lock last: `pid 7 on host since 2026-01-31T12:00:00+0000`."""
    with suppress(OSError, ValueError):
        match = SIGNATURE.match(path.read_text(encoding="ascii"))  # nothing else, as anyone may have written it
        return match[0] if match else "an unknown process"
    return "an unknown process"


def _open(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its folder was removed in this moment
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not handed on to programs that it starts


def _lock(descriptor: int, mode: int = 0) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | mode)
        return True
    return False


def _is(descriptor: int, path: Path) -> bool:
    """Whether a path still leads to an open file. (On NFS a removed file keeps a name, so that links tell nothing.)"""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _sign(descriptor: int) -> None:
    """Write who holds a lock; only people read that, so a full disk is no failure."""
    text = f"pid {os.getpid()} on {socket.gethostname()} since {time.strftime('%FT%T%z')}\n"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode("ascii", "replace"), 0)
        os.fsync(descriptor)  # for other machines
