"""A base model and an adapter as one checkpoint."""

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
merged model's logits, and some of its answers, differ from those that mixtune measured"""


def merge(adapter: Path, base: str | None, output: Path) -> None:
    """Write base + adapter as safetensors, with tokenizer and chat template, in the dtype of the base's checkpoint.

    The sum is computed in float32, which takes 4 bytes of memory a parameter.

    Args:
        base: Folder of the base model; None: what the adapter names, from the hub.
        output: Folder to write; what is there is whole.

    Raises:
        UserError: The output holds something, or adapter and base do not go together.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output {output} is there and not an empty folder; name another, or empty it yourself")
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
        whole = Path(temporary) / output.name
        merged.save_pretrained(whole)
        renderer.tokenizer.save_pretrained(whole)
        if (adapter / "NOTICE").is_file():  # a Llama licence wants it with every copy
            shutil.copy(adapter / "NOTICE", whole)
        os.replace(whole, output)
