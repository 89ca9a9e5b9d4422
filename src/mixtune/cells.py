"""One cell's fine-tuning job: take finished work from scratch/, or tune, then write the adapter's folder."""

import platform
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .errors import UserError, naming
from .locks import exclusive
from .manifests import canonical, copy_whole, digest, is_whole, read_json, write_json, write_manifest
from .models import Device, load_tokenizer
from .rendered_files import read_rendered
from .training import finetune

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers")


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
    depends = [settings, base["files"], rows["files"], device.name, str(device.dtype)]
    folder = scratch / "finetune" / digest(*map(canonical, depends))
    done = folder / "adapter" / "manifest.json"
    with exclusive(folder / "lock"), naming(folder):
        if is_whole(done):
            print(f"finished before: restored from {done.parent}")
        else:
            try:
                _tune(settings, base, rows, rendered.parent, folder, device, micro_tokens)
            except torch.OutOfMemoryError as error:  # not in a pass, which would have been made smaller
                raise UserError(
                    "the device's memory does not suffice for the model, its adapter and the optimizer; lower "
                    f"training.lora.r, or use a smaller model ({error})"
                ) from error
        copy_whole(done, output.parent)


def _tune(settings, base, rows, rendered, folder, device, micro_tokens) -> None:
    print(f"computing on {device.name} in {device.dtype} because {device.why}")
    tokenizer = load_tokenizer(base["folder"])
    adapter = folder / "adapter"
    begin = time.monotonic()
    facts = finetune(
        Path(base["folder"]),
        base["name"],
        read_rendered(rendered / "train.parquet"),
        read_rendered(rendered / "validation.parquet"),
        adapter,
        folder / "checkpoints",
        settings=settings,
        seed=settings["seed"],
        device=device,
        micro_tokens=micro_tokens,
    )
    tokenizer.save_pretrained(adapter)
    card = {
        "base_model": base["name"],
        "base_model_commit": base["commit"],
        "template_hash": rows["template_hash"],
        "settings": settings,
        "rendered": rows["rendered"],
        "device": torch.cuda.get_device_name() if device.name == "cuda" else platform.processor() or "cpu",
        "dtype": str(device.dtype),
        "micro_tokens": micro_tokens,
        "seconds": round(time.monotonic() - begin, 1),
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if device.name == "cuda" else None,
        "versions": {package: version(package) for package in PACKAGES},
        **facts,
    }
    write_json(adapter / "run_card.json", card)
    files = [path for path in adapter.iterdir() if path.is_file() and path.name != "manifest.json"]
    write_manifest(adapter / "manifest.json", files)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
