"""A random encoder, prepared benchmarks, and the jobs of encoders."""

import pytest

from mixtune.baselines.finetune_encoder import finetune_encoder
from mixtune.baselines.predict_encoder import predict_encoder
from mixtune.baselines.settings import FinetuneEncoderSettings, PredictEncoderSettings
from mixtune.data.prepare_benchmark import Prepared, write_prepared
from tests.unit.baselines.encoders import FLOAT32, LABELS, SETTINGS


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_tokenizer, tiny_encoder):
    """The manifest of a random RoBERTa."""
    return tiny_encoder(tiny_tokenizer("gemma"), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def rows(make_example):
    """Makes examples whose label follows from the tail's type."""

    def make(number, split="train", **changed):
        labels = [LABELS[n * n % 3] for n in range(number)]
        kinds = {"lives": "city", "works": "firm", "NA": "", "other": "else"}
        return [
            make_example(
                n, f"Ada {'is ' * (n % 4)}at X{n}.", "Ada", f"X{n}", relation=label, tail_type=kinds[label],
                id=f"toy/{split}/{n}", split=split, **changed,
            )
            for n, label in enumerate(labels)
        ]  # fmt: skip

    return make


@pytest.fixture
def benchmark(rows, tmp_path):
    """The folder of a prepared benchmark; `benchmark(train=…, test=…)` writes other examples."""

    def make(train=None, test=None):
        splits = {"train": train or rows(18), "validation": rows(2, "validation"), "test": test or rows(9, "test")}
        write_prepared(Prepared(splits, LABELS, "NA", {}), tmp_path / "benchmarks" / "toy")
        return tmp_path / "benchmarks" / "toy"

    return make


@pytest.fixture
def job(model, benchmark, tmp_path):
    """Runs `finetune_encoder`: `job(output="output", **changed)` returns the output's folder."""

    def run(output="output", **changed):
        manifest = tmp_path / output / "toy" / "seed-1" / "manifest.json"
        settings = FinetuneEncoderSettings(**SETTINGS | changed)
        options = {"device": FLOAT32, "scratch": tmp_path / "scratch"}
        finetune_encoder(settings, model, {"toy": run.benchmark}, [manifest], **options)
        return manifest.parent

    run.benchmark = benchmark()
    return run


@pytest.fixture
def predict(job, tmp_path):
    """Runs `predict_encoder`: `predict(tuned, **changed)` returns the predictions' path."""

    def run(tuned, output="predicted", **changed):
        path = tmp_path / output / "any" / "toy.parquet"
        predict_encoder(
            PredictEncoderSettings(
                **{"max_length": 64, "test_rows": 5, "data_seed": 7, "code": "the code's hash"} | changed
            ),
            [tuned / "manifest.json"],
            {"toy": job.benchmark},
            [path],
            path.parents[1] / "manifest.json",
            device=FLOAT32,
            scratch=tmp_path / "scratch",
        )
        return path

    return run


@pytest.fixture
def typed_rows(make_example):
    """Makes examples of pairs (label, types), each with a text of its own."""

    def make(*kinds, split="test"):
        return [
            make_example(
                number, f"Ada {split} Bob {number}", "Ada", "Bob", relation=label, head_type=types[0],
                tail_type=types[1:], id=f"toy/{split}/{number}", split=split,
            )
            for number, (label, types) in enumerate(kinds)
        ]  # fmt: skip

    return make


@pytest.fixture
def train(typed_rows):
    kinds = [("NA", "PL")] * 3 + [("lives", "PL")] * 2 + [("born", "PL")] * 2 + [("works", "PO")] + [("NA", "OO")]
    return typed_rows(*kinds, split="train")
