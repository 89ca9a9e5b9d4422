from pathlib import Path

import huggingface_hub
import pytest

from mixtune.artifacts.download import DATA_FILES
from mixtune.data import REGISTRY, MissingSplit, ReadError, read
from mixtune.resources import resource


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """No test may reach the hub."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"request to the hub: {args}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_with_native_files_is_read_by_the_benchmarks_reader(name, kind):
    first = next(read(name, kind(resource("sample", name)), "train"))
    assert first.benchmark == name
    assert first.id.startswith(f"{name}/train/")


@pytest.mark.parametrize("path", [Path("data/tacred"), "/data/tacred", "./tacred", "data", "data/sets/tacred"])
def test_a_missing_folder_is_never_looked_for_on_the_hub(tmp_path, monkeypatch, path):
    """`data/tacred` has the form of a hub id, and is the folder that config.yaml names."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingSplit, match=r"tacred: no such folder|data: no such folder"):
        read("tacred", path, "train")


def test_a_hub_id_is_downloaded(tmp_path, monkeypatch):
    requests = []

    def snapshot(repository, **options):
        requests.append((repository, options))
        return str(resource("sample", "gids"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert next(read("gids", "Despina/gids", "test")).id.startswith("gids/test/")
    assert requests == [("Despina/gids", {"repo_type": "dataset", "allow_patterns": DATA_FILES})]


def test_a_hub_id_that_cannot_be_downloaded_is_an_error_with_the_reason(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ReadError, match=r"Despina/gids: neither a folder nor a data set .*no route"):
        read("gids", "Despina/gids", "test")
