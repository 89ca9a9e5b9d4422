"""The logger plugin in real runs: on a terminal one bar and each failure at once, elsewhere lines; events in both."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import snakemake_logger_plugin_mixtune as plugin
from mixtune.runs import events
from tests import fork_server
from tests.workflow.projects import ROOT, Project, overlay
from tests.workflow.test_commands import mixtune

SNAKEFILE = r"""
rule all:
    input: "slow", "bad"
rule slow:
    output: "slow"
    log: "logs/slow.log"
    message: "Make slow"
    shell: "for i in {{1..600}}; do test -e go && break; sleep 0.05; done; touch {output}"
rule bad:
    output: "bad"
    log: "logs/bad.log"
    message: "Make [bold]bad[/bold]"
    shell: "printf 'no input [/]\\n\033[2Jerror: broken\\n' > {log}; exit 1"
"""
CHILD = """
rule child:
    output: "child"
    run:
        import sys
        open(output[0], "w").write(" ".join(sys.argv))
"""
COMMAND = ("-k", "-c2", "--logger", "mixtune", "--show-failed-logs", "--scheduler", "greedy")
CONTROL = re.compile(r"\x1b\[\?25[lh]|\x1b\[([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)|(.)", re.DOTALL)


def read_screen(output: str) -> list[str]:
    """The lines that a terminal shows after this output; colours left out."""
    lines, row, column = [""], 0, 0
    for count, code, end, text, other in CONTROL.findall(output):
        assert not other, f"a control sequence that no text may bring along: {output!r}"
        if text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        elif end == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif end == "\r":
            column = 0
        elif code == "A":
            row -= int(count or 1)
        elif code == "K":
            lines[row] = ""
        else:
            assert code in ("", "m"), code
    return [line.rstrip() for line in lines if line.strip()]


def run_on_terminal(
    folder: Path, *arguments: str, on_output: Callable[[str], object] = len, **environment: str
) -> tuple[str, int]:
    """Run Snakemake on a terminal of 100 columns; `on_output` gets what was printed so far, whenever it grows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command, variables = start(folder, *arguments, **({"TERM": "xterm"} | environment))
    run = subprocess.Popen(command, cwd=folder, env=variables, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    output = b""
    try:
        while chunk := os.read(master, 65_536):
            output += chunk
            on_output(output.decode(errors="ignore"))
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(master)
        run.wait(timeout=60)
    return output.decode(), run.returncode


def start(folder: Path, *arguments: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a run."""
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src"), **fork_server.ENVIRONMENT} | environment
    variables["PATH"] = os.pathsep.join([str(Path(fork_server.python()).parent), variables["PATH"]])
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        if name not in environment:
            variables.pop(name, None)
    return [fork_server.python(), "-m", "snakemake", *arguments], variables


@pytest.fixture
def folder(tmp_path):
    """A workflow in which one job fails, and the other one ends when the file `go` exists."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def test_a_terminal_shows_one_bar_and_a_failure_as_soon_as_it_happens(folder):
    def go(output):
        if "log: logs/bad.log" in output and "  Make slow · " in output:  # while this other job runs
            (folder / "go").touch()

    output, status = run_on_terminal(folder, *COMMAND, on_output=go)
    assert status == 1
    (log,) = (folder / ".snakemake/log").glob("*.snakemake.log")
    log = log.relative_to(folder)
    assert read_screen(output[: output.index("\x1b[?25l")]) == [
        "Building DAG of jobs...",
        f"3 jobs; full log: {log}",
    ]
    assert re.search(r"━+.* 0 of 3 jobs · \d+ s", output)
    assert "  Make slow · " in output
    screen = read_screen(output)
    last = screen.pop()
    assert re.fullmatch(rf"1 of 3 jobs done, 1 failed, in \d+ s; full log: {re.escape(str(log))}", last)
    assert screen[2:] == [
        "failed: Make [bold]bad[/bold]",
        "  no input [/]",
        r"  \x1b[2Jerror: broken",
        "  log: logs/bad.log",
        "Exiting because a job execution failed. Look above for error messages",
        "WorkflowError:",
        "At least one job did not complete successfully.",
    ]
    assert "1 of 3 steps" in (folder / log).read_text()


def test_without_a_terminal_lines_are_printed_and_the_events_are_the_same(folder):
    """The events of one file: Snakemake's own process of a job writes none."""
    (folder / "go").touch()
    (folder / "Snakefile").write_text(SNAKEFILE.replace('"bad"\nrule', '"bad", "child"\nrule', 1) + CHILD)
    command, variables = start(folder, *COMMAND)
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert run.returncode == 1
    for part in ("Error in rule bad:", "log: logs/bad.log (check", "error: broken", "2 of 4 steps (50%) done"):
        assert part in run.stderr
    assert "of 4 jobs" not in run.stderr
    assert "--mode subprocess" in (folder / "child").read_text()
    assert len(list((folder / ".snakemake/log").glob(f"*{events.SUFFIX}"))) == 1
    state = events.read_last(folder / ".snakemake")
    assert (state.done, state.total, len(state.failed), state.unreadable) == (2, 4, 1, 0)
    (failure,) = state.failures
    assert (failure.rule, failure.title) == ("bad", "Make [bold]bad[/bold]")
    assert (failure.outputs, failure.logs) == ({"bad"}, ["logs/bad.log"])
    assert not state.running
    assert state.started < state.last


@pytest.fixture
def settings(monkeypatch):
    """Settings of Snakemake's output, on a terminal."""
    monkeypatch.setattr(plugin, "sys", SimpleNamespace(stderr=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    names = ("dryrun", "verbose", "printshellcmds", "debug_dag", "stdout")
    return SimpleNamespace(**dict.fromkeys(names, False), quiet=None)


def test_a_terminal_has_the_bar(settings):
    assert plugin.has_bar(settings)


@pytest.mark.parametrize("name", ["dryrun", "verbose", "printshellcmds", "debug_dag", "stdout"])
def test_requested_details_are_printed_as_lines(settings, name):
    setattr(settings, name, True)
    assert not plugin.has_bar(settings)


@pytest.mark.parametrize(("quiet", "has_bar"), [("ALL", False), ("PROGRESS", False), ("HOST", True), ("RULES", True)])
def test_a_run_without_progress_has_no_bar(settings, quiet, has_bar):
    from snakemake.settings.enums import Quietness

    settings.quiet = {Quietness[quiet]}
    assert plugin.has_bar(settings) is has_bar


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", None), ("CI", "true")])
def test_a_terminal_of_a_machine_has_no_bar(settings, monkeypatch, name, value):
    monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    assert not plugin.has_bar(settings)


def test_events_that_cannot_be_written_are_named_and_the_run_goes_on(folder):
    (folder / "go").touch()
    (folder / ".snakemake").mkdir()
    (folder / ".snakemake/log").write_text("no folder")
    command, variables = start(folder, *COMMAND, "slow")
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert run.returncode == 0
    assert "events of this run are lost from here on, for `mixtune status`: " in run.stderr
    assert "1 of 1 steps (100%) done" in run.stderr


def test_a_run_with_a_database_is_read_without_its_overlays(shipped, tmp_path):
    """A run of the workflow on a terminal, whose records are in a database; its overlay is gone afterwards."""
    project: Project = shipped.copy(tmp_path / "project")
    project.write(overlay(Path("no model"), Path("no encoder")))
    target = "results/benchmarks/gids/manifest.json"
    words = ["--configfile", "tiny.yaml", "--profile", "profiles/test", "--persistence-backend", "db", target]
    output, status = run_on_terminal(project.folder, *words, PYTHONPATH=str(project / "src"), MIXTUNE_DEVICE="cpu")
    assert status == 0, output
    *_, begin, end = read_screen(output)
    assert begin.startswith("1 job; full log: .snakemake/log/")
    assert end.startswith("1 of 1 jobs done, in ")
    (project / "tiny.yaml").unlink()
    printed = mixtune(project, "status")
    assert "6 systems: 0 done, 0 running, 6 waiting, 0 failed" in printed
    assert "no run is in progress" in printed
    printed = mixtune(project, "why", target)
    assert "[prepare_benchmark]" in printed
    assert "Snakemake has no record" not in printed
    assert not list((project / ".snakemake").glob("metadata/*"))
