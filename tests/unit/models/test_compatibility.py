"""Checkpoints that cannot be used: each is refused by name, with a remedy, before anything is loaded."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from transformers.models.auto import configuration_auto, modeling_auto

from mixtune.errors import UserError
from mixtune.models import compatibility
from mixtune.models.compatibility import check_checkpoint, check_config
from tests.fixtures.checkpoints import LLAMA, weights, write_checkpoint, write_shards, write_tokenizer

BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
REMOTE = {"AutoConfig": "configuration_x.XConfig", "AutoModelForCausalLM": "modeling_x.XForCausalLM"}


def refused(folder, kind="models"):
    """The message with which a checkpoint is refused."""
    with pytest.raises(UserError) as error:
        check_checkpoint(folder, key=f"{kind}.mine", kind=kind)
    message = str(error.value)
    assert message.startswith(f"{kind}.mine: ")
    assert ";" in message  # a remedy follows
    assert "trust_remote_code" not in message
    return message


def test_complete_checkpoints_pass(tmp_path):
    check_checkpoint(write_checkpoint(tmp_path / "one"), key="models.mine")
    check_checkpoint(write_shards(tmp_path / "shards"), key="models.mine")
    shutil.copy(tmp_path / "one/model.safetensors", tmp_path / "one/consolidated.safetensors")
    check_checkpoint(tmp_path / "one", key="models.mine")


@pytest.mark.parametrize("kind", ["llama", "qwen2", "smollm3"])
def test_checkpoints_that_transformers_saved_pass(folder, kind):
    check_checkpoint(folder(kind), key="models.mine")


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes 4 bit"),
        ({"load_in_8bit": True}, "bitsandbytes 8 bit"),
        ({"quant_method": "gptq", "bits": 4}, "GPTQ 4 bit"),
        ({"quant_method": "awq", "bits": 4}, "AWQ 4 bit"),
        ({"quant_method": "fp8"}, "FP8"),
        ({"quant_method": "mxfp4"}, "MXFP4"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
        ({"unheard": "of"}, "an unknown format"),
    ],
)
def test_quantised_weights_are_named(tmp_path, record, name):
    for config in ({"quantization_config": record}, {"text_config": {"quantization_config": record}}):
        message = refused(write_checkpoint(tmp_path, **config))
        assert f"stored in {name} (config.json); mixtune quantises a base itself: use the unquantised" in message
    check_checkpoint(write_checkpoint(tmp_path, quantization_config={}), key="models.mine")


@pytest.mark.parametrize(
    ("name", "method"),
    [("quantize_config.json", "GPTQ"), ("quant_config.json", "AWQ"), ("hf_quant_config.json", "modelopt")],
)
def test_quantisation_that_is_recorded_elsewhere_is_named(tmp_path, name, method):
    (write_checkpoint(tmp_path) / name).write_text("{}")
    assert f"stored in {method} ({name})" in refused(tmp_path)


@pytest.mark.parametrize(("dtype", "name"), [(np.uint8, "U8"), (np.int8, "I8"), (np.int32, "I32")])
def test_packed_integers_are_named_without_any_record(tmp_path, dtype, name):
    write_checkpoint(tmp_path, weights(**{"model.layers.0.mlp.down_proj.weight": np.zeros((9, 1), dtype)}))
    assert f"model.safetensors stores 'model.layers.0.mlp.down_proj.weight' in {name}; mixtune quan" in refused(
        tmp_path
    )


def test_fp8_is_named_without_any_record(tmp_path):
    import torch
    from safetensors.torch import save_file

    tensors = {"model.layers.0.mlp.up_proj.weight": torch.zeros(2, 2).to(torch.float8_e4m3fn)}
    save_file(tensors, write_checkpoint(tmp_path) / "model.safetensors")
    assert "in F8_E4M3; mixtune quantises" in refused(tmp_path)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "unheard"}, "architecture 'unheard' is unknown to Transformers "),
        ({"model_type": "unheard", "auto_map": REMOTE}, "needs code of its repository (auto_map), which is never run"),
        (
            {"auto_map": REMOTE},
            "needs code of its repository (AutoConfig is 'configuration_x.XConfig'), which is never",
        ),
        ({"model_type": None}, "config.json has no model_type"),
        ({"transformers_weights": "other.safetensors"}, "config.json names other weights (transformers_weights)"),
        (
            BERT,
            "'bert' is no causal language model that can be used: it is an encoder; name it under `encoders` instead",
        ),
        ({"model_type": "modernbert"}, "'modernbert' is no causal language model"),
        ({"model_type": "bart", "architectures": ["BartForConditionalGeneration"]}, "it has an encoder and a decoder"),
        ({"model_type": "t5"}, "it has an encoder and a decoder"),
        ({"is_encoder_decoder": True}, "it has an encoder and a decoder"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "weights are those of 'LlamaForSequenceClassification"),
        ({"model_type": "mistral", "architectures": ["MistralModel"]}, "its weights are those of 'MistralModel'"),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, "no causal language model of this architecture"),
        ({"model_type": "qwen2_vl"}, "no causal language model of this architecture"),
        ({"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}, "are those of 'Whisper"),
    ],
    ids=str,
)
def test_a_model_that_is_no_causal_language_model_is_refused(tmp_path, config, reason):
    assert reason in refused(write_checkpoint(tmp_path, **config))


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "granitemoehybrid", "layer_types": ["attention"]},
        {"model_type": "gemma2", "layer_types": ["sliding_attention", "full_attention"]},
        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": {}},
        {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        {"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": True},
        *(
            {"model_type": name, "architectures": None}
            for name in ("phi3", "olmo2", "qwen3", "gpt_neox", "opt", "mixtral")
        ),
    ],
    ids=str,
)
def test_decoders_pass(tmp_path, config):
    check_checkpoint(write_checkpoint(tmp_path, **config), key="models.mine")


def test_code_that_became_part_of_transformers_is_not_needed(tmp_path):
    remote = {"AutoConfig": "configuration_mpt.MPTConfig", "AutoModelForCausalLM": "a/b--modeling_mpt.MPTForCausalLM"}
    config = {"model_type": "mpt", "architectures": ["MPTForCausalLM"], "auto_map": remote}
    check_checkpoint(write_checkpoint(tmp_path, **config), key="models.mine")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "t5"}, "'t5' is no text encoder: it has a decoder, too"),
        ({"model_type": "vit"}, "'vit' is no text encoder: Transformers has no text encoder of this architecture"),
        ({"model_type": "bert", "auto_map": {"AutoModel": "modeling_x.XModel"}}, "(AutoModel is 'modeling_x.XModel')"),
        ({"model_type": "bert", "quantization_config": {"quant_method": "awq"}}, "stored in AWQ"),
    ],
    ids=str,
)
def test_an_encoder_gets_the_same_care(tmp_path, config, reason):
    assert reason in refused(write_checkpoint(tmp_path, **config), "encoders")


@pytest.mark.parametrize("model_type", ["bert", "roberta", "modernbert", "deberta-v2", "distilbert", "mpnet"])
def test_encoders_pass_and_need_no_chat_template(tmp_path, model_type):
    write_checkpoint(tmp_path, model_type=model_type, architectures=["AnyForMaskedLM"])
    write_tokenizer(tmp_path, chat_template=None)
    check_checkpoint(tmp_path, key="encoders.mine", kind="encoders")


@pytest.mark.parametrize("content", ["", "{", "[]", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"])
def test_a_config_that_is_no_json_object_is_named(tmp_path, content):
    (write_checkpoint(tmp_path) / "config.json").write_text(content)
    message = refused(tmp_path)
    assert "config.json: " in message
    assert ("git lfs pull" in message) is ("git-lfs" in content)


def test_a_folder_without_config_is_named(tmp_path):
    (write_checkpoint(tmp_path) / "config.json").unlink()
    assert "config.json not found" in refused(tmp_path)
    write_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "config.json has no model_type" in refused(tmp_path)


def test_an_adapter_is_no_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").touch()
    assert "holds an adapter (adapter_config.json)" in refused(tmp_path)
    write_checkpoint(tmp_path)  # Transformers would load the adapter with it
    assert "holds an adapter" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("pytorch_model.bin", "a pickle"),
        ("model.pt", "a pickle"),
        ("model.Q4_1.gguf", "GGUF"),
        ("tf_model.h5", "weights of Tensor"),
    ],
)
def test_weights_in_another_format_are_named(tmp_path, name, form):
    (write_checkpoint(tmp_path) / "model.safetensors").unlink()
    (tmp_path / name).touch()
    assert f"no *.safetensors found ({name} is {form}" in refused(tmp_path)


def test_the_architectures_are_those_of_transformers():
    known, every = compatibility._names("CONFIG"), configuration_auto.CONFIG_MAPPING_NAMES
    assert known.items() <= every.items()
    added = every.keys() - known.keys()  # when the module is imported: audio codecs, and an old name of GPT-2
    assert added & modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.keys() == {"gpt-sw3"}
    for mapping in ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "TEXT_ENCODING"):
        assert compatibility._names(f"MODEL_FOR_{mapping}") == getattr(
            modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES"
        )
    assert compatibility._names("MODEL").keys() == modeling_auto.MODEL_MAPPING_NAMES.keys()


def test_neither_torch_nor_transformers_is_imported(tmp_path):
    write_checkpoint(tmp_path)
    program = (
        "import sys; from pathlib import Path; from mixtune.models.compatibility import check_checkpoint;"
        "check_checkpoint(Path(sys.argv[1]), key='models.mine'); print({'torch', 'transformers'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_broken_entries_of_a_config_end_in_no_traceback():
    for changed in (
        {"architectures": "LlamaForCausalLM"},
        {"architectures": [7]},
        {"auto_map": ["x"]},
        {"text_config": 7},
    ):
        check_config(json.loads(json.dumps(LLAMA | changed)), "models")
