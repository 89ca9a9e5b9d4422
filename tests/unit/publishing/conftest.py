import pytest
import torch

from mixtune.models.qlora import Device, add_adapter, load_base
from mixtune.models.settings import LoraSettings
from mixtune.prompts.chat_template import folder_renderer
from tests.unit.publishing.cards import RUN

FLOAT32 = Device("cpu", torch.float32, "a test says so")


@pytest.fixture
def bases(tmp_path_factory, tiny_tokenizer, tiny_model):
    """Makes base models with adapters, as a cell leaves them: `bases(template)` gives the two folders."""

    def make(template: str):
        folder = tmp_path_factory.getbasetemp() / f"card-{template}"
        if not folder.exists():
            base = tiny_model(tiny_tokenizer(template), folder / "base", name="maker/tiny").parent
            torch.manual_seed(1)
            model = add_adapter(load_base(base, FLOAT32), LoraSettings(**RUN["settings"]["lora"]))
            model.save_pretrained(folder / "adapter", save_embedding_layers=False)
            folder_renderer(base).tokenizer.save_pretrained(folder / "adapter")
        return folder / "base", folder / "adapter"

    return make
