"""The job that renders training rows: prompts with labels, and which token ids are the label."""

from collections.abc import Sequence
from pathlib import Path

from ..artifacts.manifests import write_manifest
from ..data.files import read_examples, read_labels
from .answers import encode_benchmark_labels
from .chat_template import Renderer
from .files import write_rendered
from .rendering import render
from .settings import RenderTrainingSettings


def render_training(
    settings: RenderTrainingSettings,
    renderer: Renderer,
    mixture: Path,
    benchmarks: Sequence[Path],
    manifest: Path,
    processes: int = 1,
) -> None:
    """Render a mixture's train and validation rows into the manifest's folder; write the manifest last.

    Args:
        mixture: Manifest of the mixture.
        benchmarks: Manifests of the prepared benchmarks.

    Raises:
        RenderError: A label could never be a correct answer, or a row does not fit.
    """
    folders = [path.parent for path in benchmarks]
    pools = {folder.name: read_examples(folder / "train.parquet") for folder in folders}
    labels = read_labels(folders)
    encode_benchmark_labels(renderer, labels, pools)
    files, counts = [], {}
    for split, limit in (("train", None), ("validation", settings.validation_rows)):
        rows = render(
            renderer,
            read_examples(mixture.parent / f"{split}.parquet")[:limit],  # mixtures are in random order
            pools,
            labels,
            condition=settings.condition,
            shots=settings.shots,
            seed=settings.data_seed,
            max_length=settings.max_length,
            training=True,
            processes=processes,
        )
        files.append(manifest.parent / f"{split}.parquet")
        counts[split] = write_rendered(files[-1], rows)
    write_manifest(manifest, files, rendered=counts, template_hash=renderer.template_hash)
