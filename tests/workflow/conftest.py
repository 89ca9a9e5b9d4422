"""A checkout, a tiny random model and encoder, and a project in which their matrix has run."""

import json
import os
import shutil
from dataclasses import asdict

import pytest

from mixtune.artifacts.locks import exclusive

# By its whole name: several folders have a conftest.py, and what is pickled must be found again.
from tests.workflow.projects import PARTS, ROOT, TWO_CORES, Project, Run, overlay


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, help="kills of test_chaos.py, whose table then goes to logs/chaos.{csv,md}")
    parser.addoption("--kills-seed", type=int, default=0)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a folder that all processes of a test run share."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "shared"

    def make(name, fill):
        done = root / f"{name}.done"
        with exclusive(root / f"{name}.lock"):
            if not done.exists():
                (root / name).mkdir()
                fill(root / name)
                done.touch()
        return root / name

    return make


@pytest.fixture(scope="session")
def tiny(tiny_tokenizer, tiny_model, once):
    """The folder of a random Llama of two layers, whose tokenizer has learnt from the sample corpora."""

    def fill(folder):
        files = [path for path in sorted((ROOT / "resources").rglob("*")) if path.is_file()]
        tokenizer = tiny_tokenizer(corpus=[path.read_text(encoding="utf-8") for path in files])
        tiny_model(tokenizer, folder).unlink()  # its manifest is for fetch_model to write

    return once("model", fill)


@pytest.fixture(scope="session")
def tiny_roberta(tiny_tokenizer, tiny_encoder, once):
    """The folder of a random RoBERTa of two layers."""
    return once("encoder", lambda folder: tiny_encoder(tiny_tokenizer("gemma"), folder).unlink())


@pytest.fixture(scope="session")
def shipped(once):
    """A checkout in which nothing has run, with the shipped config.yaml. Not to be changed."""

    def fill(folder):
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder)
        (folder / "profiles" / "test").mkdir()
        (folder / "profiles" / "test" / "profile.yaml").write_text(TWO_CORES)

    return Project(once("shipped", fill))


@pytest.fixture(scope="session")
def whole_run(shipped, tiny, tiny_roberta, once):
    """A project in which the tiny matrix has run, and that run. Not to be changed."""

    def fill(folder):
        project = shipped.copy(folder / "project")
        project.write(overlay(tiny, tiny_roberta))
        (folder / "run.json").write_text(json.dumps(asdict(project.snakemake())))

    folder = once("finished", fill)
    return Project(folder / "project"), Run(**json.loads((folder / "run.json").read_text()))


@pytest.fixture
def project(whole_run, tmp_path):
    """A copy of the finished project, to be changed at will."""
    return whole_run[0].copy(tmp_path / "project")
