"""Adapters that were made elsewhere: what is taken, what is refused, and whether they compute what PEFT computes."""

import pytest

from mixtune.artifacts.manifests import file_sha256, read_json, write_json
from mixtune.errors import UserError
from mixtune.models.adapter_folder import check_template
from mixtune.models.fetch_adapter import fetch_adapter
from mixtune.models.settings import FetchAdapterSettings

KEY = "models.tiny.adapters.gentune.0"


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
