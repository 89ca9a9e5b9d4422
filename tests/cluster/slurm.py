"""A Slurm cluster of one node with two pretend GPUs, for tests; run by whoever starts it, without systemd.

python tests/cluster/slurm.py install              # by apt-get, as root or with sudo
python tests/cluster/slurm.py start /tmp/cluster   # all that it writes is in this folder
eval "$(python tests/cluster/slurm.py env /tmp/cluster)"; sinfo; squeue --states=all
python tests/cluster/slurm.py stop /tmp/cluster
"""

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from string import Template

PATH = f"{os.environ['PATH']}:/usr/sbin"  # where the daemons are
FILES = {
    "slurm.conf": Path(__file__).with_name("slurm.conf").read_text(encoding="utf-8"),
    # Slurm wants device files, and hands these two out as it does GPUs.
    "gres.conf": "Name=gpu File=/dev/null,/dev/zero Flags=nvidia_gpu_env\n",
    # Slurm runs this before each task, and so records what it gives, whatever the task makes of it.
    "bin/record": "#!/bin/sh\necho $$SLURM_JOB_ID $${SLURM_STEP_ID--} $${CUDA_VISIBLE_DEVICES-none} >> $folder/tasks\n",
    # Snakemake's job step drops SLURM_CONF before it calls srun, which elsewhere finds its slurm.conf without.
    "bin/srun": '#!/bin/sh\nSLURM_CONF=$folder/slurm.conf exec $srun "$$@"\n',
}


def install() -> None:
    """Install Slurm, unless it is there."""
    if not shutil.which("slurmctld", path=PATH):
        apt = "apt-get -qq update && apt-get -qq install -y --no-install-recommends"
        shell = ["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", f"{apt} slurmctld slurmd slurm-client munge"]
        subprocess.run(["sudo", "-n", *shell] if os.geteuid() else shell, check=True)


def environment(folder: Path) -> dict[str, str]:
    """The variables with which Slurm's commands find the cluster."""
    return {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{PATH}"}


def run(folder: Path, *command: str) -> str:
    """What a command of Slurm's prints."""
    variables = os.environ | environment(folder)
    return subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


def wait(condition: Callable[[], object], problem: str, seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, problem
        time.sleep(0.1)


def start(folder: Path) -> None:
    """Start the cluster, and wait until its node takes jobs."""
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "munged.key").touch(0o600)
    (folder / "munged.key").write_bytes(os.urandom(128))
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        values = {"controller_port": one.getsockname()[1], "node_port": two.getsockname()[1]}
    values |= {"host": socket.gethostname().split(".")[0], "user": getpass.getuser()}
    values |= {"folder": folder, "srun": shutil.which("srun", path=PATH)}
    for name, text in FILES.items():
        (folder / name).write_text(Template(text).substitute(values))
        (folder / name).chmod(0o755)
    options = [f"--{kind}-file={folder}/munged.{kind}" for kind in ("key", "pid", "log", "seed")]
    run(folder, "munged", "--force", f"--socket={folder}/munge.socket", *options)
    run(folder, "slurmctld")
    run(folder, "slurmd")
    wait(lambda: run(folder, "sinfo", "-ho", "%T") == "idle\n", f"the node is not idle: see {folder}/slurmd.log")


def stop(folder: Path) -> None:
    """End the jobs and the daemons; what was recorded stays."""
    with suppress(subprocess.SubprocessError, AssertionError):  # the daemons are ended in any case
        run(folder, "scancel", "--me")
        wait(lambda: not run(folder, "squeue", "-h"), "a job does not end")
    for file in folder.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGTERM)
    wait(lambda: not list(folder.glob("*.pid")), f"a daemon has not ended well: see {folder}/*.log")


if __name__ == "__main__":
    action, folders = sys.argv[1], [Path(argument).absolute() for argument in sys.argv[2:]]
    if action == "env":
        print(*(f"export {name}={shlex.quote(value)}" for name, value in environment(*folders).items()), sep="\n")
    else:
        {"install": install, "start": start, "stop": stop}[action](*folders)
