"""Checks of a matrix: problems, their remedies, and the systems that stay usable."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from mixtune.artifacts.manifests import write_json
from mixtune.config.config import load
from mixtune.runs import matrix_checks
from mixtune.runs.machine_checks import FAIL, OK, WARNING, Check
from tests.fixtures.checkpoints import LLAMA, write_checkpoint

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def configured(**changes):
    config = copy.deepcopy(SHIPPED)
    update_config(config, changes)
    return load(config)


@pytest.fixture
def benchmark(tmp_path):
    """The folder of a benchmark of one's own with a train and a test split."""
    folder = tmp_path / "own"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_text("text,entity1,entity2,relation\nAnn met Bo.,Ann,Bo,met\n")
    return folder


def own(folder, **fields):
    entry = {"origin": "path", "path": str(folder), "domain": "general"} | fields
    return configured(
        benchmarks={"own": entry},
        matrix={"benchmarks": ["own"], "mixtures": ["mine"]},
        mixtures={"mine": {"benchmarks": ["own"], "balance": "natural", "max_rows": 9}},
    )


def test_a_benchmarks_first_rows_are_read(benchmark, tmp_path):
    (check,) = matrix_checks.check_benchmarks(own(benchmark), tmp_path)
    assert check.state == OK
    assert "train, test; validation sampled from train" in check.fact


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda folder: (folder / "train.csv").unlink(), "train"),
        (lambda folder: (folder / "test.csv").write_text("text,entity1,entity2\nx,y,z\n"), "relation"),
        (lambda folder: folder.rename(folder.with_name("gone")), "no such folder"),
    ],
)
def test_missing_and_broken_files_of_a_benchmark_are_named(benchmark, tmp_path, harm, problem):
    harm(benchmark)
    (check,) = matrix_checks.check_benchmarks(own(benchmark), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"own"})
    assert problem in check.fact


def test_a_named_file_is_read_and_a_missing_one_is_not_carved(benchmark, tmp_path):
    (benchmark / "test.csv").rename(benchmark / "mine.csv")
    (check,) = matrix_checks.check_benchmarks(own(benchmark, files={"test": "mine.csv"}), tmp_path)
    assert check.state == OK
    assert "train, test; validation sampled from train" in check.fact
    (check,) = matrix_checks.check_benchmarks(own(benchmark, files={"test": "gone.csv"}), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"own"})
    assert check.fact.endswith("gone.csv: file not found; correct benchmarks.own.files.test")


def test_an_evaluation_only_benchmark_has_a_test_split_and_nothing_is_carved(benchmark, tmp_path):
    changes = {
        "benchmarks": {"own": {"origin": "path", "path": str(benchmark), "domain": "general", "evaluation_only": True}},
        "matrix": {"benchmarks": ["own"], "mixtures": [], "untuned": True, "shots": [0], "encoders": [], "floors": []},
    }
    (check,) = matrix_checks.check_benchmarks(configured(**changes), tmp_path)
    assert (check.state, check.fact.endswith("remove benchmarks.own.evaluation_only")) == (FAIL, True)
    (benchmark / "train.csv").unlink()
    (check,) = matrix_checks.check_benchmarks(configured(**changes), tmp_path)
    assert (check.state, check.fact) == (OK, f"{benchmark}: test")
    (benchmark / "test.csv").rename(benchmark / "validation.csv")
    (check,) = matrix_checks.check_benchmarks(configured(**changes), tmp_path)
    assert (check.state, "split 'test' not found" in check.fact) == (FAIL, True)


def test_a_missing_label_map_is_named(benchmark, tmp_path):
    (check,) = matrix_checks.check_benchmarks(own(benchmark, label_map="nowhere.csv"), tmp_path)
    assert "nowhere.csv" in check.fact
    assert check.state == FAIL


def test_a_missing_tacred_says_where_it_is_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (check,) = matrix_checks.check_benchmarks(configured(), tmp_path)
    assert (check.state, check.benchmarks) == (FAIL, {"tacred"})
    assert "LDC2018T24" in check.fact


