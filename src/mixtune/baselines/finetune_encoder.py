"""Fine-tuning of one encoder on the train split of each benchmark."""

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ..artifacts.cache import restored_or_made
from ..artifacts.manifests import Manifest, canonical, copy_complete, digest, read_json, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, device_facts, peak_memory, run_card
from ..data.files import read_examples, read_labels
from ..data.sampling import sample_examples
from ..devices.compute import Device
from ..errors import UserError
from ..models.formats import ModelManifest
from .classifier import load_tokenizer, tune
from .entity_markers import encode
from .settings import FinetuneEncoderSettings


def finetune_encoder(
    settings: FinetuneEncoderSettings,
    model: Path,
    benchmarks: Mapping[str, Path],
    manifests: Sequence[Path],
    *,
    device: Device,
    scratch: Path = Path("scratch"),
) -> None:
    """Fine-tune an encoder on the train split of each benchmark, or restore it; write each folder, its manifest last.

    `scratch` holds finished encoders and checkpoints, under the hash of everything that they depend on.

    Args:
        settings: Hyper-parameters and seeds.
        model: Manifest of the pretrained encoder.
        benchmarks: Folder of each prepared benchmark.
        manifests: Manifests to write, `…/{benchmark}/seed-N/manifest.json`.

    Raises:
        UserError: A benchmark has no train row whose label is in its inventory, or training diverged.
    """
    base = read_json(model, ModelManifest)["files"]
    for manifest in manifests:
        benchmark = benchmarks[manifest.parents[1].name]
        prepared = read_json(benchmark / "manifest.json", Manifest)["files"]
        inputs = [prepared["train.parquet"], prepared["labels.json"]]
        key = digest(*map(canonical, [settings.as_json(), base, inputs, *device.identity()]))
        folder = scratch / "finetune_encoder" / key
        finished = folder / "encoder" / "manifest.json"
        make = partial(_finetune, settings, model, benchmark, folder, device)
        with restored_or_made(folder, manifest, finished, make):
            copy_complete(finished, manifest.parent)


def _finetune(settings: FinetuneEncoderSettings, model: Path, benchmark: Path, folder: Path, device: Device) -> None:
    """Fine-tune on one benchmark; write the encoder, its tokenizer, run card and manifest into `folder`/encoder."""
    print(f"computing on {device.name} in {device.dtype} because {device.why}", flush=True)
    begin, output, base = time.monotonic(), folder / "encoder", read_json(model, ModelManifest)
    labels = read_labels([benchmark])[benchmark.name]
    classes = {label: number for number, label in enumerate(labels)}
    train = read_examples(benchmark / "train.parquet")
    labelled = [example for example in train if example.relation in classes]
    sample = sample_examples(labelled, settings.max_rows, settings.data_seed)
    if not sample:
        raise UserError(f"{benchmark}: no train row has a label of the inventory; see {benchmark}/audit.json")
    tokenizer, limit = load_tokenizer(base["folder"])
    rows, counts = encode(tokenizer, sample, min(settings.max_length, limit))
    for row, example in zip(rows, sample, strict=True):
        row["labels"] = classes[example.relation]
    counts["label outside the inventory"] = len(train) - len(labelled)
    print(f"training rows: {counts}", flush=True)
    results = tune(
        Path(base["folder"]),
        tokenizer,
        rows,
        len(labels),
        output,
        folder / "checkpoints",
        settings=settings,
        device=device,
    )
    tokenizer.save_pretrained(output)
    card = run_card(
        "finetune_encoder",
        settings,
        [model, benchmark / "manifest.json"],
        CELL_PACKAGES,
        encoder=base["name"],
        encoder_commit=base["commit"],
        benchmark=benchmark.name,
        labels=labels,
        seeds={"training": settings.seed},
        rendered={"train": counts},
        scratch=f"finetune_encoder/{folder.name}",
        seconds=round(time.monotonic() - begin, 1),
        **device_facts(device.name, device.dtype),
        **peak_memory(device.name),
        **results,
    )
    write_json(output / NAME, card)
    files = [path for path in output.iterdir() if path.is_file() and path.name != "manifest.json"]
    write_manifest(output / "manifest.json", files)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
