"""The command and the package: version, types, and the ways to start it."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

import mixtune
import mixtune.commands.clean
from mixtune.cli import main
from tests import fork_server

ROOT = Path(__file__).resolve().parents[2]


def test_the_package_has_the_version_of_its_installation(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} 1.2")
    assert mixtune.__version__ == "mixtune 1.2"


def test_a_package_that_is_not_installed_has_an_unknown_version(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert mixtune.__version__ == "0+unknown"


def test_another_attribute_of_the_package_is_missing():
    with pytest.raises(AttributeError, match="module 'mixtune' has no attribute 'versions'"):
        mixtune.versions  # noqa: B018


def test_no_job_looks_the_version_up():
    """Importing the package loads no metadata, and no module but the command's reads the version."""
    program = "import sys; before = {*sys.modules}; import mixtune; print(*sorted({*sys.modules} - before))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["mixtune", "mixtune.version"]
    readers = [path.name for path in (ROOT / "src").rglob("*.py") if "import __version__" in path.read_text("utf-8")]
    assert readers == ["cli.py"]


def test_the_command_prints_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"mixtune {mixtune.__version__}\n"


def test_the_package_is_a_program():
    command = [fork_server.python(), "-m", "mixtune", "--version"]
    run = subprocess.run(command, env=os.environ | fork_server.ENVIRONMENT, capture_output=True, text=True, check=True)
    assert run.stdout == f"mixtune {mixtune.__version__}\n"


@pytest.mark.parametrize(("word", "status"), [("--help", 0), ("clean", 1)])  # argparse ignores it
def test_a_closed_pipe_ends_it_without_a_traceback(tmp_path, word, status):
    (tmp_path / "scratch").mkdir()
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "wb") as output:
        environment = os.environ | fork_server.ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-m", "mixtune.cli", word]
        run = subprocess.run(command, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.PIPE)
    assert (run.returncode, run.stderr) == (status, b"")


def test_ctrl_c_ends_every_command_with_status_130(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(mixtune.commands.clean, "clean", interrupted)
    with pytest.raises(SystemExit) as end:
        main(["clean"])
    assert end.value.code == 130


def test_a_path_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*File name too long; correct the path"):
        main(["why", "x" * 300])


def test_types_ship_with_the_package():
    """All files of the package's folder are in the wheel, and type checkers need this one."""
    assert resources.files("mixtune").joinpath("py.typed").is_file()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["packages"] == ["src/mixtune", "src/snakemake_logger_plugin_mixtune"]
    assert "exclude" not in build
