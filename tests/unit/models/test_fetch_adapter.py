"""Adapters that were made elsewhere: what is taken, what is refused, and whether they compute what PEFT computes."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from mixtune.artifacts.manifests import file_sha256, read_json, write_json
from mixtune.errors import UserError
from mixtune.models.adapter_folder import adapter_config, check_template
from mixtune.models.fetch_adapter import fetch_adapter
from mixtune.models.qlora import Device, load_adapter, load_base, load_tokenizer
from mixtune.models.resolve import base_folder
from mixtune.models.settings import FetchAdapterSettings

FLOAT32 = Device("cpu", torch.float32, "a test says so")
TARGETS = ["q_proj", "v_proj", "down_proj"]
KEY = "models.tiny.adapters.gentune.0"


@pytest.fixture(scope="module")
def base(tmp_path_factory, tiny_tokenizer, tiny_model):
    """The folder of a tiny base model."""
    folder = tmp_path_factory.mktemp("base")
    return tiny_model(tiny_tokenizer(), folder, initializer_range=0.2).parent


@pytest.fixture
def saved(base, tmp_path):
    """Makes adapters with random weights as plain PEFT saves them: `saved(**options of LoraConfig)`."""

    def make(**options):
        torch.manual_seed(1)
        chosen = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM"} | options
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**chosen))
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data += 0.1 * torch.randn_like(parameter)
        folder = tmp_path / "saved"
        model.save_pretrained(folder)
        return folder

    return make


def fetched(tmp_path, path: str):
    manifest = tmp_path / "released/manifest.json"
    chosen = FetchAdapterSettings(key=KEY, base="tiny/llama", origin="path", path=path)
    fetch_adapter(chosen, manifest, tmp_path / "pin.json")
    return manifest


def edit(path, **changed):
    write_json(path, read_json(path) | changed)


def test_config_and_weights_are_taken_and_nothing_else(saved, tmp_path):
    folder = saved()
    (folder / "adapter_model.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("code")
    assert (folder / "README.md").is_file()  # PEFT's
    manifest = fetched(tmp_path, path=str(folder))
    names = ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(path.name for path in manifest.parent.iterdir()) == [*names, "manifest.json"]
    facts = read_json(manifest)
    assert facts["files"] == {name: file_sha256(folder / name) for name in names}
    assert facts["commit"] is None


def test_another_base_models_name_is_warned_of_and_counted(saved, tmp_path, capsys, base):
    folder = saved()
    facts = read_json(fetched(tmp_path, path=str(folder)))
    assert facts["warnings"] == [f"{KEY}: adapter_config.json names the base model {base}, not tiny/llama"]
    assert f"warning: {facts['warnings'][0]}" in capsys.readouterr().out
    edit(folder / "adapter_config.json", base_model_name_or_path="tiny/llama")
    assert read_json(fetched(tmp_path, path=str(folder)))["warnings"] == []


def test_a_run_card_comes_along_and_goes_with_its_adapter(saved, tmp_path, capsys):
    folder = saved()
    write_json(folder / "run_card.json", {"template_hash": "a" * 64})
    manifest = fetched(tmp_path, path=str(folder))
    assert "run_card.json" in read_json(manifest)["files"]
    check_template(manifest.parent, "a" * 64, "template")
    with pytest.raises(UserError, match=r"tuned with chat template aaaaaaaaaaaa, .* another chat template, bbbbbbb"):
        check_template(manifest.parent, "b" * 64, "template")
    (folder / "run_card.json").unlink()
    manifest = fetched(tmp_path, path=str(folder))
    assert not (manifest.parent / "run_card.json").exists()
    capsys.readouterr()
    check_template(manifest.parent, "b" * 64, "{%- for\n message in messages %}")
    assert "does not record which chat template it was tuned with; using '{%- for message" in capsys.readouterr().err


def test_a_folder_that_is_missing_or_holds_pickles_names_its_key_or_files(saved, tmp_path):
    with pytest.raises(UserError, match=rf"{KEY}\.path: no such folder: nowhere"):
        fetched(tmp_path, path="nowhere")
    folder = saved()
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(UserError, match=r"holds no adapter_model\.safetensors; .* weights in safetensors"):
        fetched(tmp_path, path=str(folder))
    assert not (tmp_path / "released/manifest.json").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "has peft_type=PREFIX_TUNING"),
        ({"modules_to_save": ["lm_head"]}, r"has peft_type=LORA, modules_to_save=\['lm_head'\]"),
    ],
)
def test_what_is_more_than_lora_is_refused(saved, changed, told):
    folder = saved()
    edit(folder / "adapter_config.json", **changed)
    with pytest.raises(UserError, match=rf"adapter_config\.json {told}; only LoRA matrices are loaded"):
        adapter_config(folder)


def test_a_base_model_is_a_folder_or_a_hub_id(saved, base, tmp_path):
    folder = saved()
    assert base_folder(str(base), folder) == str(base)
    with pytest.raises(UserError, match=r"--base: .*nowhere' is neither a folder nor a hub id"):
        base_folder(str(tmp_path / "nowhere"), folder)
    edit(folder / "adapter_config.json", base_model_name_or_path="tiny")
    with pytest.raises(UserError, match=r"base model: 'tiny' is neither a folder nor a hub id; .* --base"):
        base_folder(None, folder)


@pytest.mark.parametrize(
    "options",
    [{}, {"use_dora": True}, {"use_rslora": True}, {"rank_pattern": {"q_proj": 2}}, {"target_modules": "all-linear"}],
    ids=str,
)
def test_an_adapter_of_plain_peft_computes_what_peft_computes(base, saved, options):
    folder = saved(**options)
    ids = torch.tensor([load_tokenizer(base)("Ada met Bob.")["input_ids"]])
    quantised = load_base(base, FLOAT32)
    plain = AutoModelForCausalLM.from_pretrained(base)
    for name, parameter in plain.named_parameters():  # the NF4 values that prediction computes with
        parameter.data = quantised.get_parameter(name).data.clone()
    with torch.no_grad():
        untuned = plain(input_ids=ids).logits
        expected = PeftModel.from_pretrained(plain, folder).eval()(input_ids=ids).logits
        found = load_adapter(quantised, folder)(input_ids=ids).logits
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
