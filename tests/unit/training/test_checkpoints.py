"""Checkpoints: an incomplete or corrupt one is never resumed; the order of the rows follows from the seed."""

import shutil

import pytest

from mixtune.artifacts.manifests import write_manifest
from mixtune.training.checkpoints import StepSampler, last_complete_checkpoint
from tests.unit.training.tuning import flip, result, tune


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


NEEDED = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "training_args.bin",
    "manifest.json",
}


@pytest.mark.parametrize("harm", [remove, flip, empty, truncate])
def test_no_broken_checkpoint_passes_for_a_whole_one(interrupted, tmp_path, harm):
    newest = interrupted(tmp_path)
    files = sorted(path.name for path in newest.iterdir())
    assert set(files) >= NEEDED
    for name in files:
        target = tmp_path / name
        harm(shutil.copytree(newest.parent, target) / newest.name / name)
        assert last_complete_checkpoint(target) == target / "checkpoint-2", name
        assert not (target / newest.name).exists()
    assert last_complete_checkpoint(newest.parent) == newest


HARMED = [*((name, remove) for name in sorted(NEEDED)), ("optimizer.pt", truncate), ("scheduler.pt", flip)]


@pytest.mark.parametrize(("name", "harm"), [*HARMED, ("adapter_model.safetensors", flip), ("manifest.json", flip)])
def test_broken_checkpoint_resumed(base, reference, interrupted, tmp_path, capsys, name, harm):
    """Trainer would go on without some of these files, say nothing, and end elsewhere."""
    newest = interrupted(tmp_path)
    harm(newest / name)
    facts = tune(base, tmp_path)
    out = capsys.readouterr().out
    assert f"{newest} is incomplete or corrupt and is deleted" in out
    assert f"resuming from {newest.parent / 'checkpoint-2'}" in out
    assert (facts, result(tmp_path)) == (reference[1], result(reference[0]))


def test_a_run_whose_checkpoints_are_all_broken_begins_again(base, reference, interrupted, tmp_path):
    newest = interrupted(tmp_path)
    remove(newest / "optimizer.pt")
    flip(newest.parent / "checkpoint-2" / "adapter_model.safetensors")
    tune(base, tmp_path)
    assert result(tmp_path) == result(reference[0])


def test_the_newest_checkpoint_is_the_one_with_the_highest_number(tmp_path):
    for number in (9, 10):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        write_manifest(folder / "manifest.json", [])
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert last_complete_checkpoint(tmp_path / "nothing") is None


def test_the_order_is_drawn_anew_each_epoch_from_the_seed():
    sampler = StepSampler(10, seed=1)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] == epochs[2] != epochs[1]
    assert len(sampler) == 10
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert list(StepSampler(10, seed=2)) != epochs[0]
