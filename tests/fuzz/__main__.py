"""`python -m tests.fuzz`: every reader on files with one change each, drawn at random from a seed."""

import argparse
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from .formats import FORMATS, Format
from .judging import OUTCOMES, Failure, Unchanged
from .mutations import mutant

PER_FILE = 50  # changes of a file, one at a time
MEMORY_DISK = Path("/dev/shm")  # where there is one: each change is a file
MEMORY = 8 * 2**30  # bytes; a reader that wants more fails, and not the machine


def fuzz(format: Format, wanted: int, number: int, folder: Path, kept: Path) -> Counter[str]:
    """How often each outcome was seen; the first input of each kind of failure is printed and kept."""
    draw = random.Random(f"{number}/{format.name}")
    outcomes: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()

    def fail(what: str, data: bytes, failure: Failure) -> None:
        outcomes["FAILURE"] += 1
        kind = what.partition(":")[0], failure.kind
        if kind not in seen:
            seen.add(kind)
            path = kept / f"{len(seen)}-{format.file}"
            path.write_bytes(data)
            print(f"{format.name}: {what}: {failure}\n  {path}", flush=True)

    def change(records: list) -> None:
        try:
            unchanged = Unchanged(format, records, folder)
        except Failure as failure:
            return fail("unchanged", (folder / format.file).read_bytes(), failure)
        for _ in range(min(PER_FILE, wanted - outcomes.total())):
            changed = mutant(format, unchanged.natives, draw)
            try:
                outcomes[unchanged.judge(changed)] += 1
            except Failure as failure:
                fail(changed.what, changed.data, failure)

    while outcomes.total() < wanted:
        files = settings(
            max_examples=-(-(wanted - outcomes.total()) // PER_FILE),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(format.files())(change))
        seed(f"{number}/{outcomes.total()}")(files)()
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="changed records for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=FORMATS, help="only this one")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    kept = Path(tempfile.mkdtemp(prefix="mixtune-fuzz-"))
    failed, rows = False, []
    for name in [arguments.reader] if arguments.reader else FORMATS:
        started = time.monotonic()
        (kept / name).mkdir()
        with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
            outcomes = fuzz(FORMATS[name], arguments.records, arguments.seed, Path(folder), kept / name)
        failed = failed or outcomes["FAILURE"] > 0
        rows.append([name, outcomes.total(), *(outcomes[outcome] for outcome in OUTCOMES)])
        rows[-1].append(f"{time.monotonic() - started:.0f} s")
    header = ["reader", "changed records", *OUTCOMES, "time"]
    widths = [max(len(str(cell)) for cell in column) for column in zip(header, *rows, strict=True)]
    for name, *cells in [header, *rows]:
        print(
            f"{name:{widths[0]}}",
            *(f"{cell!s:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)),
            sep="  ",
        )
    if not failed:
        shutil.rmtree(kept)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
