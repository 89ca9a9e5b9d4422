"""A checkout, a tiny random model and encoder, and a project in which their matrix has run."""

import shutil

import pytest

# By its whole name: several folders have a conftest.py, and what is pickled must be found again.
from tests.workflow.projects import PARTS, ROOT, TWO_CORES, Project, overlay


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, help="kills of test_chaos.py, whose table then goes to logs/chaos.{csv,md}")
    parser.addoption("--kills-seed", type=int, default=0)


def pytest_collection_modifyitems(items):
    for item in items:
        if "whole_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny(tiny_tokenizer, tiny_model, tmp_path_factory):
    """The folder of a random Llama of two layers, whose tokenizer has learnt from the sample corpora."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "resources").rglob("*")) if path.is_file()]
    folder = tmp_path_factory.mktemp("model")
    tiny_model(tiny_tokenizer(corpus=texts), folder).unlink()  # its manifest is for fetch_model to write
    return folder


@pytest.fixture(scope="session")
def tiny_roberta(tiny_tokenizer, tiny_encoder, tmp_path_factory):
    """The folder of a random RoBERTa of two layers."""
    folder = tmp_path_factory.mktemp("encoder")
    tiny_encoder(tiny_tokenizer("gemma"), folder).unlink()
    return folder


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """A checkout in which nothing has run, with the shipped config.yaml. Not to be changed."""
    folder = tmp_path_factory.mktemp("shipped")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder)
    (folder / "profiles" / "test").mkdir()
    (folder / "profiles" / "test" / "profile.yaml").write_text(TWO_CORES)
    return Project(folder)


@pytest.fixture(scope="session")
def whole_run(shipped, tiny, tiny_roberta, tmp_path_factory):
    """A project in which the tiny matrix has run, and that run. Not to be changed."""
    project = shipped.copy(tmp_path_factory.mktemp("finished") / "project")
    project.write(overlay(tiny, tiny_roberta))
    return project, project.snakemake()


@pytest.fixture
def project(whole_run, tmp_path):
    """A copy of the finished project, to be changed at will."""
    return whole_run[0].copy(tmp_path / "project")
