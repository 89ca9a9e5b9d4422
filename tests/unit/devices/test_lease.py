"""Device leases: which devices are the pool's, and real processes that share pretend devices."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mixtune.devices import __main__ as program
from mixtune.devices import lease as leases
from mixtune.devices import locks as device_locks
from mixtune.devices.lease import Accelerator, DeviceError, lease, pool
from mixtune.devices.locks import PARTS

TWO = "0, GPU-aaaa-1111\n1, GPU-bbbb-2222\n"
ZERO, ONE = Accelerator("0", "0"), Accelerator("1", "1")

# Says that it runs, with which devices, and stays until its input is closed.
HOLDER = "import os, sys; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()"
IMPATIENT = (
    "import sys; from mixtune.devices import __main__ as program, lease; "
    "lease.PAUSE = (0.01, 0.05); sys.exit(program.main())"
)
SHOW = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"


@pytest.fixture
def environment(tmp_path):
    """A machine without devices or nvidia-smi; nothing of the real environment shows through."""
    (tmp_path / "bin").mkdir()
    source = Path(leases.__file__).parents[2]
    return {"PATH": str(tmp_path / "bin"), "MIXTUNE_LOCKS": str(tmp_path / "locks"), "PYTHONPATH": str(source)}


@pytest.fixture
def nvidia_smi(tmp_path, environment):
    """Puts an nvidia-smi on the PATH that prints a listing."""

    def install(listing: str, status: int = 0):
        program = tmp_path / "bin" / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{listing}'\nexit {status}\n")
        program.chmod(0o755)

    return install


def command(*program: str, count: int = 1) -> list[str]:
    return [sys.executable, "-m", "mixtune.devices", "--count", str(count), "--", *program]


def run(environment: dict, *program: str, count: int = 1, **more: str) -> subprocess.CompletedProcess:
    program = program or (sys.executable, "-c", SHOW)
    return subprocess.run(
        command(*program, count=count), env=environment | more, capture_output=True, text=True, timeout=10
    )


class Holder:
    """A program that waits for devices and keeps them; they are its own once `visible` has returned them."""

    def __init__(self, environment: dict, count: int = 1, **more: str):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(
            command(sys.executable, "-c", HOLDER, count=count), env=environment | more, text=True, **pipes
        )

    def visible(self) -> str:
        return self.process.stdout.readline().strip()

    def message(self) -> str:
        return self.process.stderr.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.__exit__(None, None, None)


def is_free(environment: dict, name: str) -> bool:
    """Whether all parts of a device are free."""
    for part in range(PARTS):
        with open(Path(environment["MIXTUNE_LOCKS"], f"{name}.{part}.lock")) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


# The pool


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, ["GPU-aaaa-1111", "GPU-bbbb-2222"]),
        ("1,0", ["GPU-bbbb-2222", "GPU-aaaa-1111"]),
        (" 1 , 0 ", ["GPU-bbbb-2222", "GPU-aaaa-1111"]),
        ("GPU-bbbb-2222", ["GPU-bbbb-2222"]),
        ("GPU-bb", ["GPU-bbbb-2222"]),
        ("0,GPU-aaaa-1111,0", ["GPU-aaaa-1111"]),
        ("MIG-cccc,MIG-GPU-aaaa-1111/1/0", ["MIG-cccc", "MIG-GPU-aaaa-1111/1/0"]),
        ("7", ["7"]),
        ("0,-1,1", ["GPU-aaaa-1111"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("../../etc/passwd", []),
    ],
)
def test_pool_is_what_cuda_visible_devices_names(environment, nvidia_smi, chosen, expected):
    nvidia_smi(TWO)
    chosen = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}
    assert [device.id for device in pool(environment | chosen)] == expected


@pytest.mark.parametrize(
    ("listing", "status"), [(None, 0), (TWO, 9), ("No devices were found", 0), ("0, [Unknown Error]", 0)]
)
def test_pool_without_a_working_nvidia_smi(environment, nvidia_smi, capsys, listing, status):
    if listing is not None:
        nvidia_smi(listing, status)
    assert pool(environment) == []
    assert pool(environment | {"CUDA_VISIBLE_DEVICES": "1,0"}) == [ONE, ZERO]
    assert ("exit status 9" in capsys.readouterr().err) == (status == 9)


def test_devices_are_identified_by_index_and_uuid(environment, nvidia_smi):
    nvidia_smi(TWO)
    named = environment | {"CUDA_VISIBLE_DEVICES": "GPU-bbbb-2222,MIG-cccc,5"}
    assert [str(device) for device in pool(named)] == [
        "device 1 (GPU-bbbb-2222)",
        "device MIG-cccc",
        "device 5",
    ]


# Leases


def test_eight_jobs_on_two_devices_never_overlap(environment, tmp_path):
    # Each job marks its devices as its own; a mark that exists already is another job on the same device.
    job = """
