"""`mixtune clean`: list scratch/, and remove entries that no result needs."""

import argparse
import time
from pathlib import Path

from .. import layout
from ..errors import UserError
from .values import number

CENTURY = 36_500  # days

STATES = {
    "running": "a job uses it now",
    "current": "a result came from it; a rerun with the same inputs and settings restores the result from here",
    "unfinished": "its job was interrupted, or its result removed; a rerun continues from here",
    "superseded": "its result came from a later job",
    "unknown": "it does not record its result",
}


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "clean",
        help="list scratch/, and remove entries that no result needs",
        description="Lists scratch/ and the entries to remove: by default the superseded ones. Removes nothing "
        "without --yes, and never an entry that a running job uses.",
    )
    selection = command.add_mutually_exclusive_group()
    selection.add_argument("--all", action="store_true", help="all entries, also current, unfinished and unknown ones")
    selection.add_argument("--checkpoints", action="store_true", help="only the checkpoints, of entries in any state")
    command.add_argument(
        "--older-than", type=number(0, CENTURY), default=0, metavar="DAYS", help="only entries older than this"
    )
    command.add_argument("--yes", action="store_true", help="remove the selected entries")
    command.set_defaults(function=clean)


def clean(args: argparse.Namespace) -> None:
    """List scratch/, then remove the selected entries, or report their size."""
    from ..runs.cleanup import list_entries, removable, remove
    from ..terminal import age, console, size, table

    if not layout.SCRATCH.is_dir():
        raise UserError(f"folder {layout.SCRATCH} not found in {Path.cwd()}; type this in the folder of the workflow")
    every = list_entries(layout.SCRATCH, layout.RESULTS)
    chosen = removable(every, everything=args.all, checkpoints=args.checkpoints, older_than=args.older_than)
    now, listing = time.time(), table("entry", "state", "size", "checkpoints", "last written", "result", right=(2, 3))
    for entry in every:
        name = f"{entry.folder.parent.name}/{entry.folder.name[:12]}"
        sizes = size(entry.bytes), size(entry.checkpoints) if entry.checkpoints else ""
        result = entry.result.parent.as_posix() if entry.result else ""
        listing.add_row(name, entry.state, *sizes, f"{age(now - entry.changed)} ago", result)
    out = console()
    out.print(listing)
    for state in sorted({entry.state for entry in every}):
        out.print(f"{state}: {STATES[state]}")
    out.print(f"{len(every)} entries, {size(sum(entry.bytes for entry in every))}")
    parts = [(entry, *entry.part(args.checkpoints)) for entry in chosen]
    if not args.yes:
        remedy = "add --yes to remove them" if parts else "--all and --checkpoints select more"
        out.print(f"{size(sum(n for _, _, n in parts))} of {len(parts)} entries would be removed; {remedy}")
        return
    kept = [entry for entry, path, _ in parts if not remove(path, entry.folder)]
    out.print(f"removed {size(sum(n for entry, _, n in parts if entry not in kept))}")
    for entry in kept:
        out.print(f"kept {entry.folder}: a job uses it now")
