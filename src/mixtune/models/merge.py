"""Merging of a base model and an adapter into one checkpoint."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from transformers import AutoModelForCausalLM

from ..errors import UserError
from ..prompts.chat_template import folder_renderer
from .adapter_folder import check_template
from .qlora import load_adapter
from .resolve import base_folder

WARNING = """\
warning: adapters are tuned on the base in NF4, and this one is merged into the base as published, in {dtype}; the
merged model's logits, and some of its predictions, differ from those that mixtune scored"""


def merge(adapter: Path, base: str | None, output: Path) -> None:
    """Write base + adapter as safetensors, with tokenizer and chat template, in the dtype of the base's checkpoint.

    The sum is computed in float32, which takes 4 bytes of memory per parameter.

    Args:
        base: Folder or hub id of the base model; None: the one that the adapter names.
        output: Folder to write, completely or not at all.

    Raises:
        UserError: The output is not empty, or adapter and base do not fit.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output: {output} exists and is not an empty folder; choose another, or empty it yourself")
    folder = base_folder(base, adapter)
    renderer = folder_renderer(folder)
    check_template(adapter, renderer.template_hash, renderer.tokenizer.get_chat_template())
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    dtype = model.dtype
    print(WARNING.format(dtype=str(dtype).removeprefix("torch.")), file=sys.stderr)
    merged = load_adapter(model.float(), adapter).merge_and_unload(safe_merge=True).to(dtype)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as temporary:
        complete = Path(temporary) / output.name
        merged.save_pretrained(complete)
        renderer.tokenizer.save_pretrained(complete)
        if (adapter / "NOTICE").is_file():  # a Llama licence requires it with every copy
            shutil.copy(adapter / "NOTICE", complete)
        os.replace(complete, output)
