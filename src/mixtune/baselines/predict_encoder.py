"""Predictions of fine-tuned encoders on the test rows of every benchmark."""

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ..artifacts.cache import restored_or_made
from ..artifacts.manifests import Manifest, canonical, digest, read_json, replacing, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, device_facts, peak_memory, run_card
from ..data.files import read_examples
from ..data.sampling import sample_examples
from ..devices.compute import Device
from ..inference.predictions import write_predictions
from .classifier import classify, load_classifier, load_tokenizer
from .entity_markers import encode
from .formats import EncodedManifest, EncoderCard
from .settings import PredictEncoderSettings

UNUSED = ("run_card.json", "training_log.csv")  # files of a fine-tuned encoder that no prediction depends on


def predict_encoder(
    settings: PredictEncoderSettings,
    encoders: Sequence[Path],
    benchmarks: Mapping[str, Path],
    outputs: Sequence[Path],
    manifest: Path,
    *,
    device: Device,
    scratch: Path = Path("scratch"),
) -> None:
    """Predict each benchmark's test rows with the encoder fine-tuned on it; write the files and, last, the manifest.

    `scratch` holds finished predictions under the hash of everything that they depend on.

    Args:
        settings: Longest text, and the test rows.
        encoders: Manifests of the fine-tuned encoders, `…/{benchmark}/seed-N/manifest.json`.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{benchmark}.parquet`.
        manifest: Manifest to write; `rendered` holds the counts of the marked test rows by benchmark.
    """
    counts, used, begin = {}, [], time.monotonic()
    tuned = {path.parents[1].name: path.parent for path in encoders}
    for path in outputs:
        name = path.stem
        prepared = read_json(benchmarks[name] / "manifest.json", Manifest)["files"]
        weights = read_json(tuned[name] / "manifest.json", Manifest)["files"]
        weights = {file: sha for file, sha in weights.items() if file not in UNUSED}
        inputs = [weights, prepared["test.parquet"], prepared["labels.json"]]
        key = digest(*map(canonical, [settings.as_json(), inputs, *device.identity()]))
        folder = scratch / "predict_encoder" / key
        used.append(f"predict_encoder/{folder.name}")
        finished = folder / "manifest.json"
        make = partial(_predict, settings, tuned[name], benchmarks[name], folder / path.name, device)
        with restored_or_made(folder, manifest, finished, make), replacing(path) as temporary:
            shutil.copyfile(folder / path.name, temporary)
        counts[name] = read_json(finished, EncodedManifest)["rendered"]
        print(f"{name}: {counts[name]}", flush=True)
    manifests = [*encoders, *(folder / "manifest.json" for folder in benchmarks.values())]
    facts = {"scratch": used, "seconds": round(time.monotonic() - begin, 1), **peak_memory(device.name)}
    card = run_card(
        "predict_encoder", settings, manifests, CELL_PACKAGES, **device_facts(device.name, device.dtype), **facts
    )
    write_json(manifest.parent / NAME, card)
    write_manifest(manifest, list(outputs), rendered=counts)


def _predict(settings: PredictEncoderSettings, encoder: Path, benchmark: Path, output: Path, device: Device) -> None:
    """Write the predictions for one benchmark, and their manifest in the same folder."""
    labels = read_json(encoder / "run_card.json", EncoderCard)["labels"]
    tokenizer, limit = load_tokenizer(encoder)
    test = sample_examples(read_examples(benchmark / "test.parquet"), settings.test_rows, settings.data_seed)
    rows, counts = encode(tokenizer, test, min(settings.max_length, limit))
    predicted = classify(load_classifier(encoder, len(labels), device), tokenizer, rows, labels, device)
    gold = {example.id: example.relation for example in test}
    write_predictions(output, list(gold), gold, predicted, labels)
    write_manifest(output.parent / "manifest.json", [output], rendered=counts)
