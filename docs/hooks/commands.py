"""Reference of commands: the output of `mixtune … --help`, and the targets of the Makefile."""

import argparse
import os
import re
from pathlib import Path
from unittest import mock

from mixtune.cli import parser

_TARGET = re.compile(r"^# (.+)\n([a-z-]+):", re.MULTILINE)


def page() -> str:
    """Return one section per command, with its help."""
    subparsers = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    with mock.patch.dict(os.environ, COLUMNS="84", NO_COLOR="1"):
        sections = [
            f"## `mixtune {name}` {{#{name}}}\n\n```text\n{command.format_help()}```"
            for name, command in subparsers.choices.items()
        ]
    return "\n\n".join(sections)


def targets(root: Path) -> str:
    """Return a table of the Makefile's targets, each with the comment above it."""
    rows = [
        f"| `make {name}` | {comment} |" for comment, name in _TARGET.findall((root / "Makefile").read_text("utf-8"))
    ]
    return "\n".join(["| command | effect |", "|---|---|", *rows])
