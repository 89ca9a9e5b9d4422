"""One cell's fine-tuning job: take finished work from scratch/, or tune, then write the adapter's folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..artifacts.cache import sign
from ..artifacts.locks import exclusive
from ..artifacts.manifests import canonical, copy_whole, digest, is_whole, read_json, write_json, write_manifest
from ..artifacts.run_cards import CELL_PACKAGES, NAME, device_facts, run_card
from ..devices.compute import Device
from ..errors import UserError, naming
from ..models.qlora import load_tokenizer
from ..prompts.files import read_rendered
from .meter import Meter
from .trainer import finetune


def finetune_cell(
    settings: Mapping[str, Any],
    model: Path,
    rendered: Path,
    output: Path,
    *,
    device: Device,
    micro_tokens: int,
    scratch: Path = Path("scratch"),
) -> None:
    """Tune an adapter, or restore it, and write its folder with the manifest last.

    What is finished lies in `scratch` under the hash of all that it depends on: settings, and the contents of
    model and rendered rows. Checkpoints of an interrupted run lie there, too. The job holds a lock there, so that
    one which is started beside it (as an orphan of a killed run) waits for it and restores what it finished.

    Args:
        settings: `training` of the config as resolved for this cell, `seed` and `code`.
        model: Manifest of the base model.
        rendered: Manifest of the rendered training rows.
        output: Manifest to write.
        micro_tokens: Tokens a forward pass.

    Raises:
        UserError: As `finetune`, or memory does not suffice for the model.
    """
    base, rows = read_json(model), read_json(rendered)
    depends = [settings, base["files"], rows["files"], *device.identity()]
    folder = scratch / "finetune" / digest(*map(canonical, depends))
    sign(folder, output)
    done = folder / "adapter" / "manifest.json"
    with exclusive(folder / "lock"), naming(folder):
        if is_whole(done):
            print(f"finished before: restored from {done.parent}")
        else:
            try:
                _tune(settings, model, rendered, folder, device, micro_tokens)
            except torch.OutOfMemoryError as error:  # not in a pass, which would have been made smaller
                raise UserError(
                    "the device's memory does not suffice for the model, its adapter and the optimizer; lower "
                    f"training.lora.r, or use a smaller model ({error})"
                ) from error
        copy_whole(done, output.parent)


def _tune(settings, model, rendered, folder, device, micro_tokens) -> None:
    print(f"computing on {device.name} in {device.dtype} because {device.why}")
    meter, base, rows = Meter(device.name), read_json(model), read_json(rendered)
    tokenizer = load_tokenizer(base["folder"])
    adapter = folder / "adapter"
    facts = finetune(
        Path(base["folder"]),
        base["name"],
        read_rendered(rendered.parent / "train.parquet"),
        read_rendered(rendered.parent / "validation.parquet"),
        adapter,
        folder / "checkpoints",
        settings=settings,
        seed=settings["seed"],
        device=device,
        micro_tokens=micro_tokens,
        meter=meter,
    )
    tokenizer.save_pretrained(adapter)
    card = run_card(
        "finetune",
        settings,
        [model, rendered],
        CELL_PACKAGES,
        base_model=base["name"],
        base_model_commit=base["commit"],
        template_hash=rows["template_hash"],
        seeds={"training": settings["seed"]},
        rendered=rows["rendered"],
        scratch=f"finetune/{folder.name}",
        **device_facts(device.name, device.dtype),
        micro_tokens=micro_tokens,
        interruptions=meter.interruptions,
        **meter.costs().facts(),
        **facts,
    )
    write_json(adapter / NAME, card)
    files = [path for path in adapter.iterdir() if path.is_file() and path.name != "manifest.json"]
    write_manifest(adapter / "manifest.json", files)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
