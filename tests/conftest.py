"""Hooks of pytest, and the fixtures that all folders of tests share."""

import gc
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from mixtune.errors import block_imports
from tests import fork_server
from tests.fixtures.examples import make_example  # noqa: F401
from tests.fixtures.models import tiny_encoder, tiny_model  # noqa: F401
from tests.fixtures.tokenizers import tiny_tokenizer  # noqa: F401

block_imports(["torch._inductor.compile_fx"])  # nothing is compiled here, and to load the compiler takes two seconds
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, here or in a child process
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Tests that are slow by nature, by their marks: `make test-all` runs them, or `pytest --all`, or `-m` with their mark.
SLOW = {
    "chaos": "kills at random moments",
    "cluster": "a real Slurm",
    "browser": "the page in Chromium",
    "network": "real weights from the package index",
}
# Files whose tests share no costly fixture, but for those that are made once for all processes.
SPREAD = {
    "test_architectures", "test_caching", "test_checkpoints", "test_commands", "test_disks", "test_existing_adapters",
    "test_finetune", "test_loss", "test_planning", "test_reader_properties", "test_tabular", "test_trainer",
    "test_whole_dag",
}  # fmt: skip
LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help=f"also what is slow: {', '.join(SLOW.values())}")


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="mixtune-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process would compile the library anew
    os.environ["MIXTUNE_TEST_FORKS"] = str(folder)
    config.add_cleanup(fork_server.start(folder).stdin.close)


def pytest_collection_modifyitems(config, items):
    """Leave out what is slow unless it is selected, and put last what is spread: no process then waits for another."""
    for item in items:
        if item.path.parent.name in SLOW:
            item.add_marker(item.path.parent.name)
    if not config.option.all and not config.option.markexpr:
        slow = {item: mark for item in items for mark in SLOW if item.get_closest_marker(mark)}
        config.stash[LEFT_OUT].update(slow.values())
        config.hook.pytest_deselected(items=list(slow))
        items[:] = [item for item in items if item not in slow]
    first = {"cluster": 0, "test_real_conll04": 1, "workflow": 2}  # Slurm's tests wait while the real cell is tuned
    place = {item: min(first.get(name, 3) for name in (item.path.stem, item.path.parent.name)) for item in items}
    items.sort(key=lambda item: (item.path.stem in SPREAD, place[item]))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Imports make a million objects, which need not be searched for garbage, now or again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        """A file's tests go to one process, for their fixtures, unless it is SPREAD; those of the one Slurm, too."""

        def _split_scope(self, nodeid):
            file = Path(nodeid.partition("::")[0])
            return nodeid if file.stem in SPREAD else str(file.parent if file.parent.name == "cluster" else file)

    config.option.loadscopereorder = False  # by the number of tests, which says nothing of their time
    return ByFixtures(config, log)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter, config):
    left = [f"{number} of {SLOW[mark]}" for mark, number in config.stash[LEFT_OUT].items()]
    if left:
        terminalreporter.write_line(f"left out: {'; '.join(left)}. `make test-all` runs them, too (pytest --all)")
