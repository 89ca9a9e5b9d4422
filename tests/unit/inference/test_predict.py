"""A system's prediction job: every prompt answered once, gold joined by id, nothing lost or changed by a kill."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mixtune.artifacts.locks import exclusive, is_held
from mixtune.artifacts.manifests import file_sha256, read_json, write_json, write_manifest
from mixtune.data.example import Example
from mixtune.data.files import write_examples
from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.inference import answering
from mixtune.inference import predict as predicting
from mixtune.inference.decoder import Decoder, label_trie
from mixtune.inference.predict import predict
from mixtune.inference.settings import PredictSettings
from mixtune.models.qlora import add_adapter, load_adapter, load_base, load_tokenizer
from mixtune.models.settings import LoraSettings
from mixtune.prompts.files import Rendered, write_rendered
from mixtune.prompts.prefix import common_prefix
from tests.fixtures.models import END, VOCABULARY, fetch_folder, write_word_model

FLOAT32 = Device("cpu", torch.float32, "a test says so")
BF16 = Device("cpu", torch.bfloat16, "a test says so")
LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj", "down_proj"]}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


class Killed(BaseException):
    """Simulates the end of the process: no `except Exception` catches it."""


TEMPLATE_HASH = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The manifest of a random Llama whose tokenizer knows the words w0 to w63."""
    folder = tmp_path_factory.mktemp("model")
    write_word_model(folder, initializer_range=0.2)
    return fetch_folder(folder, folder / "manifest.json", "someone/tiny")


def make_adapter(model, folder, seed: int, template_hash: str = TEMPLATE_HASH):
    """An adapter with random weights, as a cell leaves it."""
    torch.manual_seed(seed)
    adapted = add_adapter(load_base(model.parent, FLOAT32), LoraSettings(**LORA))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    adapted.save_pretrained(folder)
    write_json(folder / "run_card.json", {"template_hash": template_hash})
    write_manifest(folder / "manifest.json", [path for path in folder.iterdir() if path.is_file()])
    return folder / "manifest.json"


@pytest.fixture(scope="module")
def adapter(model, tmp_path_factory):
    return make_adapter(model, tmp_path_factory.mktemp("adapter"), seed=1)


def example(benchmark: str, number: int, relation: str) -> Example:
    offsets = {"head_start": -1, "head_end": -1, "tail_start": -1, "tail_end": -1}
    return Example(
        id=f"{benchmark}/test/{number}",
        benchmark=benchmark,
        split="test",
        text="a text",
        head="a",
        tail="text",
        **offsets,
        head_type="",
        tail_type="",
        relation=relation,
        group=str(number),
    )


SETTINGS = {"max_new_tokens": 5, "constrained": "greedy", "code": "the code's hash"}
LABELS = ["w5", "w6", "none"]
ANSWERS = {"w5": [5, END], "w6": [6, END], "none": [7, 8, END]}  # as rendered: the ids of each label


@pytest.fixture
def job(tmp_path, model, adapter):
    """Runs `predict` on prompts of two conditions and, at first, one benchmark, in a folder of its own.

    `job.rows` are the rendered rows by condition and benchmark: their order is not that of the test split, which
    has more rows, and the first two have one prompt and two golds.
    """

    class Job:
        rows, gold = {}, {}
        prompts = tmp_path / "rendered" / "manifest.json"
        benchmarks = tmp_path / "benchmarks"
        scratch = tmp_path / "scratch"

        def add(self, benchmark: str, number: int = 12):
            rng = random.Random(benchmark)
            self.gold[benchmark] = {f"{benchmark}/test/{i}": rng.choice(LABELS) for i in range(2 * number)}
            first, second, *rest = rng.sample(sorted(self.gold[benchmark]), number)
            self.gold[benchmark] |= {first: "w5", second: "w6"}
            examples = [example(benchmark, i, self.gold[benchmark][f"{benchmark}/test/{i}"]) for i in range(2 * number)]
            write_examples(self.benchmarks / benchmark / "test.parquet", examples)
            write_json(self.benchmarks / benchmark / "labels.json", {"labels": LABELS, "negative": "none"})
            for condition in ("generic", "schema"):
                ids = [[rng.randrange(3, VOCABULARY) for _ in range(rng.randint(3, 20))] for _ in range(number)]
                ids[1] = ids[0]
                rows = [Rendered(id, prompt, 0, "", 0) for id, prompt in zip([first, second, *rest], ids, strict=True)]
                self.rows[condition, benchmark] = rows
                write_rendered(self.prompts.parent / condition / f"{benchmark}.parquet", rows)
            files = [self.prompts.parent / condition / f"{name}.parquet" for condition, name in self.rows]
            facts = {"template_hash": TEMPLATE_HASH, "stop_ids": [2], "answers": dict.fromkeys(self.gold, ANSWERS)}
            write_manifest(self.prompts, files, **facts)

        def run(self, output: str = "output", adapter=adapter, device=FLOAT32, conditions=(), **changed):
            folder = tmp_path / output
            pairs = [(condition, name) for condition in conditions for name in self.gold] or self.rows
            predict(
                PredictSettings(**SETTINGS | changed),
                model,
                adapter,
                self.prompts,
                {name: self.benchmarks / name for name in self.gold},
                [folder / condition / f"{name}.parquet" for condition, name in pairs],
                folder / "manifest.json",
                device=device,
                scratch=self.scratch,
            )
            return folder

    made = Job()
    made.rows, made.gold = {}, {}
    made.add("conll04")
    return made


