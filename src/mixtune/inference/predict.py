"""One system's prediction job: every prompt asked once, in parts that survive a kill."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..artifacts.cache import sign
from ..artifacts.locks import exclusive
from ..artifacts.manifests import canonical, digest, read_json, replacing, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, Costs, device_facts, peak_memory, run_card
from ..data.files import read_examples
from ..devices.compute import Device
from ..errors import UserError
from ..models.adapter_folder import check_template
from ..models.adapter_folder import run_card as adapter_card
from ..models.qlora import load_adapter, load_base, load_tokenizer
from ..prompts.files import read_rendered
from ..prompts.prefix import common_prefix
from .decoder import TOKEN_BUDGET, Decoder, Prefix, batches, label_trie
from .predictions import write_predictions

PARTS = pa.schema([("index", pa.int32()), ("raw", pa.string()), ("confidence", pa.float32())])

# Prompts between two writes: what a kill can cost.
PART_ROWS = 256

Answer = tuple[str, float | None]
Ask = Callable[[Decoder, list[Sequence[int]], Prefix], list[Answer]]


def freely(tokenizer: Any) -> Ask:
    """Ask for whatever the model says, greedily."""

    def ask(decoder: Decoder, prompts: list[Sequence[int]], prefix: Prefix) -> list[Answer]:
        texts = tokenizer.batch_decode(decoder.answers(prompts, prefix), skip_special_tokens=True)
        return [(text, None) for text in texts]

    return ask


def by_label(labels: Mapping[str, Sequence[int]], exact: bool) -> Ask:
    """Ask for one of these labels.

    Args:
        labels: Each label's token ids, closed by the end of turn.
        exact: Whether whole labels are scored, rather than chosen greedily token by token.
    """
    trie, names = label_trie(list(labels.values())), {tuple(ids): label for label, ids in reversed(labels.items())}

    def ask(decoder: Decoder, prompts: list[Sequence[int]], prefix: Prefix) -> list[Answer]:
        choose = decoder.exact if exact else decoder.choices
        return [(names[tuple(choice.ids)], choice.confidence) for choice in choose(prompts, trie, prefix)]

    return ask


def answer(
    prompts: Sequence[Sequence[int]],
    parts: Path,
    decoder: Callable[[], Decoder],
    ask: Ask,
    budget: int,
    spent: Callable[[str, Costs], Any] = lambda part, costs: None,
) -> list[Answer]:
    """Raw answers of prompts and their confidences, in the order of the prompts; equal prompts are asked once.

    What all prompts begin with is computed once. Batches are a function of the prompts alone, so that a run which
    goes on after a kill computes what an undisturbed one would.

    Args:
        prompts: Token ids.
        parts: Folder of finished parts; those that are there are not computed again.
        decoder: Makes the decoder, when the first part needs it.
        ask: As `freely` and `by_label` give it.
        budget: Tokens of a batch, without what all prompts share.
        spent: Is told what a part took, before it is written.
    """
    unique = sorted({tuple(prompt) for prompt in prompts})
    place = {prompt: i for i, prompt in enumerate(unique)}
    shared = common_prefix(unique)
    rests = [prompt[shared:] for prompt in unique]
    prefix = functools.cache(lambda: decoder().prefix(unique[0][:shared]))
    found: dict[int, Answer] = {}
    for number, part in enumerate(_parts(list(batches([len(rest) for rest in rests], budget)))):
        path = parts / f"part-{number:05d}.parquet"
        if not path.is_file():
            begin = time.monotonic()
            decoder()  # the first part bears the loading of the model
            loading = time.monotonic() - begin
            rows = [row for batch in part for row in _ask(rests, batch, decoder(), prefix(), ask)]
            tokens = sum(len(unique[row["index"]]) for row in rows)
            spent(path.stem, Costs(time.monotonic() - begin, loading, len(rows), tokens))
            _write(path, rows)
        table = pq.read_table(path, schema=PARTS).to_pydict()
        answers = zip(table["raw"], table["confidence"], strict=True)
        found.update(zip(table["index"], answers, strict=True))
    return [found[place[tuple(prompt)]] for prompt in prompts]


def _parts(planned: list[list[int]]) -> list[list[list[int]]]:
    """Batches in groups of at least PART_ROWS prompts."""
    groups: list[list[list[int]]] = [[]]
    for batch in planned:
        if sum(map(len, groups[-1])) >= PART_ROWS:
            groups.append([])
        groups[-1].append(batch)
    return groups


def _ask(rests, batch, decoder, prefix, ask) -> Iterator[dict[str, Any]]:
    """Rows of a batch; where memory does not suffice, of its halves."""
    try:
        answers = ask(decoder, [rests[i] for i in batch], prefix)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise UserError(
                "the device's memory does not suffice for one prompt; "
                "lower prediction.max_length, or use a smaller model"
            ) from error
        answers = None  # halved outside of the handler, whose traceback would keep the memory
    if answers is None:
        half = len(batch) // 2
        print(f"out of memory with {len(batch)} prompts: on with halves", flush=True)
        torch.cuda.empty_cache()
        for part in (batch[:half], batch[half:]):
            yield from _ask(rests, part, decoder, prefix, ask)
        return
    for i, (raw, confidence) in zip(batch, answers, strict=True):
        yield {"index": i, "raw": raw, "confidence": confidence}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
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
    """Predict with one system for every condition and benchmark; write the files, the run card and, last, the manifest.

    Finished parts lie in `scratch` under the hash of what they depend on, so that a new benchmark costs its own
    prompts only, and a job with nothing new to ask does not load the model. The job holds a lock there, so that one
    which is started beside it (as an orphan of a killed run) waits for it and uses its parts.

    Args:
        settings: `max_new_tokens`, `constrained` and `code`.
        model: Manifest of the base model.
        adapter: Manifest of the adapter, or None for the untuned base.
        prompts: Manifest of the rendered prompts; `constrained` asks those of `schema`.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{condition}/{benchmark}.parquet`.
        manifest: Manifest to write. The run card beside it is not in it: equal predictions are equal, whatever they
            took.

    Raises:
        UserError: The adapter was trained with another chat template.
    """
    base, rendered = read_json(model), read_json(prompts)
    tokenizer, weights, trained = load_tokenizer(base["folder"]), {}, {}
    if adapter:
        check_template(adapter.parent, rendered["template_hash"], tokenizer.get_chat_template())
        trained = adapter_card(adapter.parent)
        weights = {n: s for n, s in read_json(adapter)["files"].items() if n.startswith("adapter_")}
    depends = [settings, base["files"], rendered["stop_ids"], weights, *device.identity()]
    folder = scratch / "predict" / digest(*map(canonical, depends))
    sign(folder, manifest)
    costs: dict[str, Costs] = {}

    @functools.cache
    def decoder() -> Decoder:
        print(f"computing on {device.name} in {device.dtype} because {device.why}", flush=True)
        loaded = load_base(base["folder"], device)
        loaded = load_adapter(loaded, adapter.parent) if adapter else loaded.eval()
        return Decoder(loaded, device, rendered["stop_ids"], tokenizer.pad_token_id or 0, settings["max_new_tokens"])

    with exclusive(folder / "lock"):
        for path in outputs:
            condition, benchmark = path.parent.name, path.stem
            constrained = condition == "constrained"
            asked = f"{'schema' if constrained else condition}/{benchmark}"
            answers = rendered["answers"][benchmark]
            key = [rendered["files"][f"{asked}.parquet"], *([canonical(answers)] if constrained else [])]
            rows = read_rendered(prompts.parent / f"{asked}.parquet")
            name = digest(*key)[:16]
            bills = (
                folder / condition / benchmark / f"{name}.costs"
            )  # apart from the parts, which are equal in every run

            def spent(part: str, took: Costs, bills: Path = bills) -> None:
                write_json(bills / f"{part}.json", asdict(took + Costs(**peak_memory(device.name))))

            found = answer(
                [row["input_ids"] for row in rows],
                folder / condition / benchmark / name,
                decoder,
                by_label(answers, settings["constrained"] == "exact") if constrained else freely(tokenizer),
                TOKEN_BUDGET[device.name],
                spent,
            )
            for bill in bills.glob("*.json"):
                costs[condition] = costs.get(condition, Costs()) + Costs(**read_json(bill))
            longest = max(map(len, answers.values())) - 1
            if longest > settings["max_new_tokens"] and not constrained:
                print(
                    f"warning: {benchmark}: a label has {longest} tokens; raise prediction.max_new_tokens", flush=True
                )
            gold = {example.id: example.relation for example in read_examples(benchmarks[benchmark] / "test.parquet")}
            labels = read_json(benchmarks[benchmark] / "labels.json")["labels"]
            write_predictions(path, [row["id"] for row in rows], gold, found, labels)
            print(f"{condition}/{benchmark}: {len(rows)} predictions", flush=True)
        read = [folder / name for folder in benchmarks.values() for name in ("test.parquet", "labels.json")]
        card = run_card(
            "predict",
            settings,
            [*filter(None, (model, adapter, prompts)), *read],
            CELL_PACKAGES,
            base_model=base["name"],
            base_model_commit=base["commit"],
            template_hash=rendered["template_hash"],
            seeds=trained.get("seeds", {}),
            scratch=f"predict/{folder.name}",
            **device_facts(device.name, device.dtype),
            **sum(costs.values(), Costs()).facts(),
            conditions={condition: cost.facts() for condition, cost in costs.items()},
        )
        write_json(manifest.parent / NAME, card)
        write_manifest(manifest, list(outputs))
