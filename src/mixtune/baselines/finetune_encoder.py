"""The jobs of an encoder: tune it on one benchmark; predict with its classifiers of all benchmarks."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.cache import sign
from ..artifacts.locks import exclusive
from ..artifacts.manifests import (
    canonical,
    copy_whole,
    digest,
    is_whole,
    read_json,
    replacing,
    write_json,
    write_manifest,
)
from ..artifacts.run_cards import CELL_PACKAGES, NAME, device_facts, peak_memory, run_card
from ..data.files import read_examples, read_labels
from ..data.sampling import sample_examples
from ..devices.compute import Device
from ..errors import UserError
from ..inference.predictions import write_predictions
from .classifier import classify, load_classifier, load_tokenizer, tune
from .entity_markers import encode


def finetune_encoder(
    settings: Mapping[str, Any],
    model: Path,
    benchmark: Path,
    output: Path,
    *,
    device: Device,
    scratch: Path = Path("scratch"),
) -> None:
    """Tune an encoder on a benchmark's train split, or restore it, and write its folder with the manifest last.

    What is finished lies in `scratch` under the hash of all that it depends on, and so do checkpoints.

    Args:
        settings: `training.encoder` of the config, `seed`, `data_seed` and `code`.
        model: Manifest of the pretrained encoder.
        benchmark: Folder of the prepared benchmark.
        output: Manifest to write.

    Raises:
        UserError: No train row has a label of the inventory, or the run diverged.
    """
    base, prepared = read_json(model), read_json(benchmark / "manifest.json")["files"]
    read = [prepared["train.parquet"], prepared["labels.json"]]
    folder = scratch / "finetune_encoder" / digest(*map(canonical, [settings, base["files"], read, *device.identity()]))
    sign(folder, output)
    done = folder / "encoder" / "manifest.json"
    with exclusive(folder / "lock"):
        if is_whole(done):
            print(f"finished before: restored from {done.parent}")
        else:
            _tune(settings, model, benchmark, folder, device)
        copy_whole(done, output.parent)


def _tune(settings, model, benchmark, folder, device) -> None:
    print(f"computing on {device.name} in {device.dtype} because {device.why}", flush=True)
    begin, output, base = time.monotonic(), folder / "encoder", read_json(model)
    labels = read_labels([benchmark])[benchmark.name]
    classes = {label: number for number, label in enumerate(labels)}
    train = read_examples(benchmark / "train.parquet")
    known = [example for example in train if example.relation in classes]
    chosen = sample_examples(known, settings["max_rows"], settings["data_seed"])
    if not chosen:
        raise UserError(f"{benchmark} has no train row whose label is in its inventory; look at {benchmark}/audit.json")
    tokenizer, limit = load_tokenizer(base["folder"])
    rows, counts = encode(tokenizer, chosen, min(settings["max_length"], limit))
    counts["label outside the inventory"] = len(train) - len(known)
    print(f"training rows: {counts}", flush=True)
    facts = tune(
        Path(base["folder"]),
        tokenizer,
        [row | {"labels": classes[example.relation]} for row, example in zip(rows, chosen, strict=True)],
        len(labels),
        output,
        folder / "checkpoints",
        settings=settings,
        seed=settings["seed"],
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
        seeds={"training": settings["seed"]},
        rendered={"train": counts},
        scratch=f"finetune_encoder/{folder.name}",
        seconds=round(time.monotonic() - begin, 1),
        **device_facts(device.name, device.dtype),
        **peak_memory(device.name),
        **facts,
    )
    write_json(output / NAME, card)
    files = [path for path in output.iterdir() if path.is_file() and path.name != "manifest.json"]
    write_manifest(output / "manifest.json", files)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def predict_encoder(
    settings: Mapping[str, Any],
    tuned: Mapping[str, Path],
    benchmarks: Mapping[str, Path],
    outputs: Sequence[Path],
    manifest: Path,
    *,
    device: Device,
    scratch: Path = Path("scratch"),
) -> None:
    """Predict each benchmark's test rows with the encoder tuned on it; write the files and, last, the manifest.

    What is finished lies in `scratch` under the hash of all that it depends on.

    Args:
        settings: `max_length`, `test_rows`, `data_seed` and `code`.
        tuned: Folder of the tuned encoder of each benchmark.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{benchmark}.parquet`.
        manifest: Manifest to write; it holds what was counted in the marked test rows, by benchmark.
    """
    counts, used, begin = {}, [], time.monotonic()
    for path in outputs:
        name = path.stem
        prepared = read_json(benchmarks[name] / "manifest.json")["files"]
        weights = read_json(tuned[name] / "manifest.json")["files"]
        weights = {file: sha for file, sha in weights.items() if file not in ("run_card.json", "training_log.csv")}
        read = [weights, prepared["test.parquet"], prepared["labels.json"]]
        folder = scratch / "predict_encoder" / digest(*map(canonical, [settings, read, *device.identity()]))
        sign(folder, manifest)
        used.append(f"predict_encoder/{folder.name}")
        done = folder / "manifest.json"
        with exclusive(folder / "lock"):
            if not is_whole(done):
                _predict(settings, tuned[name], benchmarks[name], folder / path.name, device)
            with replacing(path) as temporary:
                shutil.copyfile(folder / path.name, temporary)
        counts[name] = read_json(done)["rendered"]
        print(f"{name}: {counts[name]}", flush=True)
    inputs = [folder / "manifest.json" for folder in (*tuned.values(), *benchmarks.values())]
    facts = {"scratch": used, "seconds": round(time.monotonic() - begin, 1), **peak_memory(device.name)}
    card = run_card(
        "predict_encoder", settings, inputs, CELL_PACKAGES, **device_facts(device.name, device.dtype), **facts
    )
    write_json(manifest.parent / NAME, card)
    write_manifest(manifest, list(outputs), rendered=counts)


def _predict(settings, tuned, benchmark, path, device) -> None:
    labels = read_json(tuned / "run_card.json")["labels"]
    tokenizer, limit = load_tokenizer(tuned)
    test = sample_examples(read_examples(benchmark / "test.parquet"), settings["test_rows"], settings["data_seed"])
    rows, counts = encode(tokenizer, test, min(settings["max_length"], limit))
    answers = classify(load_classifier(tuned, len(labels), device), tokenizer, rows, labels, device)
    gold = {example.id: example.relation for example in test}
    write_predictions(path, list(gold), gold, answers, labels)
    write_manifest(path.parent / "manifest.json", [path], rendered=counts)
