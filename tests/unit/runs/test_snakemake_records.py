"""What Snakemake keeps is read as its own code writes it."""

import json
import time
from pathlib import Path

import pytest

from mixtune.errors import UserError
from mixtune.runs import last_run, snakemake_records
from mixtune.runs.snakemake_records import open_records, read_record

WRITTEN = {
    "rule": "finetune",
    "params": [repr(json.dumps({"code": "0123", "lora": {"r": 2}, "text": "it's"}))],
    "input": ["a", "b"],
    "input_checksums": {"a": "sha256:00ff"},
    "starttime": 10.0,
    "endtime": 12.5,
}


@pytest.fixture(params=["files", "database", "database elsewhere"])
def persistence(request, tmp_path):
    """Snakemake's own records in a folder, in either of its back ends; the last run has recorded which one it used."""
    from snakemake.persistence.db import DbPersistence
    from snakemake.persistence.file import FilePersistence

    folder = tmp_path / ".snakemake"
    if request.param == "files":
        return FilePersistence(path=folder)
    folder.mkdir()
    url = f"sqlite:///{tmp_path / 'other.db' if 'elsewhere' in request.param else folder / 'metadata.db'}"
    last_run.write({}, [], url, folder)
    return DbPersistence(path=folder, db_url=url)


def write(persistence, output: str, **changes) -> None:
    """Write a record with Snakemake's own code."""
    from snakemake.persistence import MetadataRecord

    persistence._write_record(output, MetadataRecord(**WRITTEN | changes))


@pytest.mark.parametrize("output", ["reports/tables/matrix.csv", "results/" + "long/" * 80 + "manifest.json"])
def test_a_record_of_an_output_is_found_whatever_its_length(persistence, output):
    write(persistence, output)
    found = read_record(Path(output), persistence.path)
    assert (found.rule, found.inputs) == ("finetune", ["a", "b"])
    assert found.settings == {"code": "0123", "lora": {"r": 2}, "text": "it's"}
    assert (found.checksums, found.started, found.ended) == ({"a": "00ff"}, 10.0, 12.5)


def test_no_record_and_a_broken_one_are_none(persistence):
    path = Path("results/a")
    assert read_record(path, persistence.path) is None
    write(persistence, str(path), endtime=None)
    assert read_record(path, persistence.path) is None
    write(persistence, str(path), params=["{"])
    assert read_record(path, persistence.path) is None
    assert read_record(path, Path("nowhere")) is None


def test_a_job_without_settings_has_none(persistence):
    write(persistence, "results/a", params=[], input=None)
    found = read_record(Path("results/a"), persistence.path)
    assert (found.settings, found.inputs) == (None, [])


def test_a_job_that_has_begun_is_marked(persistence):
    assert open_records(persistence.path).read_start("results/a") is None
    persistence._mark_incomplete("results/a", None)
    assert open_records(persistence.path).read_start("results/a") == pytest.approx(time.time(), abs=60)
    persistence._unmark_incomplete("results/a")
    assert open_records(persistence.path).read_start("results/a") is None


def test_the_outputs_of_a_running_workflow_are_read(persistence):
    assert open_records(persistence.path).read_locks() is None
    persistence._write_locks("output", ["results/a", "results/b"])
    outputs, since = open_records(persistence.path).read_locks()
    assert outputs == {"results/a", "results/b"}  # those of a database have the time of the last run
    assert since == pytest.approx(time.time(), abs=60)
    persistence._delete_locks()
    assert open_records(persistence.path).read_locks() is None


def test_a_database_that_cannot_be_read_is_named_with_the_option(tmp_path):
    last_run.write({}, [], "nothing://host/db", tmp_path)
    with pytest.raises(UserError, match=r"nothing://host/db: .* --persistence-backend-db-url"):
        open_records(tmp_path).read_locks()


def test_a_database_that_is_missing_has_no_records_and_is_not_made(tmp_path):
    last_run.write({}, [], f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    assert read_record(Path("results/a"), tmp_path) is None
    assert not (tmp_path / "none.db").exists()


def test_the_format_is_the_one_that_was_read():
    """A newer Snakemake with another format shows here before it misleads a user."""
    from snakemake.persistence import RECORD_FORMAT_VERSION

    assert f"format version {RECORD_FORMAT_VERSION}" in snakemake_records.__doc__