import os, sys, time
marks = [f"{sys.argv[1]}/busy-{d}" for d in os.environ["CUDA_VISIBLE_DEVICES"].split(",")]
for mark in marks: os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
time.sleep(0.1)
for mark in marks: os.unlink(mark)
print(len(marks), os.environ["CUDA_VISIBLE_DEVICES"])
"""
    impatient = IMPATIENT
    start = [sys.executable, "-c", impatient, "--count"]
    program = ["--", sys.executable, "-c", job, str(tmp_path)]
    counts = [1, 1, 1, 2, 1, 1, 2, 1]
    jobs = [
        subprocess.Popen(
            [*start, str(count), *program],
            env=environment | {"CUDA_VISIBLE_DEVICES": "0,1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for count in counts
    ]
    lines = [process.communicate(timeout=12)[0].split() for process in jobs]
    assert [process.returncode for process in jobs] == [0] * 8
    assert [int(number) for number, _ in lines] == counts
    assert {visible for _, visible in lines} == {"0", "1", "0,1"}


def test_kill_of_a_holder_frees_its_device(environment):
    with Holder(environment, CUDA_VISIBLE_DEVICES="3") as holder:
        assert holder.visible() == "3"
        assert not is_free(environment, "3")
        holder.process.kill()
        holder.process.wait()
        assert is_free(environment, "3")
        assert run(environment, CUDA_VISIBLE_DEVICES="3").stdout == "3\n"


def test_waiting_job_names_the_holder_and_takes_over_when_it_ends(environment, nvidia_smi):
    nvidia_smi(TWO)
    named = {"CUDA_VISIBLE_DEVICES": "1"}
    with Holder(environment, USER="ada", **named) as first:
        assert first.visible() == "GPU-bbbb-2222"
        with Holder(environment, **named) as second:
            expected = (
                r"mixtune: waiting for 1 device\(s\); held: device 1 \(GPU-bbbb-2222\) "
                rf"by pid {first.process.pid}, user ada, since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{{4}}: "
                r"--count 1 -- \S*python\S* -c .*"
            )
            assert re.fullmatch(expected, second.message())
            first.process.stdin.close()
            assert second.visible() == "GPU-bbbb-2222"
            assert second.message() == "mixtune: device 1 (GPU-bbbb-2222) leased"


def test_index_and_uuid_of_one_device_exclude_each_other(environment, nvidia_smi):
    nvidia_smi(TWO)
    with Holder(environment, CUDA_VISIBLE_DEVICES="0") as by_index:
        assert by_index.visible() == "GPU-aaaa-1111"
        with Holder(environment, CUDA_VISIBLE_DEVICES="GPU-aaaa-1111") as by_uuid:
            assert "waiting" in by_uuid.message()


def test_two_devices_are_taken_in_the_order_of_the_pool(environment):
    with Holder(environment, count=2, CUDA_VISIBLE_DEVICES="1,0") as both:
        assert both.visible() == "1,0"
        assert both.message() == "mixtune: device 1, device 0 leased"
        assert not is_free(environment, "0")
        assert not is_free(environment, "1")


def test_a_job_that_lacks_one_device_keeps_none(environment):
    named = {"CUDA_VISIBLE_DEVICES": "0,1"}
    with Holder(environment, CUDA_VISIBLE_DEVICES="1") as one:
        assert one.visible() == "1"
        with Holder(environment, count=2, **named) as both:
            assert "held: device 1 by pid" in both.message()
            assert is_free(environment, "0")
            assert run(environment, **named).stdout == "0\n"


def test_the_program_itself_holds_the_lock(environment):
    with Holder(environment, CUDA_VISIBLE_DEVICES="0") as holder:
        assert holder.visible() == "0"
        proc = Path("/proc", str(holder.process.pid))
        if proc.exists():
            assert proc.joinpath("cmdline").read_text().split("\0")[1:3] == ["-c", HOLDER]
            locks = {os.path.realpath(Path(environment["MIXTUNE_LOCKS"], f"0.{part}.lock")) for part in range(PARTS)}
            assert locks <= {os.path.realpath(link) for link in proc.joinpath("fd").iterdir()}
        assert not is_free(environment, "0")


def test_waiting_job_speaks_at_once_and_then_every_minute(tmp_path, monkeypatch, capsys):
    folder = str(tmp_path / "locks")
    lease([ZERO], 1, folder)
    clock = [1000.0]

    def sleep(seconds):
        assert 0.5 <= seconds <= 2
        clock[0] += 20
        if clock[0] > 1130:
            raise InterruptedError

    monkeypatch.setattr(leases.time, "sleep", sleep)
    monkeypatch.setattr(leases.time, "monotonic", lambda: clock[0])
    with pytest.raises(InterruptedError):
        lease([ZERO], 1, folder)
    assert capsys.readouterr().err.count("waiting") == 3  # at 0, 60 and 120 s


# Shared devices


@pytest.mark.parametrize(
    "shares", [[1] * 16, [3] * 16, [1, 2, 3, 4, 6, 12, 2, 4] * 2], ids=["alone", "thirds", "each as it likes"]
)
def test_sixteen_jobs_never_have_more_of_a_device_than_there_is(environment, shares):
    # Each job prints when it began and when it ended; every fourth ends by SIGKILL.
    job = """