def read(folder, condition="generic", benchmark="conll04") -> list[dict]:
    return pq.read_table(folder / condition / f"{benchmark}.parquet").to_pylist()


def raw(folder) -> list[str]:
    return [row["raw"] for condition in ("generic", "schema") for row in read(folder, condition)]


@pytest.fixture
def no_model(monkeypatch):
    """Whoever loads a base model from now on fails."""

    def refuse(*_):
        raise AssertionError("the model was loaded")

    return lambda: monkeypatch.setattr(predicting, "load_base", refuse)


def test_predictions_files_have_the_columns_of_every_system(job):
    folder = job.run()
    for condition in ("generic", "schema"):
        assert pq.read_schema(folder / condition / "conll04.parquet") == pa.schema(
            {"id": pa.string(), "gold": pa.string(), "predicted": pa.string(), "raw": pa.string()}
            | {"in_schema": pa.bool_(), "confidence": pa.float32()}
        )
    names = ["generic/conll04.parquet", "schema/conll04.parquet"]
    assert read_json(folder / "manifest.json") == {"files": {name: file_sha256(folder / name) for name in names}}


@pytest.mark.parametrize("tuned", [True, False], ids=["cell", "untuned"])
def test_a_system_answers_as_its_model_does_one_prompt_at_a_time(job, model, adapter, tuned):
    folder = job.run(adapter=adapter if tuned else None)
    network = load_base(model.parent, FLOAT32)
    network = load_adapter(network, adapter.parent) if tuned else network.eval()
    decoder = Decoder(network, FLOAT32, [END], 0, 5)
    tokenizer = load_tokenizer(model.parent)
    for condition in ("generic", "schema"):
        for row, rendered in zip(read(folder, condition), job.rows[condition, "conll04"], strict=True):
            (ids,) = decoder.generate([rendered.input_ids])
            assert row["raw"] == tokenizer.decode(ids, skip_special_tokens=True)


def test_the_run_card_records_prompts_and_costs(job, no_model):
    first = job.run("first")
    card = read_json(first / "run_card.json")
    assert card["examples_seen"] == 2 * 11  # two conditions; two of twelve prompts are the same
    prompts = {
        condition: {tuple(row.input_ids) for row in job.rows[condition, "conll04"]} for condition in card["conditions"]
    }
    assert {c: facts["tokens_seen"] for c, facts in card["conditions"].items()} == {
        condition: sum(map(len, inputs)) for condition, inputs in prompts.items()
    }
    assert card["seconds"] >= card["loading_seconds"] > 0
    assert card["scratch"].startswith("predict/")
    no_model()
    again = read_json(job.run("second") / "run_card.json")
    for key in ("seconds", "loading_seconds", "examples_seen", "examples_per_second", "peak_rss_bytes"):
        assert again[key] == card[key], "what was restored took what it took when it was computed"
    assert (job.run("second") / "manifest.json").read_bytes() == (first / "manifest.json").read_bytes()


def test_an_adapter_changes_the_answers(job, model, adapter, tmp_path):
    other = make_adapter(model, tmp_path / "other", seed=2)
    answers = [raw(job.run(str(i), one)) for i, one in enumerate((None, adapter, other))]
    assert len({tuple(one) for one in answers}) == 3


