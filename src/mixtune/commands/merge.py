"""`mixtune merge`: base model and adapter as one checkpoint, for engines that load no adapters."""

import argparse
from pathlib import Path

from .values import output_path


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "merge",
        help="merge base model and adapter into one checkpoint for other engines",
        description="Writes the base model with the merged adapter: safetensors, tokenizer and chat template.",
    )
    command.add_argument("--adapter", type=Path, required=True, help="folder of an adapter (PEFT's layout)")
    command.add_argument(
        "--base", help="its base model: folder (results/models/NAME), or hub id; default: as the adapter names it"
    )
    command.add_argument("--output", type=output_path, required=True, help="folder to write; new, or empty")
    command.set_defaults(function=merge)


def merge(args: argparse.Namespace) -> None:
    """Merge, and warn of the result's limits."""
    from ..models.merge import merge as merge_folders  # torch takes seconds to import

    merge_folders(args.adapter, args.base, args.output)
