"""Folders of adapters: unsupported kinds are refused."""

import pytest

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.errors import UserError
from mixtune.models.adapter_folder import adapter_config


def edit(path, **changed):
    write_json(path, read_json(path) | changed)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "has peft_type=PREFIX_TUNING"),
        ({"alora_invocation_tokens": [1, 2]}, r"has peft_type=LORA, alora_invocation_tokens=\[1, 2\]"),
        ({"modules_to_save": ["lm_head"]}, r"has peft_type=LORA, modules_to_save=\['lm_head'\]"),
    ],
)
def test_what_is_more_than_lora_is_refused(saved, changed, problem):
    folder = saved()
    edit(folder / "adapter_config.json", **changed)
    with pytest.raises(UserError, match=rf"adapter_config\.json {problem}; only LoRA matrices are loaded"):
        adapter_config(folder)


def test_a_config_of_another_form_is_refused(saved):
    folder = saved()
    write_json(folder / "adapter_config.json", [])
    with pytest.raises(UserError, match=r"adapter_config\.json is no JSON object"):
        adapter_config(folder)
