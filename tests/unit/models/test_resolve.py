"""Adapters and base models that a command names."""

import shutil

import pytest

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.errors import UserError
from mixtune.models.resolve import base_folder
from mixtune.prompts.chat_template import RenderError, folder_renderer
from tests.fixtures.checkpoints import write_checkpoint
from tests.fixtures.models import fetch_folder


def edit(path, **changed):
    write_json(path, read_json(path) | changed)


def test_a_base_model_that_cannot_be_used_is_named(saved, base, tmp_path):
    folder = saved()
    write_checkpoint(tmp_path / "quantised", quantization_config={"quant_method": "awq", "bits": 4})
    with pytest.raises(UserError, match="--base: stored in AWQ 4 bit"):
        base_folder(str(tmp_path / "quantised"), folder)
    edit(folder / "adapter_config.json", base_model_name_or_path=str(tmp_path / "quantised"))
    with pytest.raises(UserError, match="the adapter's base model: stored in AWQ 4 bit"):
        base_folder(None, folder)


def test_a_base_model_is_a_folder_or_a_hub_id(saved, base, tmp_path):
    folder = saved()
    assert base_folder(str(base), folder) == str(base)
    with pytest.raises(UserError, match=r"--base: .*nowhere' is neither a folder nor a hub id"):
        base_folder(str(tmp_path / "nowhere"), folder)
    edit(folder / "adapter_config.json", base_model_name_or_path="tiny")
    with pytest.raises(UserError, match=r"base model: 'tiny' is neither a folder nor a hub id; .* --base"):
        base_folder(None, folder)


def test_a_fetched_model_is_found_by_its_folder_or_manifest_whatever_its_origin(saved, base, tmp_path, monkeypatch):
    folder = saved()
    fetched = shutil.copytree(base, tmp_path / "fetched")  # hub and pypi: the files are in the folder of the manifest
    for local in (fetch_folder(fetched, fetched / "manifest.json", "tiny"), fetched):
        assert base_folder(str(local), folder) == str(fetched)
    manifest = fetch_folder(base, tmp_path / "results/models/tiny/manifest.json", "tiny")
    for local in (manifest, manifest.parent):  # path: they stay where they are
        assert base_folder(str(local), folder) == str(base)
    (tmp_path / "data").symlink_to(base)
    edit(manifest, folder="data")
    monkeypatch.chdir(tmp_path / "results")
    assert base_folder("models/tiny", folder) == str(tmp_path / "data")


def test_a_folder_that_holds_no_model_is_named(saved, base, tmp_path):
    folder = saved()
    for path in (tmp_path, base / "config.json"):
        with pytest.raises(UserError, match=rf"--base: {path} holds no config\.json and no \*\.safetensors and no tok"):
            base_folder(str(path), folder)
    manifest = fetch_folder(base, tmp_path / "results/models/tiny/manifest.json", "tiny")
    edit(manifest, folder=str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"--base: .*gone holds no config\.json"):
        base_folder(str(manifest.parent), folder)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x08\x02\0\0\0\0\0\0{"])
def test_incomplete_weights_are_named_before_a_model_is_loaded(saved, base, tmp_path, content):
    folder = saved()
    copy = shutil.copytree(base, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(
        UserError, match=r"copy/model\.safetensors: incomplete safetensors file \(.+\); .*fetch or copy"
    ):
        base_folder(str(copy), folder)
    (folder / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"saved/adapter_model\.safetensors: incomplete safetensors file"):
        base_folder(str(base), folder)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", "{}"),
        ("config.json", '{"model_type": "nope"}'),
        ("tokenizer.json", "{"),
        ("tokenizer_config.json", "{"),
        ("chat_template.jinja", "{% if"),
    ],
)
def test_a_tokenizer_or_config_that_cannot_be_loaded_is_named(base, tmp_path, file, content):
    copy = shutil.copytree(base, tmp_path / "copy")
    (copy / file).write_text(content)
    with pytest.raises(
        RenderError,
        match=r"models: (config\.json, tokenizer or|the) chat template (in|of) .*copy cannot be (loaded|rendered)",
    ):
        folder_renderer(copy)
