"""The command `mixtune`."""

import argparse
from collections.abc import Sequence

from . import __version__
from .commands import audit, clean, doctor, merge, predict, status, why
from .errors import NOT_FOR_TUNING, block_imports, run


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; docs/cli.md is made from it."""
    parser = argparse.ArgumentParser(prog="mixtune", description="Small language models for relation extraction.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (predict, merge, audit, doctor, status, why, clean):
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; errors that a user can act on end it with a message and status 1."""
    args = parser().parse_args(argv)
    run(lambda: args.function(args))


def program() -> None:
    """Run the command in a process of its own."""
    block_imports(NOT_FOR_TUNING)
    main()


if __name__ == "__main__":
    program()
