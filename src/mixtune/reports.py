"""From scores on disk to the folder that people read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import tables
from .benchmarks.example import SPLITS
from .manifests import read_json, write_text
from .matrices import Setup


def setup_of(settings: Mapping[str, Any]) -> Setup:
    """The experiment as tables and figures want it; `settings` hold mappings as lists, to keep their order."""
    named = {key: {entry["name"]: entry for entry in settings[key]} for key in ("benchmarks", "mixtures")}
    return {**settings, **named}


def write_tables(
    settings: Mapping[str, Any],
    scores: Sequence[Path],
    benchmarks: Sequence[Path],
    mixtures: Sequence[Path],
    readme: Path,
) -> None:
    """Write every table as CSV and Markdown into `tables/` beside the readme, and the readme.

    Args:
        settings: `setup`.
        scores: Score files of all systems.
        benchmarks: Folders of the prepared benchmarks.
        mixtures: Manifests of the mixtures.
        readme: Where the text goes that opens the reports.
    """
    setup = setup_of(settings["setup"])
    files = [read_json(path) for path in scores]
    long = tables.scores(files)
    matrix, transfer = tables.matrix(long, setup), tables.transfer(long, setup)
    frames = {
        "matrix": (matrix, tables.readable(matrix, setup)),
        "transfer": (transfer, tables.readable(transfer, setup)),
        "scores": (long, long),
        "per_class": (of_class := tables.per_class(files), of_class),
        "data": (data := tables.data(_audits(benchmarks, setup)), data),
        "mixtures": (mixed := tables.mixtures(_compositions(mixtures)), mixed),
    }
    for name, (frame, shown) in frames.items():
        write_text(readme.parent / "tables" / f"{name}.csv", frame.to_csv(index=False))
        write_text(readme.parent / "tables" / f"{name}.md", tables.markdown(shown))
    write_text(readme, tables.summary(setup, matrix))


def _audits(folders: Sequence[Path], setup: Setup) -> list[dict[str, Any]]:
    rows = []
    for folder in folders:
        audit = read_json(folder / "audit.json")
        for split in SPLITS:
            found = audit["splits"][split]
            rows.append(
                {
                    "benchmark": folder.name,
                    "domain": setup["benchmarks"][folder.name]["domain"],
                    "split": split,
                    "rows": found["rows"],
                    "labels": len(found["labels"]),
                    "groups": found["groups"],
                    "negatives": found["negatives"],
                    "outside_inventory": found["outside the inventory"],
                    "official_rows": found.get("official rows"),
                    "carved": audit["carved"].get(split, ""),
                    "counts": found["counts"],
                }
            )
    return rows


def _compositions(manifests: Sequence[Path]) -> list[dict[str, Any]]:
    return [
        {"mixture": path.parent.name, "benchmark": benchmark, "split": split, **numbers}
        for path in manifests
        for split, parts in sorted(read_json(path)["composition"].items())
        for benchmark, numbers in parts.items()
    ]
