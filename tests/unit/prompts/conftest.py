"""Two small prepared benchmarks, a mixture of both, and the jobs that render them."""

import pytest

from mixtune.artifacts.manifests import write_json
from mixtune.data.build_mixture import build_mixture
from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.data.settings import BuildMixtureSettings
from mixtune.prompts.chat_template import Renderer
from mixtune.prompts.files import read_rendered
from mixtune.prompts.render_prompts import render_prompts
from mixtune.prompts.render_training import render_training
from mixtune.prompts.settings import RenderPromptsSettings, RenderTrainingSettings
from mixtune.resources import resource

BENCHMARKS = ["conll04", "gids"]
TRAINING = {"shots": 1, "condition": "generic", "max_length": 10_000, "validation_rows": 12, "data_seed": 42}
PROMPTS = {"shots": 1, "max_length": 10_000, "test_rows": 10, "data_seed": 42}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The sample corpora of two benchmarks, and a mixture of both."""
    root = tmp_path_factory.mktemp("prepared")
    folders = [root / "benchmarks" / name for name in BENCHMARKS]
    for folder in folders:
        shares = {"validation": 0.1, "test": 0.2}
        write_prepared(
            prepare(folder.name, resource("sample", folder.name), expect="sample", shares=shares, seed=42), folder
        )
    settings = {
        "mixture": "toy",
        "domains": dict.fromkeys(BENCHMARKS, "general"),
        "balance": "natural",
        "max_rows": 40,
        "data_seed": 42,
    }
    manifests = [folder / "manifest.json" for folder in folders]
    build_mixture(BuildMixtureSettings(**settings), manifests, root / "mixture" / "manifest.json")
    return folders, root / "mixture"


@pytest.fixture(scope="module")
def renderer(tiny_tokenizer):
    return Renderer(tiny_tokenizer("chatml"))


@pytest.fixture
def train(prepared, renderer):
    folders, mixture = prepared

    def make(output, **changes):
        manifests = [folder / "manifest.json" for folder in folders]
        settings = RenderTrainingSettings(**(TRAINING | changes))
        render_training(settings, renderer, mixture / "manifest.json", manifests, output / "manifest.json")
        return {split: read_rendered(output / f"{split}.parquet") for split in ("train", "validation")}

    return make


@pytest.fixture(name="render_prompts")
def prompts_job(prepared, renderer):
    folders, _ = prepared

    def make(output, renderer=renderer, conditions=("generic", "schema"), folders=folders, **changes):
        paths = [output / condition / f"{folder.name}.parquet" for condition in conditions for folder in folders]
        gathered = folders[0].parent / "all.json"
        write_json(gathered, {"benchmarks": [folder.name for folder in folders]})
        settings = RenderPromptsSettings(**(PROMPTS | changes))
        render_prompts(settings, renderer, gathered, paths, output / "manifest.json")
        return {f"{path.parent.name}/{path.stem}": read_rendered(path) for path in paths}

    return make


@pytest.fixture(scope="module")
def turns():
    """Gives role and content of each turn of a ChatML row: `turns(renderer, row)`."""

    def split(renderer, row) -> list[list[str]]:
        text = renderer.tokenizer.decode(row["input_ids"])
        return [turn.partition("<|im_end|>")[0].split("\n", 1) for turn in text.split("<|im_start|>")[1:]]

    return split
