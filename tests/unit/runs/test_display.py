"""The bar of a run: its lines, its estimate, and the ends of failed jobs' logs."""

import io
import logging
import os
import socket
import time
from pathlib import Path

import pytest
from rich.console import Console

from mixtune.errors import UserError
from mixtune.runs import display, last_run
from mixtune.runs.display import Bar, Estimate, is_worth_showing, read_tail
from mixtune.runs.events import Event, RunEvents
from mixtune.runs.progress import Remaining


@pytest.fixture
def events(tmp_path, monkeypatch):
    """A run of nine jobs that has begun 100 s ago."""
    monkeypatch.chdir(tmp_path)
    state = RunEvents()
    state.add(Event("run_info", time.time() - 100, os.getpid(), socket.gethostname(), total=9))
    state.add(Event("progress", time.time(), done=3, total=9))
    return state


def rendered(bar: Bar) -> list[str]:
    bar.console.print(bar.render())
    lines = bar.console.file.getvalue().splitlines()
    bar.console.file.truncate(0)
    return lines


@pytest.fixture
def bar(events):
    return Bar(Console(file=io.StringIO(), width=80, markup=False), events, "full.log")


def start(events: RunEvents, number: int, message: str) -> None:
    events.add(Event("job_info", time.time(), job=number, rule="rule", message=message))


def test_the_bar_has_counts_time_and_estimate(bar):
    assert [line.lstrip("━ ╸╺") for line in rendered(bar)] == ["3 of 9 jobs · 2 min"]
    bar.estimate.text = "remaining: about 12 min of fine-tuning and prediction"
    assert rendered(bar)[1:] == ["  remaining: about 12 min of fine-tuning and prediction"]


def test_running_jobs_are_named_and_the_rest_counted(bar, events):
    for number in range(display.LISTED + 2):
        start(events, number, f"Job \x1b[2J{number}")
    lines = rendered(bar)
    assert len(lines) == 1 + display.LISTED + 1
    assert lines[1].startswith(r"  Job \x1b[2J0 · ")
    assert lines[-1] == "  and 2 more"
    assert "failed" not in lines[0]


def test_a_long_name_takes_one_line(bar, events):
    start(events, 1, "name " * 100)
    assert [len(line) <= 80 for line in rendered(bar)] == [True, True]


def test_a_failure_is_counted_and_shown_with_its_reason_and_the_end_of_its_log(bar, events):
    Path("job.log").write_text("".join(f"line {number}\n" for number in range(50)))
    start(events, 1, "Predict")
    events.add(Event("job_error", time.time(), job=1, rule="predict", log=["job.log", "gone.log"], message="TIMEOUT"))
    bar.print_failure(events.failures[0])
    lines = bar.console.file.getvalue().splitlines()
    assert lines[:4] == ["failed: Predict", "  TIMEOUT", "  (the last 12 lines)", "  line 38"]
    assert lines[-3:] == [
        "  line 49",
        "  gone.log cannot be read: No such file or directory",
        "  log: job.log, gone.log",
    ]
    assert rendered(bar)[-1].endswith(" · 1 failed")


def test_the_end_of_a_log_is_read_without_the_rest(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10 * display.TAIL_BYTES + b"\nerror: \xff\x1b[2J\n\n")
    assert read_tail(path)[0] == "(the last 12 lines)"
    assert read_tail(path)[-1] == r"error: �\x1b[2J"
    path.write_text("one\n")
    assert read_tail(path) == ["one"]
    path.write_text("")
    assert read_tail(path) == ["(its log is empty)"]


# The estimate


@pytest.fixture
def estimate(events, small_matrix, monkeypatch):
    """The estimate of a recorded run, due at once."""
    last_run.FOLDER.mkdir()
    last_run.write(small_matrix, [], None)
    monkeypatch.setattr(display, "INTERVAL", 0.0)
    return Estimate(events)


def test_the_estimate_is_that_of_status(estimate, monkeypatch):
    seen = []

    def estimate_run(run, config, _):
        seen.append((run.events, config.matrix.models))
        return Remaining(600, 2, [])

    monkeypatch.setattr(display, "estimate_run", estimate_run)
    assert estimate.update() == "remaining: about 10 min of fine-tuning and prediction"
    assert seen == [(estimate.events, ["m"])]


def test_jobs_without_a_measured_rate_make_it_a_lower_bound(estimate, monkeypatch):
    texts = []
    for left in (Remaining(0, 1, ["finetune of m with 0 shots"]), Remaining(60, 1, ["x"]), Remaining(0, 1, [])):
        monkeypatch.setattr(display, "estimate_run", lambda *_, left=left: left)
        estimate._due = 0.0
        texts.append(estimate.update())
    assert texts == ["remaining: not measured yet", "remaining: over 60 s of fine-tuning and prediction", ""]


def test_a_run_that_left_no_record_has_no_estimate(estimate):
    (last_run.FOLDER / last_run.NAME).unlink()
    assert estimate.update() == ""


def test_what_cannot_be_read_leaves_no_estimate_and_no_error(estimate, monkeypatch):
    def estimate_run(*_):
        raise UserError("broken run card")

    monkeypatch.setattr(display, "estimate_run", estimate_run)
    assert estimate.update() == ""


def test_an_estimate_that_takes_long_is_made_rarely(events):
    estimate = Estimate(events)
    assert estimate.update() == ""  # not due yet
    estimate._due = 0.0
    estimate._estimate = lambda: time.sleep(0.3) or "about 1 s left"
    assert estimate.update() == "about 1 s left"
    assert estimate._due - time.monotonic() > 14


# Records above the bar


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"levelno": logging.WARNING, "msg": "disk is nearly full"}, True),
        ({"levelno": logging.INFO, "msg": "Select jobs to execute..."}, False),
        ({"levelno": logging.INFO, "msg": "Results", "mixtune_summary": True}, True),
        ({"levelno": logging.INFO, "event": "job_info", "msg": "rule x"}, False),
        ({"levelno": logging.ERROR, "event": "error", "msg": "WorkflowError: …"}, True),
        (
            {
                "levelno": logging.ERROR,
                "event": "error",
                "exception": "RuleException",
                "msg": "RuleException:\nCalledProcessError in file Snakefile",
            },
            False,
        ),
        (
            {"levelno": logging.ERROR, "event": "error", "exception": "RuleException", "msg": "output is missing"},
            True,
        ),
    ],
)
def test_problems_and_the_summary_are_shown_above_the_bar(facts, shown):
    assert is_worth_showing(logging.makeLogRecord(facts)) is shown
