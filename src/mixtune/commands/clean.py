"""`mixtune clean`: what is in scratch/, and removing what no result needs."""

import argparse
import time
from pathlib import Path
from typing import Any

from ..errors import UserError

SCRATCH, RESULTS = Path("scratch"), Path("results")
STATES = {
    "running": "a job is at work in it",
    "current": "a result came from it: an edit that leaves the job's inputs as they are restores it from here",
    "unfinished": "its job was interrupted, or its result removed: the job goes on from here",
    "superseded": "its result came from later work",
    "unknown": "it does not say what it is for",
}


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "clean",
        help="what is in scratch/, and removing what no result needs",
        description="Lists scratch/ and what would go: superseded work, unless you choose otherwise. Removes nothing "
        "without --yes, and never what a running job holds.",
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="all work, also what is current, unfinished or unknown")
    what.add_argument("--checkpoints", action="store_true", help="checkpoints alone, of any work")
    command.add_argument("--older-than", type=float, default=0, metavar="DAYS", help="only what is older than that")
    command.add_argument("--yes", action="store_true", help="remove it")
    command.set_defaults(function=clean)


def clean(args: argparse.Namespace) -> None:
    """List what is in scratch/, then remove what was chosen, or say what would go."""
    from ..runs.cleanup import list_entries, removable, remove
    from ..terminal import age, console, size, table

    if not SCRATCH.is_dir():
        raise UserError(f"there is no folder {SCRATCH} here ({Path.cwd()}); type this where the workflow runs")
    found = list_entries(SCRATCH, RESULTS)
    chosen = removable(found, everything=args.all, checkpoints=args.checkpoints, older_than=args.older_than)
    now, shown = time.time(), table("entry", "state", "size", "checkpoints", "last written", "for", right=(2, 3))
    for entry in found:
        name = f"{entry.folder.parent.name}/{entry.folder.name[:12]}"
        parts = size(entry.bytes), size(entry.checkpoints) if entry.checkpoints else ""
        result = entry.result.parent.as_posix() if entry.result else ""
        shown.add_row(name, entry.state, *parts, f"{age(now - entry.changed)} ago", result)
    out = console()
    out.print(shown)
    for state in sorted({entry.state for entry in found}):
        out.print(f"{state}: {STATES[state]}")
    out.print(f"{len(found)} entries, {size(sum(entry.bytes for entry in found))}")
    going = [(entry, *entry.part(args.checkpoints)) for entry in chosen]
    total = f"{size(sum(n for _, _, n in going))} of {len(going)} entries"
    if not args.yes:
        out.print(
            f"{total} would go: " + ("add --yes to remove it" if going else "--all and --checkpoints choose more")
        )
        return
    kept = [entry for entry, path, _ in going if not remove(path, entry.folder)]
    out.print(f"removed {size(sum(n for entry, _, n in going if entry not in kept))}")
    for entry in kept:
        out.print(f"kept {entry.folder}: a job has come to hold it")