def test_gold_is_joined_by_id(job):
    """Rows are fewer than those of the test split, in another order, and two prompts are the same."""
    folder = job.run()
    for condition in ("generic", "schema"):
        rows = read(folder, condition)
        assert [row["id"] for row in rows] == [rendered.id for rendered in job.rows[condition, "conll04"]]
        assert [row["gold"] for row in rows] == [job.gold["conll04"][row["id"]] for row in rows]
        assert rows[0]["raw"] == rows[1]["raw"]
        assert (rows[0]["gold"], rows[1]["gold"]) == ("w5", "w6")


def test_labels_are_recognised_by_the_inventory_of_the_benchmark(job, no_model):
    first = read(job.run())
    assert not any(row["in_schema"] for row in first)  # five random words are no label of one
    known = first[3]["raw"]
    write_json(job.benchmarks / "conll04" / "labels.json", {"labels": [known.upper()], "negative": None})
    no_model()
    for row in read(job.run()):
        assert row["in_schema"] is (row["raw"] == known)
        assert row["predicted"] == (known.upper() if row["in_schema"] else row["raw"])


@pytest.mark.parametrize("how", ["greedy", "exact"])
def test_constrained_answers_are_labels_with_a_confidence(job, model, adapter, how):
    rows = read(job.run(conditions=["constrained"], constrained=how), "constrained")
    assert all(row["in_schema"] and row["predicted"] == row["raw"] in LABELS for row in rows)
    assert all(1 / 3 <= row["confidence"] <= 1 for row in rows)
    # The prompts are those of `schema`; the first label token decides among these labels.
    decoder = Decoder(load_adapter(load_base(model.parent, FLOAT32), adapter.parent), FLOAT32, [END], 0, 5)
    choose = decoder.choose_labels_exactly if how == "exact" else decoder.choose_labels
    for row, rendered in zip(rows, job.rows["schema", "conll04"], strict=True):
        (choice,) = choose([rendered.input_ids], label_trie(list(ANSWERS.values())))
        assert ANSWERS[row["raw"]] == choice.ids
        assert row["confidence"] == pytest.approx(choice.confidence, abs=1e-5)
    free = read(job.run("free"), "schema")
    assert {row["confidence"] for row in free} == {None}


def test_another_way_to_choose_a_label_is_computed_anew(job, no_model):
    job.run(conditions=["constrained"])
    no_model()
    job.run("again", conditions=["constrained"])
    with pytest.raises(AssertionError, match="the model was loaded"):
        job.run("exact", conditions=["constrained"], constrained="exact")


def test_another_chat_template_is_refused(job, model, tmp_path, no_model):
    no_model()
    other = make_adapter(model, tmp_path / "other", seed=1, template_hash="f" * 64)
    with pytest.raises(UserError, match=r"other was tuned with chat template ffffffffffff.* 0123456789ab; tune"):
        job.run(adapter=other)
    assert not (tmp_path / "output").exists()


def test_without_new_prompts_no_model_is_loaded(job, no_model):
    first = job.run("first")
    no_model()
    second = job.run("second")
    for path in first.rglob("*.*"):
        assert (second / path.relative_to(first)).read_bytes() == path.read_bytes()


def test_a_job_next_to_another_waits_for_it_and_uses_its_parts(job, no_model, capsys):
    first = job.run("first")
    no_model()
    (lock,) = job.scratch.glob("predict/*/lock")
    assert not is_held(lock)
    with ThreadPoolExecutor() as pool:
        with exclusive(lock):
            second = pool.submit(job.run, "second")
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        folder = second.result(timeout=60)
    waiting = capsys.readouterr().out
    assert f"pid {os.getpid()} on " in waiting
    assert "is already running this job; waiting for it to finish" in waiting
    assert raw(folder) == raw(first)


def test_a_new_benchmark_costs_its_own_prompts_only(job, monkeypatch):
    first = job.run("first")
    job.add("gids")
    answered = []
    original = Decoder.generate

    def generate(self, prompts, prefix=None):
        answered.extend(map(list, prompts))
        return original(self, prompts, prefix)

    monkeypatch.setattr(Decoder, "generate", generate)
    second = job.run("second")
    new = {tuple(row.input_ids) for condition in ("generic", "schema") for row in job.rows[condition, "gids"]}
    assert not common_prefix(sorted(new))  # nothing is shared: prompts are computed whole
    assert sorted(map(tuple, answered)) == sorted(new)
    assert raw(second) == raw(first)
    assert len(read(second, "schema", "gids")) == 12