def test_samples_are_one_warning(tmp_path):
    samples = {name: {"origin": "sample"} for name in SHIPPED["benchmarks"]}
    (check,) = matrix_checks.check_benchmarks(configured(benchmarks=samples), tmp_path)
    assert check.state == WARNING
    assert "are not scores on the benchmarks" in check.fact


def test_a_local_model_must_be_whole(tmp_path):
    name = SHIPPED["matrix"]["models"][0]
    config = configured(models={name: {"origin": "path", "path": str(tmp_path / "model")}}, matrix={"models": [name]})
    assert next(matrix_checks.check_models(config, tmp_path)).state == FAIL
    (tmp_path / "model").mkdir()
    (check,) = matrix_checks.check_models(config, tmp_path)
    assert (check.state, check.models) == (FAIL, {name})
    assert "*.safetensors, config.json, tokenizer*" in check.fact
    (tmp_path / "model/pytorch_model.bin").touch()
    assert "(pytorch_model.bin is a pickle" in next(matrix_checks.check_models(config, tmp_path)).fact
    write_checkpoint(tmp_path / "model")
    assert next(matrix_checks.check_models(config, tmp_path)).state == OK
    (tmp_path / "model/model.safetensors").write_bytes(b"half a header")
    (check,) = matrix_checks.check_models(config, tmp_path)
    assert (check.state, check.models) == (FAIL, {name})
    assert "model.safetensors: incomplete safetensors file" in check.fact


def test_encoders_are_checked_like_models(tmp_path):
    entries = {"mine": {"origin": "path", "path": str(tmp_path / "encoder")}}
    config = configured(encoders=entries, matrix={"encoders": ["mine"]})
    for config_json, state in (({}, OK), ({"model_type": "t5"}, FAIL)):
        write_checkpoint(tmp_path / "encoder", **config_json)
        (check,) = matrix_checks.check_models(config, tmp_path)
        assert (check.state, check.subject, check.models) == (state, "encoder mine", frozenset())
    assert check.fact.startswith("encoders.mine: architecture 't5' is no text encoder")


def test_a_fetched_model_is_checked_again(tmp_path):
    folder = write_checkpoint(tmp_path / "results/models/SmolLM3-3B")
    config = configured(matrix={"models": ["SmolLM3-3B"], "encoders": []})
    assert not list(matrix_checks.check_models(config, tmp_path))
    write_json(folder / "manifest.json", {})
    (check,) = matrix_checks.check_models(config, tmp_path)
    assert (check.state, check.fact) == (OK, "fetched")
    write_checkpoint(folder, model_type="unheard")
    (check,) = matrix_checks.check_models(config, tmp_path)
    assert check.state == FAIL
    assert check.fact.startswith("models.SmolLM3-3B: its architecture 'unheard' is unknown")


def test_a_missing_key_is_named_and_none_is_shown(monkeypatch):
    entry = {"base_url": "http://localhost/v1", "model": "m", "price": {"input": 0, "output": 0}, "spending_limit": 0}
    entries = {"keyless": entry | {"key_variable": None}, "big": entry | {"key_variable": "BIG_KEY"}}
    config = configured(matrix={"frontier": ["keyless", "big"]}, frontier=entries)
    for key, state, fact in (
        ("", FAIL, "not set; set it to the API key, or correct frontier.big.key_"),
        ("s3cret", OK, "set"),
    ):
        monkeypatch.setenv("BIG_KEY", key)
        keyless, big = matrix_checks.check_frontier(config)
        assert (keyless.state, big.state, big.subject) == (OK, state, "frontier big")
        assert f"BIG_KEY is {fact}" in big.fact
        assert "s3cret" not in big.fact
    assert not list(matrix_checks.check_frontier(configured(matrix={"frontier": []})))


