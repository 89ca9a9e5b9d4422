"""`mixtune merge`: one checkpoint that computes what base and adapter compute."""

import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.cli import main
from mixtune.models.qlora import Device, add_adapter, load_base
from mixtune.models.settings import LoraSettings

FLOAT32 = Device("cpu", torch.float32, "a test says so")
LORA = LoraSettings(r=4, alpha=8, dropout=0.0, targets=["q_proj", "v_proj", "down_proj"])


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def dtype(request):
    return request.param


@pytest.fixture
def folders(tmp_path, tiny_tokenizer, tiny_model, dtype):
    """Folders of a base model, stored in a dtype, and of an adapter with random weights."""
    base = tiny_model(tiny_tokenizer(), tmp_path / "base", initializer_range=0.2).parent
    AutoModelForCausalLM.from_pretrained(base).to(dtype).save_pretrained(base)
    torch.manual_seed(1)
    model = add_adapter(load_base(base, FLOAT32), LORA)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    return base, tmp_path / "adapter"


def merge(folders, output) -> None:
    base, adapter = folders
    main(["merge", "--base", str(base), "--adapter", str(adapter), "--output", str(output)])


def logits(model, base) -> torch.Tensor:
    ids = AutoTokenizer.from_pretrained(base)("Ada met Bob in town.", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits


def test_the_merged_model_computes_what_base_and_adapter_compute(folders, tmp_path, dtype, capsys):
    base, adapter = folders
    merge(folders, tmp_path / "new/merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "new/merged", dtype="auto")
    assert merged.dtype == dtype  # as its base
    untuned = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    base_alone = logits(untuned, base)
    expected = logits(PeftModel.from_pretrained(untuned, adapter), base)
    found = logits(merged.float(), base)
    rounding = {torch.float32: 1e-5, torch.bfloat16: 0.01}[dtype]  # of the stored sum
    assert (found - expected).norm() < rounding * expected.norm()
    assert (base_alone - expected).norm() > 0.05 * expected.norm()
    # What the warning is about: on the NF4 base that was tuned on, the logits are others.
    tuned_on = logits(PeftModel.from_pretrained(load_base(base, FLOAT32), adapter), base)
    assert (tuned_on - expected).norm() > 2 * (found - expected).norm()
    assert f"tuned on the base in NF4, and this one is merged into the base as published, in {str(dtype)[6:]}" in (
        " ".join(capsys.readouterr().err.split())
    )


def test_tokenizer_template_and_notice_go_with_it(folders, tmp_path):
    base, adapter = folders
    (adapter / "NOTICE").write_text("Llama 3.2 is licensed …")
    merge(folders, tmp_path / "merged")
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (tmp_path / "merged", base))
    assert ours.chat_template == theirs.chat_template
    assert ours("Ada <|im_end|>")["input_ids"] == theirs("Ada <|im_end|>")["input_ids"]
    assert (tmp_path / "merged/NOTICE").read_text() == "Llama 3.2 is licensed …"
    weights = load_file(tmp_path / "merged/model.safetensors")
    assert not [name for name in weights if "lora" in name]
    assert not [path for path in (tmp_path / "merged").iterdir() if path.suffix in (".bin", ".pt")]
    assert (tmp_path / "merged").stat().st_mode & 0o777 == (tmp_path / "adapter").stat().st_mode & 0o777


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(folders, tmp_path):
    (tmp_path / "merged").mkdir()
    merge(folders, tmp_path / "merged")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "merged").iterdir()}
    assert before
    with pytest.raises(SystemExit, match=r"--output: .*merged exists and is not an empty folder"):
        merge(folders, tmp_path / "merged")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "merged").iterdir()} == before


def test_what_fails_leaves_nothing_behind(folders, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("mixtune.models.merge.os.replace", full)
    with pytest.raises(OSError, match="no space"):
        merge(folders, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base"]


def test_another_template_or_base_is_refused(folders, tmp_path):
    _, adapter = folders
    write_json(adapter / "run_card.json", {"template_hash": "a" * 64})
    with pytest.raises(SystemExit, match="another chat template"):
        merge(folders, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    with pytest.raises(SystemExit, match="holds no adapter_config"):
        merge((folders[0], tmp_path), tmp_path / "merged")


def merged_and_expected(base, adapter, output) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of the merged model, of base and adapter with PEFT alone, and of the base alone."""
    merge((base, adapter), output)
    untuned = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    alone = logits(untuned, base)
    expected = logits(PeftModel.from_pretrained(untuned, adapter), base)
    return logits(AutoModelForCausalLM.from_pretrained(output, dtype=torch.float32), base), expected, alone


CASES = {
    "tied head": ("llama", {"tie_word_embeddings": True}, {"target_modules": ["q_proj", "lm_head"]}),
    "tied embeddings": ("llama", {"tie_word_embeddings": True}, {"target_modules": ["q_proj", "embed_tokens"]}),
    "head": ("llama", {}, {"target_modules": ["lm_head", "embed_tokens"]}),
    "tied alike": (
        "llama",
        {"tie_word_embeddings": True},
        {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
    ),
    "gemma": ("gemma", {"head_dim": 16}, {"target_modules": ["gate_proj", "lm_head"]}),
    "phi3": ("phi3", {}, {"target_modules": "all-linear"}),
    "biases": ("qwen2", {}, {"target_modules": ["q_proj"], "lora_bias": True}),
    "experts": ("mixtral", {"num_local_experts": 2}, {"target_parameters": ["mlp.experts.down_proj"]}),
}


@pytest.mark.parametrize("case", CASES)
def test_adapters_of_any_layer_are_merged_exactly(tiny, saved, tmp_path, case):
    kind, config, options = CASES[case]
    base = tiny(kind, **config)
    found, expected, alone = merged_and_expected(base, saved(base, **options), tmp_path / "merged")
    assert (found - expected).norm() < 1e-5 * expected.norm()
    assert (alone - expected).norm() > 0.01 * expected.norm()


def refused(base, adapter, tmp_path, match) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(SystemExit, match=match):
        merge((base, adapter), tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_biases_without_a_place_in_the_base_are_refused(tiny, saved, tmp_path):
    base = tiny()
    refused(
        base, saved(base, lora_bias=True), tmp_path, "saved cannot be merged .* the base layer has no bias.*; use base"
    )


def test_a_sum_that_computes_something_else_is_refused(tiny, saved, tmp_path, monkeypatch):
    base = tiny(tie_word_embeddings=True)
    monkeypatch.setattr("mixtune.models.merge._untie", lambda model: None)
    adapter = saved(base, target_modules=["lm_head"])
    refused(
        base, adapter, tmp_path, r"cannot be merged: the sum's logits differ by [0-9.]+% from those of base and adapter"
    )


def test_a_checkpoint_that_is_not_the_sum_is_refused(tiny, saved, tmp_path, monkeypatch):
    base = tiny()

    def spoil(model, folder, save=LlamaForCausalLM.save_pretrained):
        save(model, folder)
        weights = load_file(folder / "model.safetensors")
        weights["model.norm.weight"][0] += 1
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    adapter = saved(base)
    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", spoil)
    refused(
        base, adapter, tmp_path, r"1 matrices differ when it is loaded again, .* e\.g\. model\.norm\.weight; use base"
    )


def test_a_quantised_base_is_refused(tiny, saved, tmp_path):
    base = shutil.copytree(tiny(), tmp_path / "quantised")
    config = read_json(base / "config.json")
    write_json(base / "config.json", config | {"quantization_config": {"quant_method": "any"}})
    refused(base, saved(tiny()), tmp_path, "--base: stored in ANY .* use the unquantised repository")
