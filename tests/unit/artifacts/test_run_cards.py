"""Run cards: costs that add up, versions of the code, and the contents of inputs."""

import subprocess

import pytest

from mixtune.artifacts import run_cards
from mixtune.artifacts.manifests import file_sha256, write_json
from mixtune.artifacts.run_cards import Costs, code_version, peak_memory, run_card
from mixtune.artifacts.settings import Settings


class ShotSettings(Settings):
    shots: int


def test_costs_add_up_and_peaks_do_not():
    first, second = Costs(10.0, 4.0, 3, 90, 500, None), Costs(5.0, 1.0, 2, 60, 700, 20)
    assert first + second == Costs(15.0, 5.0, 5, 150, 700, 20)
    assert sum([first, second], Costs()) == second + first


def test_rates_leave_out_the_loading():
    facts = Costs(12.0, 2.0, 30, 900, 1, None).facts()
    assert (facts["examples_per_second"], facts["tokens_per_second"]) == (3.0, 90.0)
    assert (facts["examples_seen"], facts["tokens_seen"], facts["seconds"]) == (30, 900, 12.0)


def test_no_work_has_no_rate():
    assert Costs().facts()["examples_per_second"] is None


def test_the_memory_of_this_process_is_in_bytes():
    found = peak_memory()
    assert 2**24 < found["peak_rss_bytes"] < 2**40
    assert found["peak_gpu_bytes"] is None


def test_a_card_records_what_manifests_name_and_hashes_the_rest(tmp_path):
    manifest, scores = tmp_path / "manifest.json", tmp_path / "scores.json"
    write_json(manifest, {"files": {"train.parquet": "abc"}, "folder": "/elsewhere"})
    scores.write_text("{}")
    card = run_card(
        "aggregate", ShotSettings(code="0123", shots=2), [manifest, scores], ["numpy"], seeds={"training": 1}
    )
    assert card["inputs"] == {str(manifest): {"train.parquet": "abc"}, str(scores): file_sha256(scores)}
    assert (card["rule"], card["seeds"]) == ("aggregate", {"training": 1})
    assert card["settings"] == {"code": "0123", "shots": 2}
    assert card["code"]["hash"] == "0123"
    assert set(card["versions"]) == {"python", "numpy"}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with a file that takes the place of run_cards.py; returns a function that calls git there."""

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        run = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    (tmp_path / "run_cards.py").write_text("X = 1\n")
    git("init")
    git("add", "run_cards.py")
    git("commit", "-m", "one")
    monkeypatch.setattr(run_cards, "__file__", str(tmp_path / "run_cards.py"))
    return git


def test_the_commit_and_whether_files_differ_from_it(repository, tmp_path):
    found = code_version()
    assert (found["commit"], found["changed"]) == (repository("rev-parse", "HEAD"), False)
    (tmp_path / "new.py").write_text("")  # not in git: no change of what is
    assert code_version()["changed"] is False
    (tmp_path / "run_cards.py").write_text("X = 2\n")
    assert code_version()["changed"] is True


def test_an_environment_inside_somebody_elses_repository_has_no_commit(repository, tmp_path, monkeypatch):
    installed = tmp_path / ".venv" / "run_cards.py"
    installed.parent.mkdir()
    installed.write_text("X = 1\n")
    monkeypatch.setattr(run_cards, "__file__", str(installed))
    assert (code_version()["commit"], code_version()["changed"]) == (None, None)


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert code_version()["commit"] is None
