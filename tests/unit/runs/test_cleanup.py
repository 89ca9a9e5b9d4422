"""scratch/: what each entry is, what may go, and that nothing goes which a job holds."""

import fcntl
import os
import time

import pytest

from mixtune.artifacts.cache import sign
from mixtune.artifacts.manifests import write_json
from mixtune.cli import main
from mixtune.runs.cleanup import hold, list_entries, removable, remove

RESULT = "results/adapters/m/gentune/0-shot/seed-{}/manifest.json"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with an entry of each state: aa current, bb superseded, cc unfinished, dd unknown, ee running."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("aa", 1), ("bb", 1), ("cc", 2), ("ee", 3)):
        sign(tmp_path / "scratch/finetune" / name, tmp_path.joinpath(RESULT.format(seed)).relative_to(tmp_path))
    write_json(tmp_path / RESULT.format(1).replace("manifest", "run_card"), {"scratch": "finetune/aa"})
    (tmp_path / "scratch/perf/dd").mkdir(parents=True)
    (tmp_path / "scratch/perf/dd/model").write_bytes(b"x" * 5000)
    for name in ("bb", "cc", "ee"):
        checkpoint = tmp_path / f"scratch/finetune/{name}/checkpoints/checkpoint-2"
        checkpoint.mkdir(parents=True)
        (checkpoint / "optimizer.pt").write_bytes(b"x" * 1000)
    (tmp_path / "scratch/finetune/cc/lock").touch()  # of a job that has ended
    with (tmp_path / "scratch/finetune/ee/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def found(project):
    return {entry.folder.name: entry for entry in list_entries(project / "scratch", project / "results")}


def chosen(project, **options):
    criteria = {"everything": False, "checkpoints": False, "older_than": 0.0} | options
    time.sleep(0.01)  # an age of 0 days is already over
    return {entry.folder.name for entry in removable(list(found(project).values()), **criteria)}


def there(project):
    return {path.name for path in (project / "scratch").glob("*/*")}


def test_every_entry_has_its_state(project):
    states = {name: entry.state for name, entry in found(project).items()}
    assert states == {"aa": "current", "bb": "superseded", "cc": "unfinished", "dd": "unknown", "ee": "running"}


def test_sizes_and_results_are_listed_and_the_largest_is_first(project):
    listed = list_entries(project / "scratch", project / "results")
    assert listed[0].folder.name == "dd"
    assert (listed[0].bytes, listed[0].checkpoints, listed[0].result) == (5000, 0, None)
    assert found(project)["cc"].checkpoints == 1000
    assert found(project)["cc"].result.as_posix() == RESULT.format(2)


def test_only_what_is_superseded_goes_unless_more_is_chosen(project):
    assert chosen(project) == {"bb"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"everything": True}, {"aa", "bb", "cc", "dd"}),
        ({"checkpoints": True}, {"bb", "cc"}),
        ({"everything": True, "older_than": 2.0}, {"cc"}),
    ],
    ids=["all", "checkpoints", "old"],
)
def test_what_a_job_holds_never_goes(project, options, expected):
    for path in (project / "scratch/finetune/cc").rglob("*"):
        os.utime(path, (0, time.time() - 3 * 86_400))
    assert chosen(project, **options) == expected


def test_a_job_that_begins_between_listing_and_removing_keeps_its_entry(project):
    entry = project / "scratch/finetune/cc"
    with (entry / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove(entry, entry) is False
        with hold(entry) as free:
            assert not free
    assert entry.is_dir()
    assert remove(entry, entry) is True
    assert not entry.exists()


def test_the_command_lists_and_removes_with_yes_alone(project, capsys):
    everything = there(project)
    main(["clean", "--all"])
    output = capsys.readouterr().out
    assert "4 entries would be removed; add --yes" in output
    assert there(project) == everything
    main(["clean", "--yes"])
    assert there(project) == everything - {"bb"}
    main(["clean", "--checkpoints", "--yes"])
    assert there(project) == everything - {"bb"}
    assert not (project / "scratch/finetune/cc/checkpoints").exists()
    assert (project / "scratch/finetune/ee/checkpoints").is_dir()
    main(["clean", "--all", "--yes"])
    assert there(project) == {"ee"}


def test_a_folder_without_scratch_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="folder scratch not found"):
        main(["clean"])
