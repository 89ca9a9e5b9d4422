"""Base models: their one way of loading, and what adapters compute after a reload."""

import shutil
import socket
import warnings

import pytest
import torch
from bitsandbytes.functional import get_4bit_type
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedTokenizerFast,
)

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.errors import UserError
from mixtune.models.qlora import add_adapter, check_saved, load_adapter, load_base, load_tokenizer
from tests.unit.models.conftest import SHAPE
from tests.unit.models.tuning import BF16, DEVICES, FLOAT32, IDS, LORA, TARGETS, logits, tune

KINDS = ["llama", "qwen2", "smollm3"]


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
    with pytest.raises(UserError, match="no linear layer of this model matches c_attn; it has down_proj, gate_proj, "):
        add_adapter(load_base(folder("llama"), FLOAT32), LORA.model_copy(update={"targets": ["q_proj", "c_attn"]}))


def test_all_linear_layers_but_the_head_can_be_adapted(folder):
    named, every = (
        add_adapter(load_base(folder("llama"), FLOAT32), LORA.model_copy(update={"targets": targets}))
        for targets in (TARGETS, "all-linear")
    )
    assert [name for name, _ in every.named_parameters()] == [name for name, _ in named.named_parameters()]


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_names_that_peft_takes_for_experts_are_refused(dropout):
    """The linear layers of its first layer have the names that its experts' had in older checkpoints."""
    shape = SHAPE | {"num_experts": 2, "moe_intermediate_size": 64, "mlp_only_layers": [0]}
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen3_moe", **shape))
    with pytest.raises(UserError, match=r"training\.lora\.targets: PEFT .*; name other layers"):
        add_adapter(base, LORA.model_copy(update={"targets": TARGETS, "dropout": dropout}))


def test_experts_without_an_adapter_are_reported(mixture_of_experts, capsys):
    model = add_adapter(load_base(mixture_of_experts, FLOAT32), LORA.model_copy(update={"targets": "all-linear"}))
    assert not [name for name, parameter in model.named_parameters() if parameter.requires_grad and "experts" in name]
    assert "its experts' matrices (down_proj, gate_up_proj) are 3-D parameters and get no adapter" in (
        capsys.readouterr().out
    )


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


def edit(path, **changed):
    write_json(path, read_json(path) | changed)


def compute(base, folder):
    """Logits of plain PEFT, of `load_adapter` and of the base alone, all with the NF4 values that prediction uses."""
    ids = torch.tensor([load_tokenizer(base)("Ada met Bob.")["input_ids"]])
    quantised = load_base(base, FLOAT32)
    plain = AutoModelForCausalLM.from_pretrained(base)
    for name, parameter in plain.named_parameters():
        parameter.data = quantised.get_parameter(name).data.clone()
    with torch.no_grad():
        untuned = plain(input_ids=ids).logits
        expected = PeftModel.from_pretrained(plain, folder).eval()(input_ids=ids).logits
        return expected, load_adapter(quantised, folder)(input_ids=ids).logits, untuned


@pytest.mark.parametrize(
    "options",
    [{}, {"use_dora": True}, {"use_rslora": True}, {"rank_pattern": {"q_proj": 2}}, {"target_modules": "all-linear"}],
    ids=str,
)
def test_an_adapter_of_plain_peft_computes_what_peft_computes(base, saved, options):
    expected, found, untuned = compute(base, saved(**options))
    assert (found - expected).norm() < 1e-5 * expected.norm()
    assert (untuned - expected).norm() > 0.01 * expected.norm()


@pytest.mark.parametrize("fault", ["shape", "name", "missing", "more", "target"])
def test_an_adapter_that_does_not_fit_is_refused(base, saved, fault):
    folder = saved()
    weights = load_file(folder / "adapter_model.safetensors")
    first = sorted(weights)[0]
    if fault == "shape":
        weights[first] = torch.zeros(4, 32)
    elif fault == "name":
        weights = {name.replace("layers.1", "layers.7"): weight for name, weight in weights.items()}
    elif fault == "missing":  # of these, PEFT would keep B = 0: the layer would answer as if it was not tuned
        del weights[first]
    elif fault == "more":
        weights["base_model.model.model.embed_tokens.weight"] = torch.zeros(259, 64)
    else:
        edit(folder / "adapter_config.json", target_modules=["query"])
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"saved does not fit its base model.*use the (one|base model) that it was"):
        load_adapter(load_base(base, FLOAT32), folder)


def test_a_shape_that_does_not_fit_is_named(base, saved):
    folder = saved()
    weights = load_file(folder / "adapter_model.safetensors")
    weights[sorted(weights)[0]] = torch.zeros(4, 32)
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"size mismatch .* torch\.Size\(\[4, 32\]\)"):
        load_adapter(load_base(base, FLOAT32), folder)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("target", ["lm_head", "embed_tokens"])
def test_an_adapter_on_embeddings_computes_what_peft_computes(tiny, saved, tied, target):
    """PEFT adds the base's matrix of such a layer to the adapter's file."""
    base = tiny(tie_word_embeddings=tied)
    folder = saved(base, target_modules=[*TARGETS, target])
    copies = [name for name in load_file(folder / "adapter_model.safetensors") if "lora_" not in name]
    assert [name.split(".")[-3] for name in copies] == [target]
    expected, found, untuned = compute(base, folder)
    assert (found - expected).norm() < 1e-5 * expected.norm()
    assert (untuned - expected).norm() > 0.01 * expected.norm()


def test_an_embedding_that_is_not_the_bases_is_refused(base, saved):
    folder = saved(target_modules=["lm_head"])
    weights = load_file(folder / "adapter_model.safetensors")
    weights["base_model.model.lm_head.base_layer.weight"] += 1
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"its \S+lm_head\S+ has other values than the base: tokens were added, "):
        load_adapter(load_base(base, FLOAT32), folder)


def test_libraries_warn_of_nothing_old_when_an_adapter_is_loaded(base, saved):
    folder = saved()
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        warnings.simplefilter("error", DeprecationWarning)
        load_adapter(load_base(base, FLOAT32), folder)


@pytest.mark.parametrize("fault", ["value", "missing"])
def test_a_saved_adapter_that_is_not_the_models_is_refused(base, saved, fault):
    folder = saved()
    model = load_adapter(load_base(base, FLOAT32), folder)
    check_saved(model, folder)
    weights = load_file(folder / "adapter_model.safetensors")
    first = sorted(weights)[0]
    if fault == "value":
        weights[first].view(torch.int32)[0, 0] ^= 1  # one bit
    else:
        del weights[first]
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(UserError, match=rf"1 matrices differ, e\.g\. {first}; check the disk"):
        check_saved(model, folder)