import os, signal, sys, time
begin = time.monotonic_ns()
time.sleep(0.1)
print(os.environ["CUDA_VISIBLE_DEVICES"], begin, time.monotonic_ns(), flush=True)
os.kill(os.getpid(), int(sys.argv[1]))
"""
    impatient = IMPATIENT
    start = [sys.executable, "-c", impatient, "--count", "1", "--jobs-per-device"]
    signals = [signal.SIGKILL if number % 4 == 0 else 0 for number in range(16)]
    jobs = [
        subprocess.Popen(
            [*start, str(share), "--", sys.executable, "-c", job, str(int(end))],
            env=environment | {"CUDA_VISIBLE_DEVICES": "0,1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for share, end in zip(shares, signals, strict=True)
    ]
    lines = [process.communicate(timeout=60)[0].split() for process in jobs]
    assert [-process.returncode for process in jobs] == signals
    runs = [
        (device, int(begin), int(end), PARTS // share)
        for (device, begin, end), share in zip(lines, shares, strict=True)
    ]
    for device, now, _, _ in runs:
        assert sum(parts for other, begin, end, parts in runs if other == device and begin <= now < end) <= PARTS
    assert {device for device, *_ in runs} == {"0", "1"}


@pytest.fixture
def attempt(tmp_path, monkeypatch, capsys):
    """Leases once, for the rest of the test process's life, and returns the devices or what the waiting job says."""

    def no_time(_):
        raise InterruptedError

    def try_once(pool, jobs_per_device, count=1):
        monkeypatch.setattr(leases.time, "sleep", no_time)
        try:
            return lease(pool, count, str(tmp_path / "locks"), jobs_per_device)
        except InterruptedError:
            return capsys.readouterr().err

    return try_once


def test_two_halves_fill_a_device(attempt):
    assert attempt([ZERO], 2) == [ZERO]
    assert attempt([ZERO], 2) == [ZERO]
    assert attempt([ZERO], 12).startswith("mixtune: waiting for 1 device(s), 1/12 of each; held: device 0 by pid")


def test_shares_of_different_size_add_up(attempt):
    assert attempt([ZERO], 2) == [ZERO]
    assert attempt([ZERO], 3) == [ZERO]
    assert "waiting" in attempt([ZERO], 4)
    assert attempt([ZERO], 6) == [ZERO]
    assert "waiting" in attempt([ZERO], 12)


def test_a_job_that_is_to_be_alone_meets_no_other(attempt):
    assert attempt([ZERO, ONE], 12) == [ZERO]
    assert attempt([ZERO, ONE], 1) == [ONE]
    assert attempt([ZERO, ONE], 1).count("by pid") == 2
    assert attempt([ZERO, ONE], 4) == [ZERO]


