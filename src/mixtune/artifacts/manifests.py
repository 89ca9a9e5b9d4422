"""Files that are whole or not there: atomic writes, SHA-256, and the manifest that is written last."""

import glob
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from ..errors import naming


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: equal for equal values, whatever their order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """SHA-256 (hex) of texts; each is closed by a zero byte, so that parts cannot run into each other."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.encode())
        sha.update(b"\0")
    return sha.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and goes when not.

    What a killed process has left of the same file goes, too, if it ran on this machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = f".{path.name}.{socket.gethostname()}."
    temporary = path.with_name(f"{begin}{os.getpid()}.part")
    for left in path.parent.glob(f"{glob.escape(begin)}*.part"):
        pid = left.name.removeprefix(begin).removesuffix(".part")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            left.unlink(missing_ok=True)
    try:
        with naming(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_manifest(path: Path, files: list[Path], **facts: Any) -> dict[str, Any]:
    """Write the manifest of files below its folder: their SHA-256, and `facts` beside them."""
    names = sorted(file.relative_to(path.parent).as_posix() for file in files)
    manifest = {"files": {name: file_sha256(path.parent / name) for name in names}, **facts}
    write_json(path, manifest)
    return manifest


def is_whole(path: Path) -> bool:
    """Whether a manifest is there and every file that it names has the SHA-256 it states."""
    try:
        files = read_json(path)["files"]
    except (OSError, ValueError, KeyError):  # not there, or broken itself
        return False
    return all((path.parent / name).is_file() and file_sha256(path.parent / name) == sha for name, sha in files.items())


def copy_whole(source: Path, target: Path) -> None:
    """Copy a manifest and the files it names into another folder, the manifest last."""
    for name in [*read_json(source)["files"], source.name]:
        with replacing(target / name) as temporary:
            shutil.copyfile(source.parent / name, temporary)
