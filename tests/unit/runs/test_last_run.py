"""The record of the last run: its configuration, its overlays, and its database."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from mixtune.config.config import load
from mixtune.errors import UserError
from mixtune.runs import last_run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".snakemake").mkdir()


def workflow(backend="FILE", url=None):
    settings = SimpleNamespace(persistence_backend=SimpleNamespace(name=backend), persistence_backend_db_url=url)
    return SimpleNamespace(overwrite_configfiles=[Path("demo.yaml"), Path("mine.yaml")], workflow_settings=settings)


def test_a_folder_without_runs_has_no_record():
    assert last_run.read() is None


def test_a_run_records_its_merged_configuration_and_its_overlays(small_matrix):
    last_run.record(workflow(), small_matrix)
    run = last_run.read()
    assert (run["overlays"], run["database"], run["pid"]) == (["demo.yaml", "mine.yaml"], None, os.getpid())
    assert last_run.load_config(run) == load(small_matrix)


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        (None, "sqlite:///.snakemake/metadata.db"),
        ("sqlite:////disk/all.db", "sqlite:////disk/all.db"),
        ("postgresql://me:secret@host/db", "postgresql://me@host/db"),
    ],
)
def test_the_database_is_recorded_without_its_password(url, recorded):
    last_run.record(workflow("DB", url), {})
    assert last_run.read()["database"] == recorded
    assert "secret" not in (Path(".snakemake") / last_run.NAME).read_text()


def test_a_later_run_replaces_the_record():
    for overlay in ("a.yaml", "b.yaml"):
        last_run.write({}, [overlay], None)
        assert last_run.read()["overlays"] == [overlay]
    assert [path.name for path in Path(".snakemake").iterdir()] == [last_run.NAME]


def test_a_broken_record_is_an_error_with_its_path():
    (Path(".snakemake") / last_run.NAME).write_text("{")
    with pytest.raises(UserError, match=r"\.snakemake/mixtune-run\.json"):
        last_run.read()