def test_jobs_that_share_spread_over_the_devices(attempt):
    assert [attempt([ZERO, ONE], 4)[0] for _ in range(4)] == [ZERO, ONE, ZERO, ONE]


def test_a_job_may_share_several_devices(attempt):
    assert attempt([ZERO, ONE], 2, count=2) == [ZERO, ONE]
    assert attempt([ZERO, ONE], 1).count("by pid") == 2
    assert attempt([ZERO, ONE], 2, count=2) == [ZERO, ONE]


def test_the_share_of_a_leased_device_is_printed(environment):
    start = [sys.executable, "-m", "mixtune.devices", "--count", "1", "--jobs-per-device", "3", "--"]
    named = environment | {"CUDA_VISIBLE_DEVICES": "7"}
    result = subprocess.run([*start, sys.executable, "-c", SHOW], env=named, capture_output=True, text=True, timeout=10)
    assert (result.stdout, result.stderr) == ("7\n", "mixtune: device 7 leased, 1/3 of each\n")


@pytest.mark.parametrize("jobs_per_device", [0, 5, 24, -1])
def test_shares_that_do_not_exist(attempt, jobs_per_device):
    with pytest.raises(
        DeviceError, match=rf"^--jobs-per-device must be one of 1, 2, 3, 4, 6, 12, not {jobs_per_device};"
    ):
        attempt([ZERO], jobs_per_device)


# The program


def test_program_gets_its_arguments_untouched(environment):
    echo = "import sys; print(sys.argv[1:])"
    result = run(environment, sys.executable, "-c", echo, "--count", "9", "--", "a b", MIXTUNE_DEVICE="cpu")
    assert result.stdout == "['--count', '9', '--', 'a b']\n"


def test_program_status_is_the_status(environment):
    assert run(environment, "/bin/sh", "-c", "exit 7", MIXTUNE_DEVICE="cpu").returncode == 7


def test_program_can_be_ended_by_sigpipe(environment):
    result = run(environment, "/bin/sh", "-c", "kill -PIPE $$", MIXTUNE_DEVICE="cpu")
    assert result.returncode == -signal.SIGPIPE


def test_program_not_found(environment):
    result = run(environment, "no-such-program", CUDA_VISIBLE_DEVICES="0")
    assert result.returncode == 127
    assert result.stderr.endswith("error: cannot start no-such-program: No such file or directory\n")
    assert is_free(environment, "0")


