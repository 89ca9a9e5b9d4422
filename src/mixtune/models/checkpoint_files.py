"""Weights of a checkpoint: the files that are loaded, the tensors in their headers, the number of parameters."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..artifacts.manifests import read_json
from ..errors import UserError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = ("F64", "F32", "F16", "BF16")
# Tensors that are no parameters, although older versions of Transformers stored them; the causal mask has 4 axes.
_BUFFERS = re.compile(r"(^|\.)(inv_freq|position_ids|token_type_ids|masked_bias)$")
_MASK = re.compile(r"(^|\.)(attn|attention)\.bias$")
# The modules of input embeddings in the architectures of Transformers.
_EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings", "shared")
_LFS = b"version https://git-lfs"
_CHUNK = 2**24  # bytes that are compared together


@dataclass(frozen=True)
class Tensor:
    """An entry of a safetensors header.

    Attributes:
        name: Its key.
        dtype: As the header names it, e.g. "BF16".
        shape: Sizes of its axes.
        path: The file that holds it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path


def read_object(path: Path) -> dict[str, object]:
    """Return the object of a JSON file.

    Raises:
        UserError: The file is missing, or is no JSON object.
    """
    try:
        value = read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path} not found; add it, or use a complete checkpoint") from None
    except ValueError as error:
        raise _damaged(path, "invalid JSON", error) from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: no JSON object; delete it, and fetch or copy it again")
    return value


def _damaged(path: Path, kind: str, error: Exception) -> UserError:
    """Return the error of a file that cannot be read."""
    with path.open("rb") as file:
        if file.read(len(_LFS)) == _LFS:
            return UserError(f"{path}: a pointer of Git LFS, not the file itself; run `git lfs pull` in its folder")
    return UserError(f"{path}: {kind} ({error}); delete it, and fetch or copy it again")


def read_tensors(
    folder: Path, names: Collection[str] | None = None, header: "Callable[[Path], dict[str, Tensor]] | None" = None
) -> dict[str, Tensor]:
    """Return the tensors of the files that Transformers would load, by name, from their headers.

    Args:
        folder: Folder of the files; of a repository whose weights are not downloaded, of its index.
        names: Names of all files; by default those in the folder.
        header: Reads the header of a file in the folder; by default `read_header`.

    Raises:
        UserError: A file is missing, incomplete or outside the folder, or a header lacks a tensor of the index.
    """
    names, header = names or [path.name for path in folder.iterdir()], header or read_header
    if WEIGHTS in names:
        return header(folder / WEIGHTS)
    if INDEX not in names:
        raise UserError(f"{folder} holds neither {WEIGHTS} nor {INDEX}; use a checkpoint as Transformers saves it")
    weight_map = read_object(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise UserError(f"{folder / INDEX} has no valid weight_map; fetch or copy it again")
    shards = sorted(set(weight_map.values()))
    outside = [name for name in shards if Path(name).name != name]
    if outside:
        raise UserError(f"{folder / INDEX} names {outside[0]!r}, which is no file of this folder; use another copy")
    missing = [name for name in shards if name not in names]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(shards)} files of {INDEX} are missing ({missing[0]!r}); fetch or copy "
            "them"
        )
    tensors = {name: tensor for shard in shards for name, tensor in header(folder / shard).items()}
    absent = [name for name, shard in weight_map.items() if name not in tensors or tensors[name].path.name != shard]
    if absent:
        raise UserError(
            f"{folder / weight_map[absent[0]]} lacks {absent[0]!r}, which {INDEX} names; fetch or copy both again"
        )
    return tensors


def read_header(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; its length must be that of its header's tensors."""
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: Tensor(name, s.get_dtype(), tuple(s.get_shape()), path) for name, s in slices.items()}
    except SafetensorError as error:
        raise _damaged(path, "incomplete safetensors file", error) from None


def is_parameter(tensor: Tensor) -> bool:
    """Return whether a tensor is a parameter: no buffer by its name, and no integers (e.g. positions)."""
    is_buffer = _BUFFERS.search(tensor.name) or (_MASK.search(tensor.name) and len(tensor.shape) == 4)
    return not is_buffer and tensor.dtype not in ("BOOL", "I64")


def input_embedding(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the input embedding, vocabulary × width; None where no name is known to be one."""
    suffixes = tuple(f"{module}.weight" for module in _EMBEDDINGS)
    names = (name for name, tensor in tensors.items() if name.endswith(suffixes) and len(tensor.shape) == 2)
    return max(names, key=lambda name: tensors[name].shape[0], default=None)


def count_parameters(folder: Path) -> int:
    """Return how many parameters a checkpoint has, from the headers of the files that are loaded.

    Buffers do not count. An output matrix that is stored in addition to an equal input embedding is tied to it.
    """
    tensors = {name: tensor for name, tensor in read_tensors(folder).items() if is_parameter(tensor)}
    total = sum(prod(tensor.shape) for tensor in tensors.values())
    embedding = tensors.pop(input_embedding(tensors) or "", None)
    tied = (tensor for tensor in tensors.values() if embedding and _are_equal(tensor, embedding))
    return total - sum(prod(tensor.shape) for tensor in tied)


def _are_equal(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors have the same shape and values."""
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    return all(one == other for one, other in zip(_chunks(first), _chunks(second), strict=True))


def _chunks(tensor: Tensor) -> Iterator[bytes]:
    """Yield the bytes of a tensor's values."""
    with tensor.path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, end = json.loads(file.read(length))[tensor.name]["data_offsets"]
        file.seek(8 + length + begin)
        for start in range(begin, end, _CHUNK):
            yield file.read(min(_CHUNK, end - start))
