"""Base models: their one way of loading, and what adapters compute after a reload."""

import shutil
import socket
from types import SimpleNamespace

import pytest
import torch
from bitsandbytes.functional import get_4bit_type
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedTokenizerFast,
)

from mixtune.devices.compute import Device
from mixtune.models import qlora as models
from mixtune.models.dequantise import can_dequantise
from mixtune.models.qlora import add_adapter, load_adapter, load_base, load_tokenizer
from mixtune.models.settings import LoraSettings

BF16 = Device("cpu", torch.bfloat16, "a test says so")
FLOAT32 = Device("cpu", torch.float32, "a test says so")
DEVICES = pytest.mark.parametrize("device", [BF16, FLOAT32], ids=["bf16", "float32"])
KINDS = ["llama", "qwen2", "smollm3"]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = LoraSettings(r=4, alpha=8, dropout=0.0, targets=TARGETS)
IDS = torch.tensor([[5, 9, 13, 40, 41, 7, 22, 60], [1, 2, 3, 4, 5, 6, 7, 8]])


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


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
@pytest.mark.parametrize("kind", KINDS)
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
    monkeypatch.setattr(models, "dequantise", lambda model, dtype: None)
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


@pytest.mark.parametrize(("spare", "how"), [(0, "dequantised once"), (-1, "dequantised in every pass")])
def test_a_gpu_gets_dense_matrices_where_they_take_a_quarter_of_its_memory(monkeypatch, folder, capsys, spare, how):
    monkeypatch.setattr(models, "can_dequantise", lambda *_: False)
    base = load_base(folder("llama"), BF16)
    values = sum(one.in_features * one.out_features for one in base.modules() if isinstance(one, Linear4bit))
    device = SimpleNamespace(total_memory=4 * 2 * values + spare)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: device)
    assert can_dequantise(base, Device("cuda", torch.bfloat16, "a test says so")) == (spare == 0)
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
        add_adapter(load_base(folder("llama"), FLOAT32), LORA.model_copy(update={"targets": ["c_attn"]}))


def test_a_pickle_is_never_loaded(tmp_path, folder):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(folder("llama") / "config.json", source)
    torch.save(load_file(folder("llama") / "model.safetensors"), source / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_base(source, FLOAT32)


def test_a_tokenizer_is_loaded_from_its_folder_alone(monkeypatch, tmp_path):
    words = ["<unk>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "ab"]
    vocabulary = {word: id for id, word in enumerate(words)}
    made = Tokenizer(tokenizer_models.BPE(vocab=vocabulary, merges=[("Ġ", "a"), ("a", "b")]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>").save_pretrained(tmp_path)
    monkeypatch.setattr(socket, "socket", None)  # the network is not even tried
    assert load_tokenizer(tmp_path)("ab a")["input_ids"] == [words.index("ab"), words.index("Ġa")]
    with pytest.raises(OSError, match="cached files"):
        load_tokenizer("no-such/tokenizer")
