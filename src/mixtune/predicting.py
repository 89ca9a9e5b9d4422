"""One system's prediction job: every prompt asked once, in parts that survive a kill."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .benchmarks.files import read_examples
from .decoding import TOKEN_BUDGET, Decoder, batches
from .errors import UserError
from .manifests import canonical, digest, read_json, replacing, write_manifest
from .models import Device, load_adapter, load_base, load_tokenizer
from .predictions import write_predictions
from .prefixes import common_prefix, shares_prefix
from .rendered_files import read_rendered

PARTS = pa.schema([("index", pa.int32()), ("raw", pa.string())])

# Prompts between two writes: what a kill can cost.
PART_ROWS = 256


def answer(
    prompts: Sequence[Sequence[int]],
    parts: Path,
    decoder: Callable[[], Decoder],
    decode: Callable[[list[list[int]]], list[str]],
    budget: int,
) -> list[str]:
    """Raw answers of prompts, in their order; equal prompts are asked once.

    Batches are a function of the prompts alone, so that a run which goes on after a kill computes what an
    undisturbed one would.

    Args:
        prompts: Token ids.
        parts: Folder of finished parts; those that are there are not computed again.
        decoder: Makes the decoder, when the first part needs it.
        decode: Token ids to texts.
        budget: Prompt tokens of a batch.
    """
    unique = sorted({tuple(prompt) for prompt in prompts})
    place = {prompt: i for i, prompt in enumerate(unique)}
    raw: dict[int, str] = {}
    for number, part in enumerate(_parts(list(batches([len(p) for p in unique], budget)))):
        path = parts / f"part-{number:05d}.parquet"
        if not path.is_file():
            _compute(unique, part, path, decoder(), decode)
        table = pq.read_table(path, schema=PARTS)
        raw.update(zip(table["index"].to_pylist(), table["raw"].to_pylist(), strict=True))
    return [raw[place[tuple(prompt)]] for prompt in prompts]


def _parts(planned: list[list[int]]) -> list[list[list[int]]]:
    """Batches in groups of at least PART_ROWS prompts."""
    groups: list[list[list[int]]] = [[]]
    for batch in planned:
        if sum(map(len, groups[-1])) >= PART_ROWS:
            groups.append([])
        groups[-1].append(batch)
    return groups


def _compute(unique, part, path, decoder, decode) -> None:
    members = [unique[i] for batch in part for i in batch]
    shared = common_prefix(members) if shares_prefix(decoder.model.config) else 0
    prefix = decoder.prefix(members[0][:shared]) if shared else None
    rows = []
    pending = list(part)
    while pending:
        batch = pending.pop(0)
        try:
            answers = decoder.answers([unique[i][shared:] for i in batch], prefix)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            print(f"out of memory with {len(batch)} prompts: on with halves", flush=True)
            pending[:0] = [batch[:half], batch[half:]]
            torch.cuda.empty_cache()
            continue
        rows += [{"index": i, "raw": text} for i, text in zip(batch, decode(answers), strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=PARTS), temporary)


def predict_system(
    settings: Mapping[str, Any],
    model: Path,
    adapter: Path | None,
    prompts: Path,
    benchmarks: Mapping[str, Path],
    outputs: Sequence[Path],
    manifest: Path,
    *,
    device: Device,
    scratch: Path = Path("scratch"),
) -> None:
    """Predict with one system for every condition and benchmark; write the files and, last, the manifest.

    Finished parts lie in `scratch` under the hash of what they depend on, so that a new benchmark costs its own
    prompts only, and a job with nothing new to ask does not load the model.

    Args:
        settings: `max_new_tokens` and `code`.
        model: Manifest of the base model.
        adapter: Manifest of the adapter, or None for the untuned base.
        prompts: Manifest of the rendered prompts.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{condition}/{benchmark}.parquet`.
        manifest: Manifest to write.

    Raises:
        UserError: The adapter was trained with another chat template.
    """
    base, rendered = read_json(model), read_json(prompts)
    weights = {}
    if adapter:
        trained = read_json(adapter.parent / "run_card.json")["template_hash"]
        if trained != rendered["template_hash"]:
            raise UserError(
                f"{adapter.parent} was trained with chat template {trained[:12]}, and prompts are rendered with "
                f"{rendered['template_hash'][:12]}; tune it again, or use the tokenizer in its folder"
            )
        weights = {n: s for n, s in read_json(adapter)["files"].items() if n.startswith("adapter_")}
    depends = [settings, base["files"], rendered["stop_ids"], weights, device.name, str(device.dtype)]
    folder = scratch / "predict" / digest(*map(canonical, depends))
    tokenizer = load_tokenizer(base["folder"])

    @functools.cache
    def decoder() -> Decoder:
        print(f"computing on {device.name} in {device.dtype} because {device.why}", flush=True)
        loaded = load_base(base["folder"], device)
        loaded = load_adapter(loaded, adapter.parent) if adapter else loaded.eval()
        return Decoder(loaded, device, rendered["stop_ids"], tokenizer.pad_token_id or 0, settings["max_new_tokens"])

    for path in outputs:
        condition, benchmark = path.parent.name, path.stem
        name = f"{condition}/{benchmark}"
        rows = read_rendered(prompts.parent / f"{name}.parquet")
        raw = answer(
            [row["input_ids"] for row in rows],
            folder / name / rendered["files"][f"{name}.parquet"][:16],
            decoder,
            functools.partial(tokenizer.batch_decode, skip_special_tokens=True),
            TOKEN_BUDGET[device.name],
        )
        examples = read_examples(benchmarks[benchmark] / "test.parquet")
        labels = read_json(benchmarks[benchmark] / "labels.json")["labels"]
        most = max(len(tokenizer.encode(label, add_special_tokens=False)) for label in labels)
        if most > settings["max_new_tokens"]:
            print(f"warning: {benchmark}: a label has {most} tokens; raise prediction.max_new_tokens", flush=True)
        write_predictions(path, [row["id"] for row in rows], {e.id: e.relation for e in examples}, raw, labels)
        print(f"{name}: {len(rows)} predictions", flush=True)
    write_manifest(manifest, list(outputs))
