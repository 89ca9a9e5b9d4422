"""Odd values of every option of every command: one clear message and a status, and never a traceback."""

import argparse
import os
from pathlib import Path

import pytest

from mixtune.cli import main, parser
from mixtune.runs import machine_checks

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices
ODD = [
    "", " ", ".", "/", "nowhere", "file", "file/below", "broken.json", "pipe\n", "-1", "0", "nan", "inf", "1e999",
    "9" * 5000, "é\u202e", "x" * 5000, "-", "~", "*",
]  # fmt: skip
# What each command is given besides; `predict` and `merge` end before they load a model.
GIVEN = {
    "predict": ["--adapter", "nowhere"],
    "merge": ["--adapter", "adapter", "--output", "merged"],
    "audit": ["conll04"],
    "why": ["file"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the shipped config, a file, broken JSON, and an adapter whose weights are none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(machine_checks, "run_probe", lambda: {"problem": "no device"})
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    (tmp_path / "file").touch()
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "base"}')
    (tmp_path / "adapter/adapter_model.safetensors").write_text("no weights")


def options():
    for command, subparser in COMMANDS.items():
        for action in subparser._actions:
            if action.nargs != 0:  # it takes a value
                yield pytest.param(command, action, id=f"{command} {action.option_strings or action.dest}")


@pytest.mark.parametrize(("command", "action"), [*options()])
def test_an_odd_value_ends_with_a_message(command, action, capsys):
    option = action.option_strings[:1]
    given = GIVEN.get(command, [])
    if not option:
        given = []
    elif option[0] in given:
        given = [word for pair in zip(given[::2], given[1::2], strict=True) if pair[0] != option[0] for word in pair]
    for value in ODD:
        words = [f"{option[0]}={value}"] if option else ["--", value]
        status = 0
        try:
            main([command, *given, *words])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        message = status if isinstance(status, str) else captured.err.strip().splitlines()[-1:]
        assert status in (0, 1, 2) or status.startswith("error: "), (value, status)
        assert message or status == 0 or captured.out, (value, status)
        assert len(str(message)) < 600 + 2 * len(value), (value, message)
