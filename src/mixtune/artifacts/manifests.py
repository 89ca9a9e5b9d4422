"""Files that are complete or absent: atomic writes, SHA-256, and manifests, which are written last."""

import glob
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, TypeVar, overload

import psutil

from ..errors import UserError, naming


class BrokenJson(UserError, ValueError):
    """A file that is not valid JSON, e.g. an incomplete copy."""


_T = TypeVar("_T")


class Manifest(TypedDict):
    """The entry that all manifests have: the SHA-256 of each file, by its path in the manifest's folder."""

    files: dict[str, str]


def canonical(value: object) -> str:
    """Return JSON with sorted keys and no blanks: equal for equal values, whatever their order.

    >>> canonical({"b": 1, "a": [2]})
    '{"a":[2],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """Return the SHA-256 (hex) of texts; each ends with a zero byte, so that their borders count.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.encode())
        sha.update(b"\0")
    return sha.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, which it replaces when the block succeeds; else delete it.

    Temporary files that a killed process of this machine left of the same file are deleted, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{socket.gethostname()}."
    temporary = path.with_name(f"{prefix}{os.getpid()}.part")
    for leftover in path.parent.glob(f"{glob.escape(prefix)}*.part"):
        pid = leftover.name.removeprefix(prefix).removesuffix(".part")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            leftover.unlink(missing_ok=True)
    try:
        with naming(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write indented JSON with sorted keys, completely or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n")


@overload
def read_json(path: Path) -> object: ...
@overload
def read_json(path: Path, into: type[_T]) -> _T: ...
def read_json(path: Path, into: type | None = None) -> object:
    """Return the value of a JSON file.

    Args:
        into: Its type, for the type checker alone: the SHA-256 in manifests verify files of the workflow.

    Raises:
        BrokenJson: It is not valid.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise BrokenJson(f"{path}: not valid JSON ({error}); replace it, or delete it and run again") from None


def write_manifest(path: Path, files: list[Path], **facts: object) -> dict[str, object]:
    """Write the manifest of files in its folder: their SHA-256, and `facts`; return it."""
    names = sorted(file.relative_to(path.parent).as_posix() for file in files)
    manifest: dict[str, object] = {"files": {name: file_sha256(path.parent / name) for name in names}, **facts}
    write_json(path, manifest)
    return manifest


def is_complete(path: Path) -> bool:
    """Return whether a manifest exists and every file that it names has the recorded SHA-256."""
    try:
        files = read_json(path, Manifest)["files"]
    except (OSError, ValueError, KeyError):  # missing, or incomplete itself
        return False
    return all((path.parent / name).is_file() and file_sha256(path.parent / name) == sha for name, sha in files.items())


def copy_complete(source: Path, target: Path) -> None:
    """Copy a manifest and the files it names into another folder, the manifest last."""
    for name in [*read_json(source, Manifest)["files"], source.name]:
        with replacing(target / name) as temporary:
            shutil.copyfile(source.parent / name, temporary)
