"""The job that renders the prompts of test rows."""

from collections.abc import Sequence
from pathlib import Path

from ..artifacts.manifests import write_manifest
from ..data.files import folders, read_examples, read_labels
from ..data.sampling import sample_examples
from .answers import encode_benchmark_labels
from .chat_template import Renderer
from .files import write_rendered
from .rendering import render
from .settings import RenderPromptsSettings


def render_prompts(
    settings: RenderPromptsSettings,
    renderer: Renderer,
    benchmarks: Path,
    prompts: Sequence[Path],
    manifest: Path,
    processes: int = 1,
) -> None:
    """Render the test rows of benchmarks; write one file per condition and benchmark, and the manifest last.

    Args:
        benchmarks: The file all.json in the folder of the prepared benchmarks.
        prompts: Files to write, `…/{condition}/{benchmark}.parquet`.

    Raises:
        RenderError: A label could never be a correct answer, or a prompt does not fit.
    """
    if renderer.thought_warning:
        print(f"warning: {renderer.thought_warning}", flush=True)
    prepared = folders(benchmarks)
    labels = read_labels(prepared.values())
    pools = {name: read_examples(folder / "train.parquet") for name, folder in prepared.items()}
    rows = {
        name: sample_examples(read_examples(folder / "test.parquet"), settings.test_rows, settings.data_seed)
        for name, folder in prepared.items()
    }
    answers = encode_benchmark_labels(renderer, labels, pools)
    counts = {}
    for path in prompts:
        condition, benchmark = path.parent.name, path.stem
        rendered = render(
            renderer,
            rows[benchmark],
            pools,
            labels,
            condition=condition,
            shots=0 if benchmark in settings.zero_shot else settings.shots,
            seed=settings.data_seed,
            max_length=min(settings.max_length, renderer.context or settings.max_length),
            training=False,
            processes=processes,
        )
        counts[f"{condition}/{benchmark}"] = write_rendered(path, rendered)
    write_manifest(
        manifest,
        list(prompts),
        rendered=counts,
        template_hash=renderer.template_hash,
        stop_ids=renderer.stop_ids,
        answers=answers,
    )
