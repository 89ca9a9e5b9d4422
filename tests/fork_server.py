"""Jobs of tests start from a process that has imported already: an import costs more than most jobs.

`start` makes a program `python` and the server behind it. The program is put first on the PATH of a workflow's run, or
started by its path. `python -m MODULE ...` and `python -c CODE ...` become a fork of the server, with the caller's
folder, environment, arguments and files, another process id, and another seed of Python's hashes than the tests have.
The first run of each of our programs and of Snakemake is the real command, and so is everything for which a fork would
not do: other arguments, and environments that libraries read when they are imported. Nothing of mixtune is imported
ahead, since each project brings its own copy.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

# What is imported before the first fork for a module of these names, or for CODE ("").
MODULES = {
    "": (
        "accelerate", "bitsandbytes", "pandas", "peft", "pyarrow.parquet", "transformers.models.llama.modeling_llama",
        "transformers.models.roberta.modeling_roberta", "transformers.trainer",
    ),
    "workflow.scripts": (
        "altair", "datasets", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "matplotlib.figure",
        "openai", "scipy.stats", "vl_convert",
    ),
    "snakemake": (
        "pulp", "pydantic", "rich.console", "smart_open", "snakemake.assets", "snakemake.cli", "snakemake.dag",
        "snakemake.executors.local", "snakemake.report.html_reporter", "snakemake.scheduling.greedy",
        "snakemake.storage",
    ),
}  # fmt: skip
AT_IMPORT = ("ATEN_", "CUDA_", "HF_", "OMP_")  # beginnings of variables that libraries read when they are imported
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
HEADER = 8  # bytes that hold a message's length
PROGRAM = """\
#!{python} -IS
import json, os, socket, sys

HERE, PYTHON, FROZEN, AT_IMPORT = {folder!r}, {python!r}, {frozen!r}, {at_import!r}
words = sys.argv[1:]
real = {{name: value for name, value in os.environ.items() if name.startswith(AT_IMPORT)}} != FROZEN
if words[0] == "-m" and words[1].startswith(("workflow.scripts.", "snakemake", "mixtune.cli")):
    try:
        os.mkdir(os.path.join(HERE, words[1]))
        real = True
    except FileExistsError:
        pass
elif words[0] != "-c":
    real = True
if real:
    os.execv(PYTHON, [PYTHON, *words])
data = json.dumps({{"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.path.join(HERE, "socket"))
    socket.send_fds(server, [len(data).to_bytes({header}, "big")], [0, 1, 2])
    server.sendall(data)
    status = int(server.recv(16) or 255)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def python() -> str:
    """The program, where the tests have started the server."""
    return str(Path(os.environ["MIXTUNE_TEST_FORKS"]) / "python")


def start(folder: Path) -> subprocess.Popen:
    """Make the program `python` in an empty folder, and start the server behind it.

    The server imports nothing before the first request, and ends when its standard input is closed.
    """
    environment = os.environ | ENVIRONMENT | {"PYTHONHASHSEED": "7"}
    frozen = {name: value for name, value in environment.items() if name.startswith(AT_IMPORT)}
    facts = {"python": sys.executable, "folder": str(folder), "frozen": frozen, "at_import": AT_IMPORT}
    program = folder / "python"
    program.write_text(PROGRAM.format(**facts, header=HEADER))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        command = [sys.executable, __file__, str(listener.fileno())]
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])


def _message(connection: socket.socket) -> tuple[dict, list[int]]:
    header, files, _, _ = socket.recv_fds(connection, HEADER, 3)
    data = bytearray()
    while len(data) < int.from_bytes(header, "big"):
        data += connection.recv(1 << 20)
    return json.loads(data), files


def _serve(listening: int) -> dict | None:
    """Fork a process for each message; returns the message in the fork, and None in the server when it is to end."""
    with socket.socket(fileno=listening) as listener, selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        connections: dict[int, socket.socket] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    for pid in connections:
                        os.kill(pid, signal.SIGKILL)
                    return None
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    message, files = _message(connection)
                    for name in MODULES:
                        if message["words"][1].startswith(name):
                            for module in MODULES[name]:
                                importlib.import_module(module)
                    gc.freeze()
                    pid = os.fork()
                    if pid == 0:
                        gc.enable()
                        for number, file in enumerate(files):
                            os.dup2(file, number)
                        for file in (*files, *connections.values(), connection):
                            os.close(file) if isinstance(file, int) else file.close()
                        return message
                    for file in files:
                        os.close(file)
                    connections[pid] = connection
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
                    selector.register(connection, selectors.EVENT_READ, pid)
                elif key.fileobj is connections.get(key.data):  # the program was killed
                    selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)
                else:
                    status = os.waitstatus_to_exitcode(os.waitpid(key.data, 0)[1])
                    selector.unregister(key.fileobj)
                    os.close(key.fileobj)
                    connection = connections.pop(key.data)
                    with contextlib.suppress(KeyError):
                        selector.unregister(connection)
                    with connection, contextlib.suppress(OSError):
                        connection.sendall(str(status).encode())


def _become(words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be `python WORDS` of a folder and an environment, from now on."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    option, program, *arguments = words
    sys.argv = [option if option == "-c" else program, *arguments]
    sys.path[0:1] = [folder, *environment.get("PYTHONPATH", "").split(os.pathsep)]
    status = 0
    try:
        if option == "-c":
            exec(program, {"__name__": "__main__"})
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    # As multiprocessing's forks end: to take a process of so many modules apart costs more than most jobs.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    gc.disable()  # in the server, which only imports
    message = _serve(int(sys.argv[1]))
    if message is not None:
        _become(**message)
