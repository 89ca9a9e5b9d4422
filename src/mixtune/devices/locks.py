"""Locks on parts of devices. A process holds a part until it and all its forks have ended.

Each device has twelve parts, which are files under flock. A job that needs a whole device takes all of them, a job
that needs a half takes six. So jobs can never share more of a device than there is.
"""

import fcntl
import os
import re
import shlex
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

PARTS = 12  # of a device; a half, a third, a quarter and a sixth of it are whole numbers of parts


def take(devices: Sequence[str], count: int, parts: int, folder: str) -> tuple[list[str], dict[str, str]]:
    """Lock parts of several devices until this process ends, or nothing.

    Args:
        devices: Ids of the devices to choose from.
        count: Number of devices; those with the most free parts are taken, and of these the first.
        parts: Number of parts of each.
        folder: Folder of the lock files; created for all users if missing.

    Returns:
        The devices of which parts are now held (none, or `count`), and the holders of those with too few free parts.

    Raises:
        OSError: The folder cannot be used, or is not safe to share.
    """
    free: dict[str, list[int]] = {}
    holders: dict[str, str] = {}
    with ExitStack() as stack:
        directory = _directory(folder, stack)
        for device in devices:
            free[device] = []
            busy = []
            for part in range(PARTS):
                descriptor = _open(f"{device.replace('/', '_')}.{part}.lock", directory)
                stack.callback(os.close, descriptor)
                if _lock(descriptor):
                    free[device].append(descriptor)
                else:
                    busy.append(_signature(descriptor))
            if len(free[device]) < parts:
                holders[device] = " and by ".join(dict.fromkeys(busy))
            if sum(len(held) == PARTS for held in free.values()) == count:
                break  # enough idle devices: none can be better
        fit = sorted((device for device in free if device not in holders), key=lambda device: -len(free[device]))
        if len(fit) < count:
            return [], holders
        for device in fit[:count]:
            for descriptor in free[device][:parts]:
                _keep(os.dup(descriptor))  # the same lock, which the end of this block does not close
        return fit[:count], holders


def _directory(folder: str, stack: ExitStack) -> int:
    """Open the folder until the stack ends; create it if missing."""
    stack.callback(os.umask, os.umask(0))  # new files are open to all users from the first moment
    with suppress(FileExistsError):
        os.mkdir(folder, 0o1777)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    stack.callback(os.close, directory)
    if not os.fstat(directory).st_mode & stat.S_ISVTX:
        raise OSError("it is not sticky, so that any user could replace a lock")
    return directory


def _open(name: str, directory: int) -> int:
    """Open a lock file, created if missing; refuse a link, or anything else than a plain file."""
    # Not with O_CREAT alone: fs.protected_regular forbids that for another user's file in a sticky folder.
    for create in (0, os.O_CREAT | os.O_EXCL, 0):
        with suppress(FileNotFoundError, FileExistsError):
            descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | create, 0o666, dir_fd=directory)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
                return descriptor
            os.close(descriptor)
            raise OSError(f"{name} is a link or no plain file")
    raise OSError(f"{name} was removed while it was opened")


def _lock(descriptor: int) -> bool:
    """Take a lock and return whether it was free; it counts only while its file has a name, by which others find it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_nlink > 0
    return False


def _keep(descriptor: int) -> None:
    """Let exec inherit a lock, and sign it; only people read the signature, so a full disk is no failure."""
    os.set_inheritable(descriptor, True)
    user = os.environ.get("USER", os.getuid())
    text = f"pid {os.getpid()}, user {user}, since {time.strftime('%FT%T%z')}: {shlex.join(sys.argv[1:])}"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(errors="replace"), 0)


def _signature(descriptor: int) -> str:
    """Return the last holder's signature; any user may have written it, so control characters are replaced."""
    text = os.pread(descriptor, 300, 0).decode(errors="replace")
    return re.sub(r"[^ -~]", "?", text) or "an unknown process"