def test_what_is_fetched_needs_no_hub(tmp_path):
    config = configured()
    wanted = matrix_checks.find_missing_repositories(config, tmp_path)
    assert len(wanted) == 5 + 2 + 8
    assert wanted["encoders.roberta-base"] == ("model", "FacebookAI/roberta-base")
    assert wanted["models.SmolLM3-3B"] == ("model", "HuggingFaceTB/SmolLM3-3B")
    assert wanted["benchmarks.gids"] == ("dataset", "Despina/gids")
    write_json(tmp_path / "results/models/SmolLM3-3B/manifest.json", {})
    write_json(tmp_path / "results/fetched/gids/manifest.json", {})
    assert len(matrix_checks.find_missing_repositories(config, tmp_path)) == 4 + 2 + 7
    assert [check.subject for check in matrix_checks.check_models(config, tmp_path)] == ["model SmolLM3-3B"]


WANTED = {"models.Llama-3.2-3B-Instruct": ("model", "meta-llama/x"), "benchmarks.gids": ("dataset", "a/gids")}


def test_an_unreachable_hub_blocks_what_is_to_be_fetched(monkeypatch):
    monkeypatch.setattr(matrix_checks, "find_connection_problem", lambda: "it does not answer")
    (check,) = matrix_checks.check_hub(WANTED)
    assert (check.state, check.models, check.benchmarks) == (FAIL, {"Llama-3.2-3B-Instruct"}, {"gids"})
    assert [check.state for check in matrix_checks.check_hub({})] == [OK]


