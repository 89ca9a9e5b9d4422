"""Locks on parts of devices. Who has locked a part holds it until it and all that it forked have ended.

Each device has twelve parts, which are files under flock. A job that is to be alone on a device takes all of
them, one that is content with a half takes six. So no mixture of jobs can have more of a device than there is.
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
    """Lock parts of several devices for good, or nothing.

    Args:
        devices: ids of the devices to choose from.
        count: how many devices; those with the most free parts are taken, and the first of these.
        parts: how many parts of each.
        folder: where the lock files are; made for all users if it does not exist.

    Returns:
        The devices of which parts are now held (none, or `count`), and who holds those that had too few left.

    Raises:
        OSError: the folder cannot be used, or is not safe to share.
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
            if sum(len(found) == PARTS for found in free.values()) == count:
                break  # nothing is better than idle devices
        fit = sorted((device for device in free if device not in holders), key=lambda device: -len(free[device]))
        if len(fit) < count:
            return [], holders
        for device in fit[:count]:
            for descriptor in free[device][:parts]:
                _keep(os.dup(descriptor))  # the same lock, which the end of this block does not close
        return fit[:count], holders


def _directory(folder: str, stack: ExitStack) -> int:
    """Open the folder, made if need be, until the stack ends."""
    stack.callback(os.umask, os.umask(0))  # what is made here is open to all users from the first moment
    with suppress(FileExistsError):
        os.mkdir(folder, 0o1777)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    stack.callback(os.close, directory)
    if not os.fstat(directory).st_mode & stat.S_ISVTX:
        raise OSError("it is not sticky, so that anybody could replace a lock")
    return directory


def _open(name: str, directory: int) -> int:
    """Open a lock file, made if need be, but nothing else that a link may lead to."""
    # Not with O_CREAT alone: fs.protected_regular forbids that for another user's file in a sticky folder.
    for create in (0, os.O_CREAT | os.O_EXCL, 0):
        with suppress(FileNotFoundError, FileExistsError):
            descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | create, 0o666, dir_fd=directory)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
                return descriptor
            os.close(descriptor)
            raise OSError(f"{name} is a link or no ordinary file")
    raise OSError(f"{name} was removed while it was opened")


def _lock(descriptor: int) -> bool:
    """Whether the lock was free; it counts only while its file has a name, by which others find it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_nlink > 0
    return False


def _keep(descriptor: int) -> None:
    """Hand a lock on to exec, signed with its holder; only people read that, so a full disk is no failure."""
    os.set_inheritable(descriptor, True)
    user = os.environ.get("USER", os.getuid())
    text = f"pid {os.getpid()}, user {user}, since {time.strftime('%FT%T%z')}: {shlex.join(sys.argv[1:])}"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(errors="replace"), 0)


def _signature(descriptor: int) -> str:
    """What the last holder wrote; any user may have written it, so no control character passes."""
    text = os.pread(descriptor, 300, 0).decode(errors="replace")
    return re.sub(r"[^ -~]", "?", text) or "an unknown process"
