import hashlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from mixtune.artifacts.manifests import (
    canonical,
    copy_complete,
    digest,
    file_sha256,
    is_complete,
    read_json,
    replacing,
    write_json,
    write_manifest,
    write_text,
)
from mixtune.errors import UserError


@pytest.fixture
def manifest(tmp_path):
    """The manifest of two files, one in a folder of its own."""
    folder = tmp_path / "made"
    (folder / "inner").mkdir(parents=True)
    (folder / "b.txt").write_bytes(b"two")
    (folder / "inner/a.txt").write_bytes(b"one")
    write_manifest(folder / "manifest.json", [folder / "inner/a.txt", folder / "b.txt"], name="made")
    return folder / "manifest.json"


def test_canonical_json_is_equal_for_equal_values():
    value = {"b": [1, 2.5, None, True], "a": {"d": "ü", "c": ""}}
    assert canonical(value) == '{"a":{"c":"","d":"ü"},"b":[1,2.5,null,true]}'
    assert canonical(dict(reversed(value.items()))) == canonical(value)
    assert canonical([2, 1]) != canonical([1, 2])


def test_parts_of_a_digest_cannot_run_into_each_other():
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("ü") == hashlib.sha256("ü\0".encode()).hexdigest()


def test_the_sha256_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_takes_its_place_only_at_the_end(tmp_path):
    path = tmp_path / "new/folder/file.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent  # so that the move stays within one file system
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_neither_file_nor_temporary(tmp_path, error):
    with pytest.raises(error), replacing(tmp_path / "file.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"earlier": 1})
    with pytest.raises(TypeError):
        write_json(path, {"later": object()})
    with pytest.raises(UnicodeEncodeError):  # fails while it writes
        write_text(path, "\ud800")
    assert read_json(path) == {"earlier": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_json_files_are_stable_and_readable(tmp_path):
    write_json(tmp_path / "file.json", {"b": 1, "a": ["ü"]})
    assert (tmp_path / "file.json").read_bytes() == '{\n  "a": [\n    "ü"\n  ],\n  "b": 1\n}\n'.encode()


def test_a_manifest_names_each_file_with_its_sha256(manifest):
    assert json.loads(manifest.read_text()) == {
        "files": {
            "b.txt": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
            "inner/a.txt": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        },
        "name": "made",
    }


def test_a_manifest_of_a_missing_file_is_not_written(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_manifest(tmp_path / "manifest.json", [tmp_path / "gone.txt"])
    assert list(tmp_path.iterdir()) == []


def test_whole_is_what_has_every_file_unchanged(manifest):
    assert is_complete(manifest)


@pytest.mark.parametrize("name", ["b.txt", "inner/a.txt", "manifest.json"])
def test_a_missing_file_is_not_whole(manifest, name):
    (manifest.parent / name).unlink()
    assert not is_complete(manifest)


def test_a_changed_file_of_equal_size_is_not_whole(manifest):
    before = (manifest.parent / "b.txt").stat()
    (manifest.parent / "b.txt").write_bytes(b"owt")
    os.utime(manifest.parent / "b.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_complete(manifest)


def test_a_copy_is_whole_and_holds_what_the_manifest_names(manifest, tmp_path):
    (manifest.parent / "unnamed.txt").write_text("not of it")
    copy_complete(manifest, tmp_path / "copy")
    assert is_complete(tmp_path / "copy/manifest.json")
    found = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*.*")}
    assert found == {"b.txt", "inner/a.txt", "manifest.json"}


def test_a_copy_that_breaks_off_has_no_manifest(manifest, tmp_path):
    (manifest.parent / "inner/a.txt").unlink()  # the last file that it names
    with pytest.raises(FileNotFoundError):
        copy_complete(manifest, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").rglob("*.*")] == ["b.txt"]
    assert not is_complete(tmp_path / "copy/manifest.json")


def test_a_copy_replaces_an_earlier_one(manifest, tmp_path):
    copy_complete(manifest, tmp_path / "copy")
    (manifest.parent / "b.txt").write_bytes(b"three")
    write_manifest(manifest, [manifest.parent / "b.txt"])
    copy_complete(manifest, tmp_path / "copy")
    assert (tmp_path / "copy/b.txt").read_bytes() == b"three"
    assert is_complete(tmp_path / "copy/manifest.json")


KILLED = """
import os, signal, sys
from pathlib import Path
from mixtune.artifacts.manifests import replacing

with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_of_a_file_goes(tmp_path):
    path = tmp_path / "file.txt"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    of_another_machine = left.with_name(left.name.replace(socket.gethostname(), "elsewhere"))
    of_a_living_process = left.with_name(f".file.txt.{socket.gethostname()}.{os.getppid()}.part")
    of_another_file = left.with_name(left.name.replace("file.txt", "file"))
    for other in (of_another_machine, of_a_living_process, of_another_file):
        other.write_text("half")
    write_text(path, "whole")
    assert set(tmp_path.iterdir()) == {path, of_another_machine, of_a_living_process, of_another_file}


def test_a_file_that_is_no_json_is_named(tmp_path):
    for content in (b"", b'{"a": ', b"\xff"):
        (tmp_path / "run_card.json").write_bytes(content)
        with pytest.raises(UserError, match=r"run_card\.json: not valid JSON \(.+\); replace it, or delete it"):
            read_json(tmp_path / "run_card.json")
        assert not is_complete(tmp_path / "run_card.json")