def test_the_base_and_its_adapter_are_loaded_once(job, monkeypatch):
    job.add("gids")
    loaded = []
    for name in ("load_base", "load_adapter"):
        original = getattr(predicting, name)
        monkeypatch.setattr(
            predicting, name, lambda *args, name=name, original=original: (loaded.append(name), original(*args))[1]
        )
    job.run()
    assert loaded == ["load_base", "load_adapter"]


def test_a_pad_token_without_an_embedding_is_not_used(job, model, monkeypatch):
    expected = raw(job.run())
    tokenizer = load_tokenizer(model.parent)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    assert tokenizer.pad_token_id == VOCABULARY
    monkeypatch.setattr(predicting, "load_tokenizer", lambda _: tokenizer)
    job.scratch = job.scratch.with_name("another")
    assert len({len(row.input_ids) for rows in job.rows.values() for row in rows}) > 1
    assert raw(job.run("again")) == expected


@pytest.mark.parametrize("what", ["max_new_tokens", "code", "dtype", "adapter", "base"])
def test_finished_parts_are_of_one_system_only(job, model, tmp_path, no_model, what):
    job.run()
    other = make_adapter(model, tmp_path / "other", seed=2)
    no_model()
    job.run()
    changed = {
        "max_new_tokens": {"max_new_tokens": 6},
        "code": {"code": "another hash"},
        "dtype": {"device": BF16},
        "adapter": {"adapter": other},
        "base": {"adapter": None},
    }[what]
    with pytest.raises(AssertionError, match="the model was loaded"):
        job.run(**changed)


def test_changed_prompts_are_answered_again(job, no_model):
    job.run()
    no_model()
    job.add("conll04", number=13)
    with pytest.raises(AssertionError, match="the model was loaded"):
        job.run()


def test_an_adapter_is_known_by_its_weights_not_its_card(job, model, tmp_path, no_model):
    """Training seconds differ on every machine; the weights do not."""
    job.run(adapter=make_adapter(model, tmp_path / "one", seed=3))
    other = make_adapter(model, tmp_path / "two", seed=3)
    write_json(other.parent / "run_card.json", {"template_hash": TEMPLATE_HASH, "seconds": 12.3})
    write_manifest(other, [path for path in other.parent.iterdir() if path != other])
    no_model()
    job.run(adapter=other)


def test_trained_on_nf4_tested_on_bf16(job, model, adapter, monkeypatch):
    """The model that predicts is the one that training makes: NF4 base, adapter, dtypes, mode."""
    decoders = []

    class Kept(Decoder):
        def __init__(self, *args):
            decoders.append(self)
            super().__init__(*args)

    monkeypatch.setattr(predicting, "Decoder", Kept)
    job.run(device=BF16)
    (decoder,) = decoders
    expected = load_adapter(load_base(model.parent, BF16), adapter.parent).state_dict()
    assert not decoder.model.training
    state = decoder.model.state_dict()
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert state[name].dtype == value.dtype
        assert torch.equal(state[name], value), name
    assert (decoder.device, decoder.max_new_tokens, decoder.stop_ids.tolist()) == (BF16, 5, [END])


def test_a_killed_job_goes_on_to_the_same_files(job, monkeypatch, tmp_path):
    monkeypatch.setattr(answering, "PART_ROWS", 4)
    monkeypatch.setattr(predicting, "TOKEN_BUDGET", {"cpu": 40})
    job.scratch = tmp_path / "one"
    whole = job.run("whole", device=BF16)
    job.scratch = tmp_path / "two"
    original, lives = Decoder.generate, [7]

    def generate(self, prompts, prefix=None):
        lives[0] -= 1
        if lives[0] < 0:
            raise Killed
        return original(self, prompts, prefix)

    with monkeypatch.context() as patched:
        patched.setattr(Decoder, "generate", generate)
        with pytest.raises(Killed):
            job.run("parts", device=BF16)
    assert list(job.scratch.rglob("part-*.parquet"))
    assert not (tmp_path / "parts" / "manifest.json").exists()
    parts = job.run("parts", device=BF16)
    for path in set(whole.rglob("*.*")) - {whole / "run_card.json"}:  # which records what a run took
        assert (parts / path.relative_to(whole)).read_bytes() == path.read_bytes()
