"""Events of a run: records of Snakemake's log become lines, and lines become the state of a run."""

import json
import logging
import os
import socket

import pytest

from mixtune.runs.events import SUFFIX, Event, EventFile, RunEvents, convert, read_last

FACTS = {"jobid": 3, "rule_name": "finetune", "rule_msg": "Fine-tune", "output": ["a", "b"], "log": ["l"]}


def record(message="", **facts):
    """A record of Snakemake's log."""
    return logging.makeLogRecord({"msg": message, "created": 5.5, **facts})


@pytest.mark.parametrize(
    ("facts", "event"),
    [
        (
            {"event": "run_info", "stats": {"total": 7}},
            Event("run_info", 5.5, os.getpid(), socket.gethostname(), total=7),
        ),
        (
            {"event": "job_info", **FACTS},
            Event("job_info", 5.5, job=3, rule="finetune", message="Fine-tune", output=["a", "b"], log=["l"]),
        ),
        (
            {"event": "job_error", **FACTS, "rule_msg": None},
            Event("job_error", 5.5, job=3, rule="finetune", output=["a", "b"], log=["l"]),
        ),
        ({"event": "job_finished", "job_id": 3}, Event("job_finished", 5.5, job=3)),
        ({"event": "progress", "done": 2, "total": 7}, Event("progress", 5.5, done=2, total=7)),
        ({"event": "error", "msg": "broken"}, Event("error", 5.5, message="broken")),
        ({"event": "shellcmd"}, None),
        ({"msg": "Building DAG of jobs..."}, None),
    ],
)
def test_a_record_becomes_an_event_or_nothing(facts, event):
    assert convert(record(**facts)) == event


def test_events_are_read_as_they_were_written(tmp_path):
    assert read_last(tmp_path) is None
    file = EventFile(1.0, tmp_path)
    assert file.path.name.endswith(SUFFIX)
    file.write(Event("run_info", 1.0, 42, "host", total=3))
    file.write(Event("job_info", 2.0, job=1, rule="finetune", message="Fine-tune"))
    state = read_last(tmp_path)
    assert (state.pid, state.host, state.started, state.last, state.total) == (42, "host", 1.0, 2.0, 3)
    assert state.running[1].title == "Fine-tune"
    lines = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert lines[0] == {"event": "run_info", "time": 1.0, "pid": 42, "host": "host", "total": 3}  # no empty field


def test_the_last_run_is_the_newest_that_had_jobs(tmp_path):
    for time in (9.0, 1_000_000_000.0, 4.0):
        EventFile(time, tmp_path).write(Event("run_info", time, total=1))
    assert read_last(tmp_path).started == 1_000_000_000.0


def test_a_line_that_is_being_written_is_not_read_and_no_error(tmp_path):
    file = EventFile(1.0, tmp_path)
    file.write(Event("progress", 1.0, done=1, total=3))
    file.path.write_text(file.path.read_text() + '{"event": "progress", "done": 2')
    assert (read_last(tmp_path).done, read_last(tmp_path).unreadable) == (1, 0)


def test_a_failed_job_that_runs_again_is_failed_no_more():
    state = RunEvents()
    state.add(Event("job_info", 1.0, job=1, rule="finetune", message="Fine-tune"))
    state.add(Event("job_error", 2.0, job=1, rule="finetune", output=["a"], log=["l"], message="OUT_OF_MEMORY"))
    (failure,) = state.failures
    assert (failure.title, failure.reason, failure.outputs) == ("Fine-tune", "OUT_OF_MEMORY", {"a"})
    assert (state.failed, state.running) == ({1}, {})
    state.add(Event("job_info", 3.0, job=1, rule="finetune", message="Fine-tune"))
    assert (state.failed, list(state.running)) == (set(), [1])
    state.add(Event("job_finished", 4.0, job=1))
    assert (state.running, len(state.failures)) == ({}, 1)
