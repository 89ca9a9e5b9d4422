"""The command `mixtune`."""

import argparse

from .commands import audit, clean, doctor, merge, predict, status, why
from .errors import NOT_FOR_TUNING, do_without, run


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; docs/cli.md is made from it."""
    parser = argparse.ArgumentParser(prog="mixtune", description="Small language models for relation extraction.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (predict, merge, audit, doctor, status, why, clean):
        command.add(commands)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the command; errors that a user can act on end it with a message and status 1."""
    args = parser().parse_args(argv)
    run(lambda: args.function(args))


def program() -> None:
    """The command in a process of its own."""
    do_without(NOT_FOR_TUNING)
    main()


if __name__ == "__main__":
    program()
