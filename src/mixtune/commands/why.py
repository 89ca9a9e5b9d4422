"""`mixtune why`: which inputs and settings a result came from."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "why",
        help="which inputs and settings a result came from",
        description="Follows an adapter, predictions, a score, a table or a figure back to the data sources, and says "
        "what has changed since. Whether a job would run again is for `snakemake -n` to say.",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="below results/ or reports/; a folder: its manifest")
    command.add_argument("--depth", type=int, default=99, metavar="N", help="steps back to show (default: all)")
    command.add_argument("--all", action="store_true", help="compare contents of large files, too")
    command.set_defaults(function=why)


def why(args: argparse.Namespace) -> None:
    """Print the tree of what a file came from."""
    import json
    from textwrap import indent

    from rich.text import Text
    from rich.tree import Tree
    from yaml import safe_dump

    from ..runs.provenance import trace
    from ..terminal import console

    told = set()

    def label(node, asked: bool) -> Text:
        told.add(node.path)
        text = Text(f"{node.path}  [{node.rule}]" if node.rule else str(node.path), style="bold")
        settings = {key: value for key, value in (node.settings or {}).items() if key != "code"}
        if settings and asked:
            shown = safe_dump(settings, default_flow_style=None, width=110).rstrip()
            text.append("\nsettings\n" + indent(shown, "  "), style="not bold")
        elif settings:
            text.append(f"\nsettings {json.dumps(settings, sort_keys=True)}", style="not bold")
        for fact in node.facts:
            text.append(f"\n{fact}", style="not bold dim")
        for change in node.changes:
            text.append(f"\nchanged since: {change}", style="not bold yellow")
        return text

    def grow(tree: Tree, node, depth: int) -> Tree:
        again = []
        for one in node.inputs if depth else ():
            if one.path in told:
                again.append(str(one.path))
            else:
                grow(tree.add(label(one, asked=False)), one, depth - 1)
        if again:
            tree.add(Text(f"as above: {', '.join(again)}", style="dim"))
        return tree

    asked = trace(args.file, args.all)
    console().print(grow(Tree(label(asked, asked=True)), asked, args.depth))
