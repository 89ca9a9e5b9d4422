"""Rendered rows on disk: training rows with their label masks, and prompts of the test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.manifests import write_manifest
from ..data.files import read_examples, read_labels
from ..data.sampling import sample_examples
from .files import write_rendered
from .rendering import Renderer, render


def render_training(
    settings: Mapping[str, Any],
    renderer: Renderer,
    mixture: Path,
    benchmarks: Sequence[Path],
    output: Path,
    processes: int = 1,
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
            processes=processes,
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
    processes: int = 1,
) -> None:
    """Render the test rows of benchmarks; write a file for each condition and benchmark, and the manifest.

    Args:
        settings: `shots`, `max_length`, `test_rows`, `data_seed`.
        prompts: Files to write, `…/{condition}/{benchmark}.parquet`.
    """
    labels = read_labels(benchmarks)
    pools = {folder.name: read_examples(folder / "train.parquet") for folder in benchmarks}
    rows = {
        folder.name: sample_examples(
            read_examples(folder / "test.parquet"), settings["test_rows"], settings["data_seed"]
        )
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
            processes=processes,
        )
        facts[f"{condition}/{benchmark}"] = write_rendered(path, rendered)
    write_manifest(
        manifest,
        list(prompts),
        rendered=facts,
        template_hash=renderer.template_hash,
        stop_ids=renderer.stop_ids,
        answers={name: {label: renderer.answer(label) for label in labels[name]} for name in rows},
    )
