"""Rendered rows on disk: training rows with their label masks, and prompts of the test rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .benchmarks.files import read_examples, read_labels
from .manifests import replacing, write_manifest
from .mixtures import draw
from .rendering import Rendered, Renderer, render

SCHEMA = pa.schema(
    [("id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("answer", pa.int32()), ("cut", pa.string())]
)


def write_rendered(path: Path, rows: Iterable[Rendered]) -> dict[str, int]:
    """Write rendered examples; returns how many lost what (`demonstrations`, `text`), and the longest."""
    rows = list(rows)
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    cuts = Counter(row.cut for row in rows if row.cut)
    longest = max((len(row.input_ids) for row in rows), default=0)
    return {"rows": len(rows), "longest": longest, **{f"{what} cut": n for what, n in sorted(cuts.items())}}


def read_rendered(path: Path) -> list[dict[str, Any]]:
    """Rows of a file written by `write_rendered`, as dicts."""
    return pq.read_table(path, schema=SCHEMA).to_pylist()


def render_training(
    settings: Mapping[str, Any], renderer: Renderer, mixture: Path, benchmarks: Sequence[Path], output: Path
) -> None:
    """Render a mixture's train and validation rows; write them and, last, manifest.json.

    Args:
        settings: `shots`, `condition`, `max_length`, `validation_rows`, `data_seed`.
        mixture: Folder of the mixture.
        benchmarks: Folders of the prepared benchmarks.
    """
    pools = {folder.name: read_examples(folder / "train.parquet") for folder in benchmarks}
    files, facts = [], {}
    for split, limit in (("train", None), ("validation", settings["validation_rows"])):
        rows = render(
            renderer,
            read_examples(mixture / f"{split}.parquet")[:limit],  # mixtures are in drawn order
            pools,
            read_labels(benchmarks),
            condition=settings["condition"],
            shots=settings["shots"],
            seed=settings["data_seed"],
            max_length=settings["max_length"],
            training=True,
        )
        files.append(output / f"{split}.parquet")
        facts[split] = write_rendered(files[-1], rows)
    write_manifest(output / "manifest.json", files, rendered=facts, template_hash=renderer.template_hash)


def render_prompts(
    settings: Mapping[str, Any],
    renderer: Renderer,
    benchmarks: Sequence[Path],
    prompts: Sequence[Path],
    manifest: Path,
) -> None:
    """Render the test rows of benchmarks; write a file for each condition and benchmark, and the manifest.

    Args:
        settings: `shots`, `max_length`, `test_rows`, `data_seed`.
        prompts: Files to write, `…/{condition}/{benchmark}.parquet`.
    """
    labels = read_labels(benchmarks)
    pools = {folder.name: read_examples(folder / "train.parquet") for folder in benchmarks}
    rows = {
        folder.name: draw(read_examples(folder / "test.parquet"), settings["test_rows"], settings["data_seed"])
        for folder in benchmarks
    }
    facts = {}
    for path in prompts:
        condition, benchmark = path.parent.name, path.stem
        rendered = render(
            renderer,
            rows[benchmark],
            pools,
            labels,
            condition=condition,
            shots=settings["shots"],
            seed=settings["data_seed"],
            max_length=min(settings["max_length"], renderer.context or settings["max_length"]),
            training=False,
        )
        facts[f"{condition}/{benchmark}"] = write_rendered(path, rendered)
    write_manifest(manifest, list(prompts), rendered=facts, template_hash=renderer.template_hash)
