"""Subcommands of `mixtune`, one module per command: its arguments and its function."""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
