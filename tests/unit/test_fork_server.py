"""A fork is like the command in what a caller sees: output, status, signals, folder, environment."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tests import fork_server

WHO = """
import os, sys
print(os.getpid(), os.getcwd(), os.environ["X"], sys.argv, sys.stdin.read(), "torch" in sys.modules)
"""


def run(*words: str, **more) -> subprocess.CompletedProcess:
    environment = os.environ | fork_server.ENVIRONMENT | {"X": "y"} | more.pop("environment", {})
    return subprocess.run(
        [fork_server.python(), *words], env=environment, capture_output=True, text=True, timeout=300, **more
    )


def test_a_fork_has_its_callers_folder_environment_arguments_and_input(tmp_path):
    pid, *values = run("-c", WHO, "a b", cwd=tmp_path, input="in").stdout.split()
    assert values == [str(tmp_path), "y", "['-c',", "'a", "b']", "in", "True"]
    assert int(pid) != os.getpid()
    assert run("-c", WHO, input="").stdout.split()[0] != pid


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('why')", 1, "why"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import atexit, sys; atexit.register(print, 'end', file=sys.stderr)", 0, "end"),
    ],
)
def test_it_ends_as_the_command_does(code, status, message):
    for python in (fork_server.python(), sys.executable):
        environment = os.environ | fork_server.ENVIRONMENT
        ended = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
        assert ended.returncode == status
        assert message in ended.stderr


def test_it_dies_with_its_caller():
    command = [fork_server.python(), "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(300)"]
    environment = os.environ | fork_server.ENVIRONMENT
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as caller:
        pid = int(caller.stdout.readline())
        caller.kill()
        assert caller.stdout.read() == ""  # whose other end the fork held
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(60)


@pytest.mark.parametrize("environment", [{"HF_HOME": "/elsewhere"}, {"OMP_NUM_THREADS": "2"}])
def test_what_libraries_read_when_they_are_imported_makes_it_the_real_command(environment):
    assert run("-c", WHO, input="", environment=environment).stdout.endswith("False\n")


def test_the_first_run_of_a_program_is_the_real_command(tmp_path):
    program = tmp_path / "workflow" / "scripts" / "seen_once.py"
    program.parent.mkdir(parents=True)
    program.write_text("import sys; print('torch' in sys.modules)")
    printed = [run("-m", "workflow.scripts.seen_once", cwd=tmp_path).stdout for _ in range(3)]
    assert printed == ["False\n", "True\n", "True\n"]
