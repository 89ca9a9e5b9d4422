"""Entries of scratch/: signed once, worked in by one job at a time, and restored where the work is finished."""

import pytest

from mixtune.artifacts.cache import LOCK, restored_or_made, sign
from mixtune.artifacts.locks import is_held
from mixtune.artifacts.manifests import read_json, write_manifest


def test_a_signature_is_written_once(tmp_path):
    sign(tmp_path, tmp_path / "manifest.json")
    before = (tmp_path / "job.json").stat().st_mtime_ns
    sign(tmp_path, tmp_path / "manifest.json")
    assert (tmp_path / "job.json").stat().st_mtime_ns == before


def test_work_is_done_once_under_the_lock_and_then_restored(tmp_path, capsys):
    entry, result = tmp_path / "scratch/finetune/aa", tmp_path / "results/manifest.json"
    done, calls = entry / "adapter/manifest.json", []

    def make():
        assert is_held(entry / LOCK)
        calls.append(1)
        done.parent.mkdir(exist_ok=True)
        (done.parent / "weights").write_text("w")
        write_manifest(done, [done.parent / "weights"])

    def work() -> str:
        with restored_or_made(entry, result, done, make):
            assert is_held(entry / LOCK)
            assert (done.parent / "weights").read_text() == "w"
        assert not is_held(entry / LOCK)
        return capsys.readouterr().out

    assert (work(), len(calls)) == ("", 1)
    assert work() == f"finished before: restored from {done.parent}\n"
    assert len(calls) == 1
    (done.parent / "weights").write_text("another")
    assert (work(), len(calls)) == ("", 2)
    assert read_json(entry / "job.json") == {"result": result.as_posix()}


def test_work_that_fails_is_begun_again(tmp_path):
    def fail():
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"), restored_or_made(tmp_path, tmp_path, tmp_path / "m.json", fail):
        pytest.fail("the block ran without finished work")
    assert not is_held(tmp_path / LOCK)
