"""What Snakemake keeps is read as its own code writes it."""

import json
import time
from pathlib import Path

import pytest

from mixtune.runs import snakemake_records
from mixtune.runs.snakemake_records import (
    parse_failures,
    parse_overlays,
    parse_steps,
    read_last_log,
    read_record,
    read_scheduled,
    read_start,
)

LOG = """\
Config file config.yaml is extended by additional config specified via the command line.

SNAKEMAKE
=========
  Command: snakemake --configfile tiny.yaml
  Config file(s): [PosixPath('/home/me/project/tiny.yaml'), 'config.yaml']

Building DAG of jobs...
Job stats:
job         count
--------  -------
finetune        6
total          45

Select jobs to execute...
Finished jobid: 8 (Rule: prepare_benchmark)
1 of 45 steps (2%) done
Finished jobid: 14 (Rule: prepare_benchmark)
2 of 45 steps (4%) done
Error in rule finetune:
    message: None
    jobid: 2
    input: results/models/tiny/manifest.json
    output: results/adapters/a/run_card.json, results/adapters/a/manifest.json
    log: logs/finetune/a.log (check log file(s) for error details)
    shell:
        python -m workflow.scripts.finetune
        (command exited with non-zero exit code)
Logfile logs/finetune/a.log:
================================================================================
Error in rule of some library: nothing of ours
"""


@pytest.fixture
def persistence(tmp_path):
    """Snakemake's own records in a folder."""
    from snakemake.persistence.file import FilePersistence

    return FilePersistence(path=tmp_path / ".snakemake")


@pytest.mark.parametrize("output", ["reports/tables/matrix.csv", "results/" + "long/" * 80 + "manifest.json"])
def test_a_record_of_an_output_is_found_whatever_its_length(persistence, output):
    settings = {"code": "0123", "lora": {"r": 2}, "text": "it's"}
    written = {
        "rule": "finetune",
        "params": [repr(json.dumps(settings))],
        "input": ["a", "b"],
        "input_checksums": {"a": "sha256:00ff"},
        "starttime": 10.0,
        "endtime": 12.5,
    }
    persistence._io_write(persistence._metadata_path, written, output)
    found = read_record(Path(output), persistence.path)
    assert (found.rule, found.settings, found.inputs) == ("finetune", settings, ["a", "b"])
    assert (found.checksums, found.started, found.ended) == ({"a": "00ff"}, 10.0, 12.5)


def test_no_record_and_a_broken_one_are_none(persistence):
    path = Path("results/a")
    assert read_record(path, persistence.path) is None
    persistence._io_write(persistence._metadata_path, {"rule": "x"}, str(path))
    assert read_record(path, persistence.path) is None
    assert read_record(path, Path("nowhere")) is None


def test_a_job_that_has_begun_is_marked(persistence):
    assert read_start(Path("results/a"), persistence.path) is None
    persistence._mark_incomplete("results/a", None)
    assert read_start(Path("results/a"), persistence.path) == pytest.approx(time.time(), abs=60)
    persistence._unmark_incomplete("results/a")
    assert read_start(Path("results/a"), persistence.path) is None


def test_the_outputs_of_a_running_workflow_are_read(persistence):
    assert read_scheduled(persistence.path) is None
    persistence._write_locks("output", ["results/a", "results/b"])
    outputs, since = read_scheduled(persistence.path)
    assert outputs == {"results/a", "results/b"}
    assert since == pytest.approx(time.time(), abs=60)
    persistence._delete_locks()
    assert read_scheduled(persistence.path) is None


def test_the_last_log_is_the_newest_that_did_something(tmp_path):
    assert read_last_log(tmp_path) == ("", 0.0)
    (tmp_path / "log").mkdir()
    for day, text in (("01", "\nJob stats:\nold"), ("02", "\nJob stats:\nnew"), ("03", "Nothing to be done")):
        (tmp_path / f"log/2026-01-{day}T000000.0.snakemake.log").write_text(text)
    assert read_last_log(tmp_path)[0].endswith("new")


def test_a_log_has_overlays_steps_and_failures():
    assert parse_overlays(LOG) == [Path("/home/me/project/tiny.yaml")]
    assert parse_steps(LOG) == (2, 45)
    (failed,) = parse_failures(LOG)
    assert (failed.rule, failed.log) == ("finetune", "logs/finetune/a.log")
    assert failed.outputs == {"results/adapters/a/run_card.json", "results/adapters/a/manifest.json"}


def test_a_quiet_log_does_not_name_its_overlays():
    assert parse_overlays("Building DAG of jobs...\n") is None
    assert parse_overlays("  Config file(s): ['config.yaml']\n") == []
    assert parse_steps("Building DAG of jobs...\n") is None


def test_the_format_is_the_one_that_was_read():
    """A newer Snakemake with another format shows here before it misleads a user."""
    from snakemake.persistence import RECORD_FORMAT_VERSION

    assert f"format version {RECORD_FORMAT_VERSION}" in snakemake_records.__doc__
