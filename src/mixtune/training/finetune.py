"""Fine-tuning job of one cell: restore the adapter from scratch/, or tune it, and write its folder."""

import shutil
from functools import partial
from pathlib import Path

import torch

from ..artifacts.cache import restored_or_made
from ..artifacts.manifests import Manifest, canonical, copy_complete, digest, read_json, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, device_facts, run_card
from ..devices.compute import Device
from ..errors import UserError
from ..models.formats import ModelManifest
from ..models.qlora import load_tokenizer
from ..prompts.files import read_rendered
from ..prompts.formats import RenderedManifest
from .meter import Meter
from .settings import FinetuneSettings
from .trainer import tune


def finetune(
    settings: FinetuneSettings,
    model: Path,
    rendered: Path,
    output: Path,
    *,
    device: Device,
    micro_tokens: int,
    scratch: Path = Path("scratch"),
) -> None:
    """Tune an adapter, or restore it, and write its folder with the manifest last.

    Finished adapters are stored in `scratch` under the hash of all that they depend on: settings, and the contents of
    model and rendered rows; so are checkpoints of an interrupted run. The job holds a lock there: a second job with
    the same work (e.g. an orphan of a killed run) waits for the first and restores its result.

    Args:
        model: Manifest of the base model.
        rendered: Manifest of the rendered training rows.
        output: Manifest to write.
        micro_tokens: Tokens per forward pass.

    Raises:
        UserError: As `tune`, or the device's memory does not suffice for the model.
    """
    base, rows = read_json(model, Manifest), read_json(rendered, Manifest)
    dependencies = [settings.as_json(), base["files"], rows["files"], *device.identity()]
    folder = scratch / "finetune" / digest(*map(canonical, dependencies))
    finished = folder / "adapter" / "manifest.json"
    make = partial(_finetune, settings, model, rendered, folder, device, micro_tokens)
    with restored_or_made(folder, output, finished, make):
        copy_complete(finished, output.parent)


def _finetune(
    settings: FinetuneSettings, model: Path, rendered: Path, folder: Path, device: Device, micro_tokens: int
) -> None:
    """Tune the adapter in `folder` of scratch/, with its tokenizer, run card and manifest."""
    print(f"computing on {device.name} in {device.dtype} because {device.why}")
    meter, base, rows = Meter(device.name), read_json(model, ModelManifest), read_json(rendered, RenderedManifest)
    tokenizer = load_tokenizer(base["folder"])
    adapter = folder / "adapter"
    try:
        outcome = tune(
            Path(base["folder"]),
            base["name"],
            read_rendered(rendered.parent / "train.parquet"),
            read_rendered(rendered.parent / "validation.parquet"),
            adapter,
            folder / "checkpoints",
            settings=settings,
            device=device,
            micro_tokens=micro_tokens,
            meter=meter,
        )
    except torch.OutOfMemoryError as error:  # outside a pass: passes are made smaller until they fit
        raise UserError(
            "the device's memory does not suffice for the model, its adapter and the optimizer; lower "
            f"training.lora.r, or use a smaller model ({error})"
        ) from error
    tokenizer.save_pretrained(adapter)
    card = run_card(
        "finetune",
        settings,
        [model, rendered],
        CELL_PACKAGES,
        base_model=base["name"],
        base_model_commit=base["commit"],
        template_hash=rows["template_hash"],
        seeds={"training": settings.seed},
        rendered=rows["rendered"],
        scratch=f"finetune/{folder.name}",
        **device_facts(device.name, device.dtype),
        micro_tokens=micro_tokens,
        interruptions=meter.interruptions,
        **meter.costs().facts(),
        **outcome,
    )
    write_json(adapter / NAME, card)
    files = [path for path in adapter.iterdir() if path.is_file() and path.name != "manifest.json"]
    write_manifest(adapter / "manifest.json", files)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
