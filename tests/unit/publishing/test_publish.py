"""Publishing: the real client against a hub on this machine, and what never goes up."""

import json

import huggingface_hub.constants
import pytest

from mixtune.artifacts.manifests import read_json, write_json, write_manifest
from mixtune.errors import UserError
from mixtune.publishing.publish import publish
from mixtune.publishing.settings import PublishSettings
from tests.upload_hub import serving

TOKEN = "hf_neverToBeShown"
CARD = """\
---
license: llama3.2
model-index:
- name: Llama-tiny-re_own-2-shot
  results: []
---
# An adapter
"""
DATA_CARD = "---\nlicense: [mit, cc-by-sa-4.0]\n---\n# A mixture\n"


@pytest.fixture
def hub(monkeypatch):
    """A hub on this machine, which huggingface_hub connects to instead of the real one."""
    with serving() as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # LFS, which plain HTTP can speak
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


@pytest.fixture
def adapter(tmp_path):
    """The manifest of an adapter with its card, in a folder that holds other things, too."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    files = {
        "adapter_config.json": b"{}", "adapter_model.safetensors": b"weights" * 1000, "tokenizer.json": b"{}",
        "chat_template.jinja": b"{{ x }}", "training_log.csv": b"step,loss\n", "run_card.json": b"{}",
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)
    write_manifest(folder / "manifest.json", [folder / name for name in files])
    for name, content in {
        "README.md": CARD,
        "NOTICE": "Llama 3.2 is …\n",
        "optimizer.pt": "a pickle",
        ".env": "x",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder / "manifest.json"


@pytest.fixture
def mixture(tmp_path):
    """The manifest of an exported mixture with rows of two benchmarks."""
    folder = tmp_path / "own"
    (folder / "data").mkdir(parents=True)
    (folder / "data/train_0-00000-of-00001.parquet").write_bytes(b"PAR1")
    (folder / "README.md").write_text(DATA_CARD)
    (folder / "data/private.parquet").write_bytes(b"PAR1")  # of an earlier export
    files = [folder / "README.md", folder / "data/train_0-00000-of-00001.parquet"]
    write_manifest(folder / "manifest.json", files, rows={"train": {"web": 5}, "test": {"web": 1, "tales": 2}})
    return folder / "manifest.json"


def source(name: str, redistributable_as: str = "mit", origin: str = "hub") -> dict:
    return {
        "name": name, "title": name, "origin": origin, "hub": "", "licence": "", "licensed": True, "language": "en",
        "redistributable_as": redistributable_as,
    }  # fmt: skip


def settings(**changed) -> PublishSettings:
    sources = {"own": [source("web"), source("tales"), source("news", "")]}
    values = {"namespace": "me", "private": True, "dry_run": False, "sources": sources}
    return PublishSettings.model_validate(values | changed)


UPLOADED = [
    "NOTICE", "README.md", "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "run_card.json",
    "tokenizer.json", "training_log.csv",
]  # fmt: skip


def test_a_dry_run_prints_and_requests_nothing(hub, adapter, mixture, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    publish(settings(dry_run=True), [adapter], [mixture])
    printed = capsys.readouterr().out
    assert hub.requests == []
    sizes = {name: (adapter.parent / name).stat().st_size for name in UPLOADED}
    head = f"me/Llama-tiny-re_own-2-shot (model, private, licence llama3.2), {sum(sizes.values()):,} bytes from "
    assert printed.startswith(head)
    for name, size in sizes.items():
        assert f" {size:,} bytes  {name}\n" in printed
    assert "me/re_own (dataset, private, licence mit, cc-by-sa-4.0)" in printed
    assert "optimizer.pt" not in printed
    assert printed.endswith("Nothing was uploaded: publish.dry_run is true.\n")


def test_files_of_the_manifest_and_the_card_go_up_and_no_others(hub, adapter, mixture, capsys):
    publish(settings(), [adapter], [mixture])
    model = hub.repositories["model", "me/Llama-tiny-re_own-2-shot"]
    assert model["private"] is True
    assert model["files"] == {name: (adapter.parent / name).read_bytes() for name in UPLOADED}
    data = hub.repositories["dataset", "me/re_own"]
    assert sorted(data["files"]) == ["README.md", "data/train_0-00000-of-00001.parquet"]
    assert [line for line in hub.requests if line.startswith("PUT /lfs/")]  # weights and rows, by LFS
    assert hub.tokens == {f"Bearer {TOKEN}"}
    printed = capsys.readouterr()
    assert f"uploaded: {hub.url}/me/Llama-tiny-re_own-2-shot/commit/{'b' * 40}" in printed.out
    assert TOKEN not in printed.out + printed.err


def test_a_public_repository_is_made_only_where_that_is_licensed(hub, adapter):
    publish(settings(private=False), [adapter], [])
    assert hub.repositories["model", "me/Llama-tiny-re_own-2-shot"]["private"] is False


def test_a_repository_that_is_there_is_updated(hub, adapter):
    publish(settings(), [adapter], [])
    (adapter.parent / "README.md").write_text(CARD + "More.\n")
    publish(settings(), [adapter], [])
    assert hub.repositories["model", "me/Llama-tiny-re_own-2-shot"]["files"]["README.md"].endswith(b"More.\n")


def test_nothing_private_goes_into_a_public_repository(hub, adapter):
    key = ("model", "me/Llama-tiny-re_own-2-shot")
    hub.repositories[key] = {"private": False, "files": {}}
    with pytest.raises(UserError, match=r"exists and is public; make it private on the hub, or set publish\.private"):
        publish(settings(), [adapter], [])
    assert hub.repositories[key]["files"] == {}


def test_licensed_rows_never_go_up(hub, adapter, mixture):
    sources = {"own": [source("web", ""), source("tales", "")]}
    with pytest.raises(UserError, match=r"holds rows of tales, web, whose licence .*export\.licensed"):
        publish(settings(sources=sources), [adapter], [mixture])
    assert hub.requests == []  # no other upload has begun either
    # A sample corpus imitates a licensed benchmark, and is this project's own.
    samples = {"own": [source("web", "", origin="sample"), source("tales", "", origin="sample")]}
    publish(settings(sources=samples), [], [mixture])
    assert ("dataset", "me/re_own") in hub.repositories


def test_what_can_be_run_or_was_changed_is_refused(hub, adapter):
    folder = adapter.parent
    (folder / "tokenizer.json").write_bytes(b"[]")
    with pytest.raises(UserError, match=r"adapter does not match .*manifest\.json; run the workflow again"):
        publish(settings(), [adapter], [])
    write_manifest(adapter, [folder / "adapter_config.json", folder / "optimizer.pt"])
    with pytest.raises(UserError, match=r"lists optimizer\.pt; only data, tokenizers and safetensors"):
        publish(settings(), [adapter], [])
    assert hub.requests == []


def test_the_token_comes_from_the_environment_alone(hub, adapter, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("hf_stored")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="HF_TOKEN: not set; put a token with write access into the environment"):
        publish(settings(), [adapter], [])
    assert hub.requests == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_names_what_to_check_and_not_the_token(hub, adapter, status):
    hub.refuse = status
    with pytest.raises(UserError) as caught:
        publish(settings(), [adapter], [])
    message = str(caught.value)
    assert message.startswith("me/Llama-tiny-re_own-2-shot cannot be uploaded (")
    assert str(status) in message
    assert message.endswith("check publish.namespace, and that the token in HF_TOKEN has write access")
    assert TOKEN not in message
    assert caught.value.__suppress_context__


def test_nothing_to_publish_is_an_error():
    with pytest.raises(UserError, match=r"list cells in publish\.adapters, or mixtures in publish\.mixtures"):
        publish(settings(), [], [])


def test_an_upload_without_a_namespace_is_an_error(adapter):
    with pytest.raises(UserError, match=r"publish\.namespace: must be set"):
        publish(settings(namespace=None), [adapter], [])


def test_the_manifest_itself_stays_here(hub, adapter):
    facts = read_json(adapter)
    write_json(adapter, facts | {"note": "not for others"})
    publish(settings(), [adapter], [])
    files = hub.repositories["model", "me/Llama-tiny-re_own-2-shot"]["files"]
    assert "manifest.json" not in files
    assert json.dumps("not for others") not in str(files)