def test_a_switched_off_hub_is_not_contacted(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in matrix_checks.find_connection_problem()


def test_a_gated_model_says_what_to_do(monkeypatch):
    monkeypatch.setattr(matrix_checks, "find_connection_problem", lambda: None)
    answers = {"meta-llama/x": (FAIL, "meta-llama/x is gated"), "a/gids": (OK, "a/gids can be fetched")}
    monkeypatch.setattr(matrix_checks, "check_access", lambda id, kind: answers[id])
    reachable, gated, open_ = matrix_checks.check_hub(WANTED)
    assert (reachable.state, gated.state, open_.state) == (OK, FAIL, OK)
    assert (gated.subject, gated.models) == ("model Llama-3.2-3B-Instruct", {"Llama-3.2-3B-Instruct"})
    assert open_.benchmarks == frozenset()


@pytest.mark.parametrize(
    ("error", "state", "fact"),
    [
        ("GatedRepoError", FAIL, "accept its licence"),
        ("RepositoryNotFoundError", FAIL, "correct its id"),
        ("HfHubHTTPError", WARNING, "could not be checked"),
        (None, OK, "can be fetched"),
    ],
)
def test_answers_of_the_hub_are_reported_in_our_words(error, state, fact, monkeypatch):
    import huggingface_hub
    from huggingface_hub import errors

    def auth_check(self, id, repo_type):
        if error:
            kind = getattr(errors, error)
            raise kind.__new__(kind)  # its constructor wants an answer of the hub

    monkeypatch.setattr(huggingface_hub.HfApi, "auth_check", auth_check)
    found = matrix_checks.check_access("a/b", "model")
    assert found[0] == state
    assert fact in found[1]


@pytest.mark.parametrize(
    ("files", "config", "kind", "state", "fact"),
    [
        ({"model.safetensors"}, {}, "models", OK, "a/b can be fetched"),
        ({"model.safetensors"}, {"quantization_config": {"quant_method": "mxfp4"}}, "models", FAIL, "stored in MXFP4"),
        ({"model.safetensors"}, {"model_type": "bert"}, "models", FAIL, "it is an encoder"),
        ({"model.safetensors"}, {"model_type": "bert"}, "encoders", OK, "can be fetched"),
        ({"pytorch_model.bin", "onnx/x.safetensors"}, {}, "models", FAIL, "pytorch_model.bin is a pickle"),
        ({"model.safetensors"}, None, "models", WARNING, "its files could not be checked (TimeoutError)"),
    ],
)
def test_a_model_on_the_hub_is_checked_before_it_is_fetched(tmp_path, monkeypatch, files, config, kind, state, fact):
    import huggingface_hub

    def download(id, name, revision):
        assert (id, name, revision) == ("a/b", "config.json", "v1")
        if config is None:
            raise TimeoutError
        write_json(tmp_path / name, LLAMA | config)
        return str(tmp_path / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda self, id, revision: sorted(files))
    monkeypatch.setattr(matrix_checks, "find_connection_problem", lambda: None)
    monkeypatch.setattr(matrix_checks, "check_access", lambda id, kind: (OK, "a/b can be fetched"))
    _, check = matrix_checks.check_hub({f"{kind}.mine": ("model", "a/b")}, {f"{kind}.mine": "v1"})
    assert (check.state, check.subject) == (state, f"{kind.removesuffix('s')} mine")
    assert fact in check.fact
    assert check.models == ({"mine"} if state == FAIL and kind == "models" else set())


def test_what_works_in_spite_of_what_is_missing():
    config = configured(matrix={"untuned": True})
    assert (
        matrix_checks.summarise_usable_systems(config, [])
        == "30 of 30 cells can be fine-tuned, 40 of 40 systems evaluated"
    )
    gated = Check(FAIL, "model", "", models=frozenset(["Llama-3.2-3B-Instruct"]))
    assert "24 of 30 cells can be fine-tuned, 32 of 40 systems" in matrix_checks.summarise_usable_systems(
        config, [gated]
    )
    lost = Check(FAIL, "benchmark", "", benchmarks=frozenset(["tacred"]))
    summary = matrix_checks.summarise_usable_systems(config, [lost, Check(FAIL, "device", "")])
    assert "10 of 30 cells can be fine-tuned, 0 of 40 systems evaluated" in summary  # LitTune needs no TACRED
    assert "evaluation needs tacred" in summary
    assert summary.startswith("apart from device: ")


@pytest.fixture
def model_with(tmp_path, tiny_tokenizer):
    """Writes a model without weights: `model_with(template)` returns its folder."""
    from transformers import LlamaConfig

    def write(template: str) -> Path:
        tokenizer = tiny_tokenizer(template)
        tokenizer.save_pretrained(tmp_path / "model")
        LlamaConfig(vocab_size=len(tokenizer)).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return write


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
THINKING = CHATML + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"


@pytest.mark.parametrize(
    ("template", "untuned", "state", "fact"),
    [
        ("chatml", True, None, ""),
        (CHATML, True, FAIL, "opens no turn for the answer"),
        (THINKING, True, WARNING, "opens a thought ('<think>')"),
        (THINKING, False, None, ""),
    ],
)
def test_chat_templates_are_examined_where_a_models_folder_is_at_hand(
    model_with, tmp_path, template, untuned, state, fact
):
    folder, manifest = model_with(template), tmp_path / "results/models/mine/manifest.json"
    entry = {"origin": "path", "path": str(folder)}
    for _ in range(2):
        config = configured(models={"mine": entry}, matrix={"models": ["mine"], "untuned": untuned})
        checks = list(matrix_checks.check_chat_templates(config, tmp_path))
        assert [check.state for check in checks] == ([state] if state else [])
        assert fact in "".join(check.fact for check in checks)
        write_json(manifest, {"folder": str(folder)})
        entry = {"origin": "hub", "hub": {"id": "someone/mine"}}


def test_a_tokenizer_that_cannot_be_loaded_is_named(model_with, tmp_path):
    folder = model_with("chatml")
    (folder / "tokenizer.json").write_text("")
    config = configured(models={"mine": {"origin": "path", "path": str(folder)}}, matrix={"models": ["mine"]})
    (check,) = matrix_checks.check_chat_templates(config, tmp_path)
    assert (check.state, check.models) == (FAIL, {"mine"})
    assert f"tokenizer or chat template in {folder} cannot be loaded" in check.fact