@pytest.mark.parametrize("arguments", [[], ["--count", "1"], ["--count", "1", "--"], ["--", "true"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        program.main(arguments)
    assert "usage: python -m mixtune.devices --count N -- PROGRAM [ARGS...]" in capsys.readouterr().err


# Where nothing is leased


def test_cpu_hides_all_devices(environment):
    result = run(environment, MIXTUNE_DEVICE="cpu", CUDA_VISIBLE_DEVICES="0,1")
    assert (result.stdout, result.stderr) == ("\n", "")
    assert not Path(environment["MIXTUNE_LOCKS"]).exists()


STEP = {"SLURM_JOB_ID": "12", "SLURM_STEP_ID": "0"}


@pytest.mark.parametrize(
    "more", [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "3,1"}, {}, {"MIXTUNE_DEVICE": "cuda"}]
)
def test_devices_of_a_slurm_step_are_left_as_they_are(environment, more):
    result = run(environment, count=2, **STEP, **more)
    assert (result.stdout, result.stderr) == (f"{more.get('CUDA_VISIBLE_DEVICES')}\n", "")
    assert not Path(environment["MIXTUNE_LOCKS"]).exists()


@pytest.mark.parametrize(
    ("more", "visible"),
    [
        pytest.param({"SLURM_JOB_ID": "12"}, "3", id="batch script"),
        pytest.param({"SLURM_STEP_ID": "0"}, "3", id="no job"),
        pytest.param(STEP | {"SLURM_PTY_PORT": "34889"}, "3", id="interactive step"),
        pytest.param(STEP, "3,1", id="step shared by a group"),
    ],
)
def test_jobs_that_share_a_slurm_allocation_lease(environment, more, visible):
    result = run(environment, CUDA_VISIBLE_DEVICES=visible, **more)
    assert (result.stdout, result.stderr) == ("3\n", "mixtune: device 3 leased\n")


@pytest.mark.parametrize(
    ("more", "count", "message"),
    [
        ({}, 1, "no CUDA device.*MIXTUNE_DEVICE=cpu.*`make demo`"),
        ({"CUDA_VISIBLE_DEVICES": ""}, 1, "no CUDA device.*MIXTUNE_DEVICE=cpu.*`make demo`"),
        (
            {"CUDA_VISIBLE_DEVICES": "0,1"},
            3,
            r"--count must be 1 to 2 \(device 0, device 1\), not 3",
        ),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, 0, "--count must be 1 to 2 .*, not 0"),
        (
            {"MIXTUNE_DEVICE": "gpu", "CUDA_VISIBLE_DEVICES": "0"},
            1,
            "MIXTUNE_DEVICE: unknown value 'gpu'.*cpu, cuda",
        ),
        ({"MIXTUNE_LOCKS": "/no/such/folder", "CUDA_VISIBLE_DEVICES": "0"}, 1, "locked in /no/such/folder"),
    ],
)
def test_errors_say_what_to_do(environment, more, count, message):
    result = run(environment, count=count, **(environment | more))
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.search(f"^mixtune: error: .*{message}", result.stderr)


# The shared folder


def test_folder_and_files_are_open_to_all_users_whatever_the_umask(tmp_path):
    umask = os.umask(0o077)
    try:
        lease([ZERO], 1, str(tmp_path / "locks"))
        (tmp_path / "private").touch()
    finally:
        os.umask(umask)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*")}
    assert modes == {"locks": 0o1777, "private": 0o600} | {f"0.{part}.lock": 0o666 for part in range(PARTS)}


def test_locks_of_other_users_open_under_fs_protected_regular(tmp_path, monkeypatch):
    folder = tmp_path / "locks"
    lease([ZERO], 1, str(folder))
    (folder / "1.0.lock").touch()
    real = os.open

    def protected(path, flags, *args, **kwargs):
        if flags & os.O_CREAT and (folder / path).exists():
            raise FileExistsError(path) if flags & os.O_EXCL else PermissionError(path)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(device_locks.os, "open", protected)
    assert lease([ZERO, ONE], 1, str(folder)) == [ONE]


def test_a_lock_file_that_was_removed_counts_no_more(tmp_path, monkeypatch):
    folder = tmp_path / "locks"
    real = fcntl.flock

    def remove_and_lock(descriptor, operation):  # a cleaner of /tmp comes between open and flock
        monkeypatch.setattr(device_locks.fcntl, "flock", real)
        (folder / "0.0.lock").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(device_locks.fcntl, "flock", remove_and_lock)
    monkeypatch.setattr(leases, "PAUSE", (0, 0))
    assert lease([ZERO], 1, str(folder)) == [ZERO]
    assert not is_free({"MIXTUNE_LOCKS": str(folder)}, "0")


def test_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "elsewhere").chmod(0o1777)
    (tmp_path / "locks").symlink_to("elsewhere")
    with pytest.raises(DeviceError, match=r"links.*MIXTUNE_LOCKS"):
        lease([ZERO], 1, str(tmp_path / "locks"))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_folder_that_is_not_sticky_is_refused(tmp_path):
    (tmp_path / "locks").mkdir()
    with pytest.raises(DeviceError, match=r"not sticky.*mode 1777"):
        lease([ZERO], 1, str(tmp_path / "locks"))


@pytest.mark.parametrize("link", [os.symlink, os.link, lambda _, name: os.mkfifo(name)])
def test_lock_file_that_leads_elsewhere_is_refused(tmp_path, link):
    folder, victim = tmp_path / "locks", tmp_path / "victim"
    folder.mkdir()
    folder.chmod(0o1777)
    victim.write_text("precious")
    link(victim, folder / "0.0.lock")
    with pytest.raises(DeviceError, match=r"0\.0\.lock"):
        lease([ZERO], 1, str(folder))
    assert victim.read_text() == "precious"


def test_signature_with_control_characters_reaches_no_terminal(tmp_path):
    (tmp_path / "0.0.lock").write_bytes(b"\x1b[2Jpid 1\n\xff")
    with open(tmp_path / "0.0.lock") as file:
        assert device_locks._signature(file.fileno()) == "?[2Jpid 1??"


def test_torch_is_not_imported():
    code = (
        "import sys, mixtune.devices.__main__; print([m for m in ('torch', 'pandas', 'pydantic') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
