"""Locks between real processes: one at a time, free when their holder is dead, and found by those who come later."""

import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mixtune.artifacts.locks import acquire, exclusive, is_held, signature

# Takes a lock, says so, and holds it until its input is closed.
HOLDER = """
import sys
from pathlib import Path
from mixtune.artifacts.locks import exclusive

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(path, program: str = HOLDER) -> subprocess.Popen:
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", program, str(path)], text=True, **pipes)


@contextmanager
def holder(path, program: str = HOLDER):
    """A process that has the lock."""
    process = start(path, program)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.__exit__(None, None, None)


@contextmanager
def waiter(path, pid: int):
    """A process that waits for the lock of another."""
    process = start(path)
    since = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    host = re.escape(socket.gethostname())
    message = f"pid {pid} on {host} {since} is already running this job; waiting for it to finish"
    assert re.fullmatch(message, process.stdout.readline().strip())
    yield process
    process.kill()
    process.__exit__(None, None, None)


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "scratch" / "work" / "lock"


def test_a_lock_is_held_for_its_block(lock):
    assert not is_held(lock)
    with exclusive(lock):
        assert is_held(lock)
        assert re.match(rf"pid {os.getpid()} on \S+ since \S+", signature(lock))
    assert not is_held(lock)
    with pytest.raises(KeyError), exclusive(lock):
        raise KeyError
    assert not is_held(lock)


def test_jobs_never_overlap(lock, tmp_path):
    # Each marks the work as its own; a mark that exists already is another job at the same work.
    job = """
import os, sys, time
from pathlib import Path
from mixtune.artifacts.locks import exclusive

with exclusive(Path(sys.argv[1])):
    mark = Path(sys.argv[1]).parent / "mark"
    mark.touch(exist_ok=False)
    time.sleep(0.05)
    mark.unlink()
"""
    jobs = [start(lock, job) for _ in range(6)]
    assert [job.wait(60) for job in jobs] == [0] * 6


def test_who_waits_goes_on_when_the_holder_ends(lock):
    with holder(lock) as first, waiter(lock, first.pid) as second:
        first.stdin.close()
        assert second.stdout.readline() == "held\n"
        assert signature(lock).startswith(f"pid {second.pid} on ")


def test_the_lock_of_a_killed_process_is_free(lock):
    with holder(lock) as first, waiter(lock, first.pid) as second:
        first.send_signal(signal.SIGKILL)
        assert second.stdout.readline() == "held\n"


def test_a_program_that_the_holder_started_does_not_keep_its_lock(lock):
    child = HOLDER.replace(
        "    sys.stdin.read()",
        "    import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n    sys.stdin.read()",
    )
    with holder(lock, child) as first:
        sleeper = int(first.stdout.readline())
        assert is_held(lock)
        first.kill()
        first.wait()
        os.kill(sleeper, 0)  # it lives
        assert not is_held(lock)
        os.kill(sleeper, signal.SIGKILL)


def test_who_waits_at_a_removed_folder_has_a_lock_that_others_find(lock):
    with holder(lock) as first, waiter(lock, first.pid) as second:
        lock.unlink()
        lock.parent.rmdir()
        first.stdin.close()
        assert second.stdout.readline() == "held\n"
        assert is_held(lock)


def test_a_folder_that_is_removed_in_the_wrong_moment_is_made_again(lock, monkeypatch):
    plain, tries = os.open, []

    def remove_first(path, *arguments):
        if path == lock and not tries:
            tries.append(path)
            lock.parent.rmdir()
        return plain(path, *arguments)

    monkeypatch.setattr(os, "open", remove_first)
    with exclusive(lock):
        assert is_held(lock)
    assert tries


def test_a_lock_that_need_not_be_had_is_not_waited_for(lock):
    with holder(lock) as first:
        assert acquire(lock, wait=False) is None
        assert signature(lock).startswith(f"pid {first.pid} on ")
    descriptor = acquire(lock, wait=False)
    assert is_held(lock)
    os.close(descriptor)


@pytest.mark.parametrize("content", [b"", b"\x1b[31mred", b"pid 1 on \xff", b"pid 1; rm -rf / on x since 1"])
def test_a_signature_shows_nothing_but_a_process(lock, content):
    lock.parent.mkdir(parents=True)
    lock.write_bytes(content)
    assert signature(lock) == "an unknown process"


def test_without_locks_of_the_file_system_work_goes_on_and_says_so(lock, monkeypatch, capsys):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with exclusive(lock):
        assert "cannot be locked (No locks available); do not start a job twice here" in capsys.readouterr().out
    assert not is_held(lock)


def test_a_lock_that_this_user_may_not_have_is_an_error(lock, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(PermissionError), exclusive(lock):
        pass
