"""A tiny model, an undisturbed run and an interrupted one."""

import shutil

import pytest
import torch

from tests.fixtures.models import write_word_model
from tests.unit.training.tuning import ending, tune


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a random Llama and its tokenizer, whose pad token is its end of turn."""
    folder = tmp_path_factory.mktemp("base")
    write_word_model(folder, initializer_range=0.1)
    return folder


@pytest.fixture(scope="module")
def reference(base, tmp_path_factory):
    """The folder of an undisturbed run, and its facts."""
    folder = tmp_path_factory.mktemp("reference")
    return folder, tune(base, folder)


@pytest.fixture(scope="module")
def interrupted(base, tmp_path_factory):
    """Makes copies of a run that ended after five steps; its checkpoints are of the second and the fourth."""
    folder = tmp_path_factory.mktemp("interrupted")
    with ending(5):
        tune(base, folder)

    def copy(target):
        shutil.copytree(folder, target, dirs_exist_ok=True)
        assert sorted(path.name for path in (target / "checkpoints").iterdir()) == ["checkpoint-2", "checkpoint-4"]
        return target / "checkpoints" / "checkpoint-4"

    return copy
