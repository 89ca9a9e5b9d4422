"""Preparing and rendering data of the paper's size: rows per second on one core, and the peak of memory."""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROWS = 400_000
WORDS = ("the", "of", "and", "in", "to", "was", "for", "on", "with", "from", "her", "council", "river", "school")
NAMES = ["Ann Lind", "Bo Ek", "Acme Ltd.", "Lund", "Oslo University", "Cy Dahl", "the Ruhr", "Di Foss", "Ek & Sons"]
LABELS = ("org:founded_by", "per:employee_of", "per:title", "no_relation", "no_relation", "no_relation")


def records(rows: int) -> Iterator[dict]:
    """Sentences of 20 to 45 tokens with two names, as TACRED holds them."""
    rng = random.Random(0)
    for number in range(rows):
        head, tail = rng.sample(NAMES, 2)
        parts = [rng.choices(WORDS, k=rng.randint(5, 14)) for _ in range(3)]
        tokens = [*parts[0], *head.split(), *parts[1], *tail.split(), *parts[2], str(number)]
        subject, target = len(parts[0]), len(parts[0]) + len(head.split()) + len(parts[1])
        yield {
            "id": f"{number:08x}",
            "relation": rng.choice(LABELS),
            "token": tokens,
            "subj_start": subject,
            "subj_end": subject + len(head.split()) - 1,
            "obj_start": target,
            "obj_end": target + len(tail.split()) - 1,
            "subj_type": "PERSON",
            "obj_type": "ORGANIZATION",
        }


def write_tacred(folder: Path) -> None:
    """TACRED's JSON arrays: 80 % train, 10 % each of the others."""
    source = records(ROWS)
    for name, rows in (("train", ROWS * 8 // 10), ("dev", ROWS // 10), ("test", ROWS // 10)):
        with (folder / f"{name}.json").open("w", encoding="utf-8") as file:
            for place in range(rows):
                file.write(("[" if place == 0 else ",\n") + json.dumps(next(source)))
            file.write("]")


def write_table(folder: Path) -> None:
    """A copy in hub layout as CSV; the validation split is carved."""
    source = records(ROWS)
    for name, rows in (("train", ROWS * 9 // 10), ("test", ROWS // 10)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write("text,entity1,entity2,relation\n")
            for _ in range(rows):
                record = next(source)
                tokens, spans = record["token"], ("subj", "obj")
                mentions = (" ".join(tokens[record[f"{s}_start"] : record[f"{s}_end"] + 1]) for s in spans)
                file.write(",".join([" ".join(tokens), *mentions, record["relation"]]) + "\n")


def prepare_one(benchmark: str, source: Path) -> None:
    """Prepare one benchmark in this process; prints seconds and bytes of memory."""
    from mixtune.data.prepare_benchmark import prepare, write_prepared

    begin = time.perf_counter()
    write_prepared(
        prepare(benchmark, source, shares={"validation": 0.1, "test": 0.2}, seed=42, expect="sample"), source / "out"
    )
    print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def rendering() -> None:
    """Print how many times faster all cores render than one."""
    from mixtune.prompts.rendering import render

    from .common import benchmark, ratio, renderer, show

    cores, train = os.cpu_count() or 1, benchmark("tacred").splits["train"]
    rows = train * (16_000 // len(train))
    options = {"condition": "generic", "shots": 2, "seed": 42, "max_length": 1024, "training": True}

    def run(processes: int) -> None:
        for _ in render(renderer(), rows, {"tacred": train}, {"tacred": []}, processes=processes, **options):
            pass

    value, seconds = ratio(lambda: run(cores), lambda: run(1))
    show(
        "render_all_cores",
        round(value, 2),
        round(0.7 * cores, 1),
        cores=cores,
        rows_per_second=round(len(rows) / seconds),
    )


def main() -> None:
    """Print rows per second and GiB for a native format and a copy, and what more cores bring to rendering."""
    for benchmark, make in (("tacred", write_tacred), ("own", write_table)):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            command = [sys.executable, "-m", "perf.preparing", benchmark, folder]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, peak = map(float, output.split())
        name = f"prepare_{benchmark}"
        for figure in (
            {"figure": f"{name}_rows_per_second", "value": round(ROWS / seconds), "target": 20_000},
            {"figure": f"{name}_peak_gib", "value": round(peak / 2**30, 2), "target": 2.0},
        ):
            print(json.dumps({**figure, "higher_is_better": "peak" not in figure["figure"]}), flush=True)
    rendering()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        prepare_one(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
