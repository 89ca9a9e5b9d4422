"""Merging of a base model and an adapter into one checkpoint."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from ..errors import UserError
from ..prompts.chat_template import folder_renderer
from .adapter_folder import check_template
from .compare import differences
from .qlora import load_adapter
from .resolve import base_folder

WARNING = """\
warning: adapters are tuned on the base in NF4, and this one is merged into the base as published, in {dtype}; the
merged model's logits, and some of its predictions, differ from those that mixtune scored"""

REMEDY = "; use base and adapter as they are, e.g. with `mixtune predict`"
TOLERANCE = 1e-3  # of logits in float32, relative: orders of magnitude above rounding, and below an adapter's effect


def merge(adapter: Path, base: str | None, output: Path) -> None:
    """Write base + adapter as safetensors, with tokenizer and chat template, in the dtype of the base's checkpoint.

    The sum is computed in float32, which takes 4 bytes of memory per parameter. Its logits are compared with those of
    base and adapter, and the written checkpoint is loaded again and compared with it.

    Args:
        base: Folder or hub id of the base model; None: the one that the adapter names.
        output: Folder to write, completely or not at all.

    Raises:
        UserError: The output is not empty, adapter and base do not fit, or they cannot be one checkpoint.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output: {output} exists and is not an empty folder; choose another, or empty it yourself")
    folder = base_folder(base, adapter)
    renderer = folder_renderer(folder)
    check_template(adapter, renderer.template_hash, renderer.tokenizer.get_chat_template())
    model = _load(folder)
    dtypes, dtype = {name: tensor.dtype for name, tensor in _tensors(model)}, model.dtype
    print(WARNING.format(dtype=str(dtype).removeprefix("torch.")), file=sys.stderr)
    merged = _add(load_adapter(model.float(), adapter), adapter)
    for name, tensor in _tensors(merged):
        tensor.data = tensor.data.to(dtypes[name])
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as temporary:
        complete = Path(temporary) / output.name
        merged.save_pretrained(complete)
        _check_written(complete, merged)
        renderer.tokenizer.save_pretrained(complete)
        if (adapter / "NOTICE").is_file():  # a Llama licence requires it with every copy
            shutil.copy(adapter / "NOTICE", complete)
        os.replace(complete, output)


def _load(folder: Path | str) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
    )


def _tensors(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _add(model: PeftModel, adapter: Path) -> PreTrainedModel:
    """Return the sum of base and adapter.

    Raises:
        UserError: There is none, or its logits are not those of base and adapter.
    """
    _untie(model)
    expected = _logits(model)
    try:
        merged: Any = model.merge_and_unload(safe_merge=True)
    except (NotImplementedError, RuntimeError, ValueError) as error:  # e.g. a bias that the base's layer lacks
        raise UserError(f"{adapter} cannot be merged ({' '.join(str(error).split())[:300]}){REMEDY}") from None
    error = ((_logits(merged) - expected).norm() / expected.norm()).item()
    if not error < TOLERANCE:
        raise UserError(
            f"{adapter} cannot be merged: the sum's logits differ by {error:.1%} from those of base and adapter{REMEDY}"
        )
    return merged


def _untie(model: PeftModel) -> None:
    """Make embeddings and head two matrices if they are one and an adapter changes either."""
    layers: list[Any] = [model.get_input_embeddings(), model.get_output_embeddings()]
    embeddings, head = (getattr(layer, "base_layer", layer) for layer in layers)
    if [embeddings, head] != layers and head.weight is embeddings.weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        config: Any = model.config
        config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = False


def _logits(model: Any) -> torch.Tensor:
    """Return logits (1, 16, vocabulary) of token ids from all of the vocabulary."""
    ids = torch.linspace(0, model.config.get_text_config().vocab_size - 1, 16).long()
    with torch.no_grad():
        return model.eval()(input_ids=ids[None], use_cache=False).logits


def _check_written(folder: Path, merged: PreTrainedModel) -> None:
    """Check that a checkpoint, loaded again, is the merged model to the bit.

    Raises:
        UserError: A matrix is missing, differs, or is not finite in its dtype.
    """
    expected = merged.state_dict()
    differing = differences(expected, _load(folder).state_dict())
    differing += [name for name, tensor in expected.items() if not tensor.isfinite().all()]
    if differing:
        raise UserError(
            f"--output: the merged model cannot be a checkpoint of its base's kind: {len(differing)} matrices differ "
            f"when it is loaded again, or exceed {merged.dtype}, e.g. {differing[0]}{REMEDY}"
        )
