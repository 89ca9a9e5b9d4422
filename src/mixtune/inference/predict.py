"""Prediction job of one system: every condition and benchmark, with the model loaded at most once."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..artifacts.cache import sign
from ..artifacts.locks import exclusive
from ..artifacts.manifests import Manifest, canonical, digest, read_json, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, Costs, StoredCosts, device_facts, peak_memory, run_card
from ..data.files import read_examples
from ..data.formats import LabelInventory
from ..devices.compute import Device
from ..models.adapter_folder import check_template
from ..models.adapter_folder import run_card as adapter_card
from ..models.formats import ModelManifest
from ..models.qlora import load_adapter, load_base, load_tokenizer
from ..prompts.files import read_rendered
from ..prompts.formats import PromptsManifest
from .answering import answer, constrained_answerer, greedy_answerer
from .decoder import TOKEN_BUDGET, Decoder
from .predictions import write_predictions
from .settings import PredictSettings

_SELF_CHECK = "self_check.json"


@dataclass
class _System:
    """Base model and adapter of the job; the weights are loaded when the decoder is first used."""

    settings: PredictSettings
    base: ModelManifest
    adapter: Path | None
    rendered: PromptsManifest
    device: Device
    scratch: Path

    @functools.cached_property
    def folder(self) -> Path:
        """Folder of finished parts, named by all that answers depend on, except the prompts."""
        return self.scratch / "predict" / self.dependency_hash()

    @functools.cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.base["folder"])

    @functools.cached_property
    def decoder(self) -> Decoder:
        device, stop_ids = self.device, self.rendered["stop_ids"]
        print(f"computing on {device.name} in {device.dtype} because {device.why}", flush=True)
        model = load_base(self.base["folder"], device)
        model = load_adapter(model, self.adapter.parent) if self.adapter else model.eval()
        decoder = Decoder(model, device, stop_ids, stop_ids[0], self.settings.max_new_tokens)
        if not (self.folder / _SELF_CHECK).is_file():
            write_json(self.folder / _SELF_CHECK, decoder.check.facts())
        return decoder

    def self_check(self) -> object:
        """Return the facts of the decoder's self-check, also of an earlier job whose parts were used."""
        path = self.folder / _SELF_CHECK
        return read_json(path) if path.is_file() else None

    def dependency_hash(self) -> str:
        """Return the hash of all that answers depend on, except the prompts."""
        files = read_json(self.adapter, Manifest)["files"] if self.adapter else {}
        weights = {name: sha for name, sha in files.items() if name.startswith("adapter_")}
        dependencies = [self.settings.as_json(), self.base["files"], self.rendered["stop_ids"], weights]
        return digest(*map(canonical, [*dependencies, *self.device.identity()]))


def predict(
    settings: PredictSettings,
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

    Finished parts are stored in `scratch` under the hash of all that they depend on: only the prompts of a new
    benchmark are computed, and a job without new prompts does not load the model. The job holds a lock there: a second
    job with the same work (e.g. an orphan of a killed run) waits for the first and uses its parts.

    Args:
        model: Manifest of the base model.
        adapter: Manifest of the adapter, or None for the untuned base.
        prompts: Manifest of the rendered prompts; `constrained` uses those of `schema`.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{condition}/{benchmark}.parquet`.
        manifest: Manifest to write. It does not include the run card next to it: costs differ between runs whose
            predictions are equal.

    Raises:
        UserError: The adapter was trained with another chat template.
    """
    base, rendered = read_json(model, ModelManifest), read_json(prompts, PromptsManifest)
    system = _System(settings, base, adapter, rendered, device, scratch)
    if adapter:
        check_template(adapter.parent, rendered["template_hash"], system.tokenizer.get_chat_template())
    trained = adapter_card(adapter.parent) if adapter else {}
    sign(folder := system.folder, manifest)
    costs: dict[str, Costs] = {}
    with exclusive(folder / "lock"):
        for output in outputs:
            condition, benchmark = output.parent.name, output.stem
            cost = _predict_benchmark(system, condition, prompts.parent, benchmarks[benchmark], folder, output)
            costs[condition] = costs.get(condition, Costs()) + cost
        inputs = [prepared / name for prepared in benchmarks.values() for name in ("test.parquet", "labels.json")]
        card = run_card(
            "predict",
            settings,
            [*filter(None, (model, adapter, prompts)), *inputs],
            CELL_PACKAGES,
            base_model=base["name"],
            base_model_commit=base["commit"],
            template_hash=rendered["template_hash"],
            seeds=trained.get("seeds", {}),
            scratch=f"predict/{folder.name}",
            **device_facts(device.name, device.dtype),
            self_check=system.self_check(),
            **sum(costs.values(), Costs()).facts(),
            conditions={condition: cost.facts() for condition, cost in costs.items()},
        )
        write_json(manifest.parent / NAME, card)
        write_manifest(manifest, list(outputs))


def _predict_benchmark(
    system: _System, condition: str, prompts: Path, benchmark: Path, scratch: Path, output: Path
) -> Costs:
    """Write the predictions file of one condition and benchmark, and return its costs.

    Args:
        prompts: Folder of the rendered prompts.
        scratch: Folder of the system's parts.
    """
    name, is_constrained = output.stem, condition == "constrained"
    source, answers = f"{'schema' if is_constrained else condition}/{name}.parquet", system.rendered["answers"][name]
    key = [system.rendered["files"][source], *([canonical(answers)] if is_constrained else [])]
    parts = scratch / condition / name / digest(*key)[:16]
    costs_folder = parts.with_name(f"{parts.name}.costs")  # kept out of the parts, which are byte-identical across runs

    def record_costs(part: str, costs: Costs) -> None:
        write_json(costs_folder / f"{part}.json", asdict(costs + Costs(**peak_memory(system.device.name))))

    rows = read_rendered(prompts / source)
    raw_answers = answer(
        [row["input_ids"] for row in rows],
        parts,
        lambda: system.decoder,
        constrained_answerer(answers, exact=system.settings.constrained == "exact")
        if is_constrained
        else greedy_answerer(system.tokenizer),
        TOKEN_BUDGET[system.device.name],
        record_costs,
    )
    longest = max(map(len, answers.values())) - 1
    if longest > system.settings.max_new_tokens and not is_constrained:
        print(f"warning: {name}: a label has {longest} tokens; raise prediction.max_new_tokens", flush=True)
    gold = {example.id: example.relation for example in read_examples(benchmark / "test.parquet")}
    labels = read_json(benchmark / "labels.json", LabelInventory)["labels"]
    write_predictions(output, [row["id"] for row in rows], gold, raw_answers, labels)
    print(f"{condition}/{name}: {len(rows)} predictions", flush=True)
    return sum((Costs(**read_json(path, StoredCosts)) for path in costs_folder.glob("*.json")), Costs())
