"""How far a matrix has come: folders as a run of Snakemake leaves them at each moment."""

import os
import socket
import time
from pathlib import Path

import pytest

from mixtune.cli import main
from mixtune.runs import last_run
from mixtune.runs.events import Event, EventFile
from mixtune.runs.progress import WorkflowRun, estimate_remaining, summarise_state
from mixtune.systems import System

FIRST, SECOND, UNTUNED = System("m", "gentune", 0, 1), System("m", "gentune", 2, 1), System("m", "untuned", 0, 0)


def output(rule: str, system: System) -> str:
    folder = {"finetune": "adapters", "predict": "predictions"}.get(rule)
    return f"results/{folder}/{system}/manifest.json" if folder else f"results/scores/{system}.json"


def put(path: str, text: str = "", before: float = 0.0) -> None:
    made = Path(path)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(text)
    os.utime(path, (time.time() - before,) * 2)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder with Snakemake's own bookkeeping in it, which is returned."""
    from snakemake.persistence.file import FilePersistence

    monkeypatch.chdir(tmp_path)
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    log(
        Event("run_info", time.time(), os.getpid(), socket.gethostname(), total=9),
        Event("progress", time.time(), done=3, total=9),
    )
    return persistence


def log(*events: Event) -> None:
    """Write the events of a run."""
    file = EventFile(time.time())
    for event in events:
        file.write(event)


@pytest.fixture
def running(project):
    """A run that began 100 s ago: FIRST is scored, SECOND is tuned since 60 s, UNTUNED waits."""
    every = [output(rule, s) for rule in ("finetune", "predict", "score") for s in (FIRST, SECOND, UNTUNED)]
    every += [f"results/predictions/{SECOND}/{c}/gids.parquet" for c in ("generic", "schema")]
    project._write_locks("output", [name for name in every if "adapters/m/untuned" not in name])
    lock = next(Path(".snakemake/locks").glob("*.output.lock"))
    os.utime(lock, (time.time() - 100,) * 2)
    for rule in ("finetune", "predict", "score"):
        put(output(rule, FIRST), before=50)
    mark(project, "finetune", SECOND, 60)
    put(f"logs/finetune/{SECOND}.log", "computing\nstep 1/8 {}\nstep 2/8 {}\n", before=5)
    return project


def mark(project, rule: str, system: System, before: float) -> None:
    project._mark_incomplete(output(rule, system), None)
    os.utime(project._record_path(project._incomplete_path, output(rule, system)), (time.time() - before,) * 2)


def states(system: System) -> list[str]:
    return [job.state for job in WorkflowRun().jobs(system)]


def test_an_empty_folder_has_no_systems(project, capsys):
    assert WorkflowRun().systems() == []
    main(["status"])
    assert "no run found here" in capsys.readouterr().out


def test_a_folder_that_is_none_of_ours_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["status"], ["status", "--configfile", "a.yaml"], ["why", "results/a"]):
        with pytest.raises(SystemExit, match=r"is no folder of mixtune: config\.yaml not found"):
            main(words)


def test_overlays_of_two_options_are_refused_as_by_snakemake(project):
    with pytest.raises(SystemExit, match=r"a\.yaml would be ignored, .*: --configfile a\.yaml b\.yaml"):
        main(["status", "--configfile", "a.yaml", "--configfile", "b.yaml"])


def test_what_a_run_will_make_is_known_before_it_is_there(running):
    assert WorkflowRun().systems() == [FIRST, SECOND, UNTUNED]


def test_done_running_and_waiting(running):
    assert states(FIRST) == ["done"] * 3
    assert states(SECOND) == ["running", "waiting", "waiting"]
    assert states(UNTUNED) == ["waiting", "waiting"]  # nothing is tuned
    assert [summarise_state(WorkflowRun().jobs(one)) for one in (FIRST, SECOND, UNTUNED)] == [
        "done",
        "running",
        "waiting",
    ]


def test_a_running_job_has_its_share_and_the_time_of_its_last_line(running):
    job, *_ = WorkflowRun().jobs(SECOND)
    assert job.share == 0.25
    assert time.time() - job.last_logged == pytest.approx(5, abs=30)
    assert time.time() - job.started == pytest.approx(60, abs=30)


def test_predictions_count_the_files_that_are_answered(running):
    mark(running, "predict", SECOND, 10)
    put(f"logs/predict/{SECOND}.log", "computing\nwarning: gids: a label\ngeneric/gids: 4 predictions\n")
    assert WorkflowRun().jobs(SECOND)[1].share == 0.5


def test_a_log_of_an_earlier_attempt_is_ignored(running):
    put(f"logs/finetune/{SECOND}.log", "step 8/8 {}\n", before=900)
    job, *_ = WorkflowRun().jobs(SECOND)
    assert (job.state, job.share, job.last_logged) == ("running", None, None)


