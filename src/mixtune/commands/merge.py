"""`mixtune merge`: base and adapter as one checkpoint, for engines that load no adapters."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    command = commands.add_parser(
        "merge",
        help="write base and adapter as one checkpoint for other engines",
        description="Writes the base model with the adapter in it: safetensors, tokenizer and chat template.",
    )
    command.add_argument("--adapter", type=Path, required=True, help="folder of an adapter (PEFT's layout)")
    command.add_argument("--base", help="its base model, folder or hub id; default: what the adapter's config names")
    command.add_argument("--output", type=Path, required=True, help="folder to write; new, or empty")
    command.set_defaults(function=merge)


def merge(args: argparse.Namespace) -> None:
    """Merge, and say what the result is not."""
    from ..models.merge import merge as merge_folders  # torch takes seconds to import

    merge_folders(args.adapter, args.base, args.output)
