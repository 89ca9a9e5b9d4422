"""`mixtune why`: the inputs and settings that a result came from."""

import argparse
import json
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

from .values import whole_number

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from ..runs.provenance import Node


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "why",
        help="show the inputs and settings that a result came from",
        description="Traces an adapter, predictions, a score, a table or a figure back to the data sources, and "
        "reports changes since. `snakemake -n` reports whether a job would run again.",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="below results/ or reports/; a folder: its manifest")
    command.add_argument(
        "--depth", type=whole_number(0), default=99, metavar="N", help="steps back to show (default: all)"
    )
    command.add_argument("--all", action="store_true", help="compare contents of large files, too")
    command.set_defaults(function=why)


def why(args: argparse.Namespace) -> None:
    """Print the provenance tree of a file."""
    from rich.tree import Tree

    from ..config.overlays import check_folder
    from ..runs.provenance import trace
    from ..terminal import console

    if not args.file.exists():
        check_folder()
    node = trace(args.file, args.all)
    tree = Tree(_describe(node, in_full=True))
    _add_inputs(tree, node, args.depth, {node.path})
    console().print(tree)


def _describe(node: "Node", in_full: bool = False) -> "Text":
    """Describe a file: its rule, settings, facts and changes.

    Args:
        in_full: Whether to print the settings as YAML, not on one line.
    """
    from rich.text import Text
    from yaml import safe_dump

    text = Text(f"{node.path}  [{node.rule}]" if node.rule else str(node.path), style="bold")
    settings = {key: value for key, value in (node.settings or {}).items() if key != "code"}
    if settings and in_full:
        block = safe_dump(settings, default_flow_style=None, width=110).rstrip()
        text.append("\nsettings\n" + indent(block, "  "), style="not bold")
    elif settings:
        text.append(f"\nsettings {json.dumps(settings, sort_keys=True)}", style="not bold")
    for fact in node.facts:
        text.append(f"\n{fact}", style="not bold dim")
    for change in node.changes:
        text.append(f"\nchanged since: {change}", style="not bold yellow")
    return text


def _add_inputs(tree: "Tree", node: "Node", depth: int, shown: set[Path]) -> None:
    """Add the inputs of a file to its tree, up to a depth; those already shown are only named."""
    from rich.text import Text

    repeated = []
    for source in node.inputs if depth else ():
        if source.path in shown:
            repeated.append(str(source.path))
        else:
            shown.add(source.path)
            _add_inputs(tree.add(_describe(source)), source, depth - 1, shown)
    if repeated:
        tree.add(Text(f"as above: {', '.join(repeated)}", style="dim"))