def test_an_output_of_an_earlier_run_is_not_done_while_it_is_due(running):
    put(output("score", SECOND), before=500)
    assert states(SECOND)[2] == "waiting"
    running._delete_locks()
    assert states(SECOND)[2] == "done"


def test_a_mark_of_a_killed_run_is_not_taken_for_a_running_job(running):
    mark(running, "finetune", SECOND, 5000)
    assert states(SECOND)[0] == "waiting"
    mark(running, "finetune", SECOND, 60)
    running._delete_locks()  # nothing runs
    assert states(SECOND)[0] == "waiting"


def test_failed_jobs_are_failed_until_their_output_is_there(project, capsys):
    outputs = {"finetune": output("finetune", FIRST), "fetch_model": "results/models/m/manifest.json"}
    errors = [
        Event("job_error", time.time(), job=number, rule=rule, output=[path], log=["logs/x.log"])
        for number, (rule, path) in enumerate(outputs.items())
    ]
    log(Event("run_info", time.time(), os.getpid(), socket.gethostname(), total=9), *errors, *errors)  # and a retry
    put(output("predict", FIRST))
    assert states(FIRST) == ["failed", "done", "waiting"]
    assert summarise_state(WorkflowRun().jobs(FIRST)) == "failed"
    main(["status"])
    printed = capsys.readouterr().out
    assert f"failed: finetune {FIRST}; see logs/finetune/{FIRST}.log" in printed
    assert printed.count("failed: fetch_model; see logs/x.log") == 1
    put(output("finetune", FIRST))
    put("results/models/m/manifest.json")
    assert states(FIRST)[0] == "done"
    assert not WorkflowRun().other_failures()


def test_the_rate_counts_what_this_run_has_scored(running, capsys):
    assert WorkflowRun().count_scored(WorkflowRun().jobs(FIRST) + WorkflowRun().jobs(SECOND)) == 1
    main(["status"])
    printed = capsys.readouterr().out
    assert "3 systems: 1 done, 1 running, 1 waiting, 0 failed" in printed
    assert (
        "this run: 3 of 9 jobs and 1 systems in 100 s" in printed
        or "this run: 3 of 9 jobs and 1 systems in 2 min" in printed
    )
    assert "25%" in printed
    assert "no log line" not in printed


def test_a_run_that_has_long_been_silent_may_be_dead(running, capsys):
    before = time.time() - 7200
    log(Event("run_info", before, os.getpid(), socket.gethostname(), total=9))
    os.utime(f"logs/finetune/{SECOND}.log", (before,) * 2)
    main(["status"])
    assert "no log line for 2 h" in capsys.readouterr().out


def test_the_matrix_is_that_of_the_last_run(project, small_matrix, capsys):
    last_run.write(small_matrix, ["gone.yaml"], None)
    main(["status"])
    assert "2 systems: 0 done, 0 running, 2 waiting, 0 failed" in capsys.readouterr().out


def test_a_configuration_of_another_version_is_an_error_with_its_remedy(project):
    last_run.write({"matrix": {}}, [], None)
    with pytest.raises(SystemExit, match=r"mixtune-run\.json: this version .* does not accept .*--configfile"):
        main(["status"])


def test_a_run_without_events_is_named_with_the_option(running, small_matrix, capsys):
    last_run.write(small_matrix, [], None)
    main(["status"])
    assert "no events" not in capsys.readouterr().out
    path = Path(".snakemake") / last_run.NAME
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
    main(["status"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "this run has no events, since it was started without `--logger mixtune`" in printed
    assert "this run: 1 systems in" in printed  # the rest is read from files
    assert states(SECOND) == ["running", "waiting", "waiting"]


def test_unreadable_events_are_counted(project, capsys):
    put(output("predict", FIRST))
    (path,) = Path(".snakemake/log").iterdir()
    path.write_text(path.read_text() + '[]\n{"event": "progress"}\nnot JSON\n{"event": "pro')
    main(["status"])
    assert "3 event(s) of this run are unreadable, and ignored" in capsys.readouterr().out


class Rates:
    """Takes the place of measured rates: 200 s to tune, 40 s to predict."""

    def finetune(self, system):
        return 0.0 if system == UNTUNED else 200.0

    def predict(self, system):
        return None if system == UNTUNED else 40.0


def test_what_is_left_is_the_share_of_running_jobs_and_all_of_the_waiting(running):
    jobs = WorkflowRun().jobs(FIRST) + WorkflowRun().jobs(SECOND)
    seconds, together, unknown = estimate_remaining(jobs, Rates(), time.time())
    # A quarter took 60 s, so that 180 s are left at its own pace, and 40 s of prediction.
    assert seconds == pytest.approx(180 + 40, abs=40)
    assert (together, unknown) == (1, [])


def test_what_no_job_has_measured_is_named(running):
    _, _, unknown = estimate_remaining(WorkflowRun().jobs(UNTUNED), Rates(), time.time())
    assert unknown == ["predict of m with 0 shots"]
