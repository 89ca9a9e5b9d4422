"""The command `mixtune`."""

import argparse
import sys
from collections.abc import Sequence

from . import __version__
from .commands import audit, clean, doctor, merge, predict, status, why
from .errors import DISK, NOT_FOR_TUNING, UserError, block_imports, run


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; docs/cli.md is made from it."""
    parser = argparse.ArgumentParser(prog="mixtune", description="Small language models for relation extraction.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (predict, merge, audit, doctor, status, why, clean):
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; errors that a user can act on end it with a message and status 1, Ctrl-C with status 130."""
    try:
        run(lambda: _run(argv))
    except KeyboardInterrupt:
        sys.exit(130)


def _run(argv: Sequence[str] | None) -> None:
    try:
        args = parser().parse_args(argv)
        args.function(args)
    except OSError as error:
        if error.filename is None or error.errno in DISK:
            raise
        raise UserError(f"{error.filename}: {error.strerror}; correct the path") from error
    finally:
        sys.stdout.flush()  # here, where a closed pipe (`| head`) is an error that `run` handles


def program() -> None:
    """Run the command in a process of its own."""
    block_imports(NOT_FOR_TUNING)
    main()


if __name__ == "__main__":
    program()
