"""Overlays: which are read, and that none is dropped or overruled in silence."""

from pathlib import Path

import pytest

from mixtune.config import overlays
from mixtune.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the shipped config, profiles and overlays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name, text in {
        "demo": "configfile: a.yaml",
        "own": "configfile: [b.yaml]",
        "default": "keep-going: true",
    }.items():
        (tmp_path / "profiles" / name).mkdir(parents=True)
        (tmp_path / "profiles" / name / "profile.yaml").write_text(f"{text}\ncores: 2\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("data_seed: 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--configfile a.yaml --configfile b.yaml", r"a\.yaml would be ignored, .*: --configfile a\.yaml b\.yaml$"),
        ("--configfiles a.yaml -n --configfile=b.yaml", r"a\.yaml would be ignored"),
        ("--profile profiles/demo --configfile b.yaml", r"a\.yaml \(profiles/demo/profile\.yaml\) would be ignored"),
        ("--profile profiles/demo/profile.yaml --configfile b.yaml", r"a\.yaml .* --configfile a\.yaml b\.yaml$"),
        ("--profile profiles/demo --profile profiles/own", r"a\.yaml \(profiles/demo/profile\.yaml\) would be ignored"),
        ("--configfile b.yaml --workflow-profile demo", r"a\.yaml \(profiles/demo/profile\.yaml\) would be ignored"),
        ("--config data_seed=1 -n --config scoring=2", r"--config: data_seed=1 would be ignored"),
        ("-U fetch_model --until fetch_benchmark", "--until: fetch_model would be ignored"),
        ("--resources gpu=1 --res mem_mb=9", "--resources: gpu=1 would be ignored"),
        ("--set-resources finetune:gpu=1 --set-resources predict:gpu=1", "--set-resources: finetune:gpu=1 would be"),
    ],
)
def test_what_snakemake_would_ignore_is_an_error(project, words, problem):
    with pytest.raises(UserError, match=problem):
        overlays.check_command_line(words.split(), [])


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-n",
        "--configfile a.yaml b.yaml --config data_seed=1 reports_x=2",
        "--configfile ./a.yaml --configfile b.yaml a.yaml",
        "--profile profiles/demo",
        "--profile profiles/demo --configfile a.yaml b.yaml",
        "--profile none --workflow-profile none --configfile b.yaml",
        "--configfile a.yaml -- --configfile b.yaml",
        "--resources gpu=1 mem_mb=2 --set-threads finetune=1 --set-resource-scopes gpu=global --force",
    ],
)
def test_what_is_read_is_no_problem(project, words):
    overlays.check_command_line(words.split(), [project / "a.yaml"])


def test_the_profile_of_the_environment_counts(project, monkeypatch):
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "profiles/demo")
    with pytest.raises(UserError, match=r"a\.yaml \(profiles/demo/profile\.yaml\) would be ignored"):
        overlays.check_command_line(["--configfile", "b.yaml"], [])
    overlays.check_command_line(["--profile", "profiles/own", "--configfile", "b.yaml"], [])


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("data_seed: 1\ntraining: {epochs: 1}\ndata_seed: 2\n", ["x:3: data_seed is set on line 1, too"]),
        ("matrix:\n  shots: [0]\n  'shots': [2]\n  seeds: [1]\n", ["x:3: matrix.shots is set on line 2, too"]),
        ("a: [{b: 1, c: 2, b: 3}]\na: 4\n", ["x:2: a is set on line 1, too", "x:1: a[0].b is set on line 1, too"]),
        ('{\n\t"a": 1,\n\t"a": 2\n}\n', ["x:3: a is set on line 2, too"]),
        ("a: &a {b: 1}\nc: *a\nd:\n  <<: *a\n  <<: *a\n  b: 2\n", []),
        ("a: &a [*a]\n", []),
        ("", []),
        ("a: [", []),  # for whoever loads it
    ],
)
def test_a_key_given_twice_is_found_with_its_lines(tmp_path, monkeypatch, text, problems):
    monkeypatch.chdir(tmp_path)
    Path("x").write_text(text)
    assert [problem.removeprefix("  - ") for problem in overlays._find_duplicates(Path("x"))] == problems


@pytest.mark.parametrize("name", ["config.yaml", "a.yaml", "profiles/demo/profile.yaml"])
def test_duplicate_keys_are_an_error_in_each_file_of_a_run(project, name):
    path = project / name
    path.write_text(path.read_text() + "\ncores: 1\ncores: 2\n")
    with pytest.raises(UserError, match=rf"{name}:\d+: cores is set on line \d+, too"):
        overlays.check_command_line(["--profile", "profiles/demo"], [project / "a.yaml"])


def test_later_overlays_win_and_shipped_files_have_no_duplicates(project):
    Path("b.yaml").write_text("data_seed: 2\n")
    assert overlays.load_files(["a.yaml", "b.yaml"]).data_seed == 2
    assert overlays.load_files(["b.yaml", "a.yaml"]).data_seed == 1
    for path in (*ROOT.glob("*.yaml"), *ROOT.glob("profiles/*/*.yaml"), *ROOT.glob("docs/examples/*.yaml")):
        assert list(overlays._find_duplicates(path)) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"x\.yaml not found; correct --configfile"),
        (b"", r"x\.yaml: Config file must be given as JSON or YAML with keys at top level"),
        (b"- a\n", r"x\.yaml: Config file must be given"),
        (b"a: [", r"x\.yaml: Config file is not valid JSON or YAML"),
        (b"a: \xff", r"x\.yaml cannot be read \(.*utf-8"),
        (b"data_seed: 1\ndata_seed: 2\n", r"x\.yaml:2: data_seed is set on line 1, too"),
        (b"matrix: {models: all}", r"matrix\.models: 'all' is not possible \(input should be a valid list\)"),
        (b"training: {epochs: .nan}", r"training\.epochs: nan is not possible"),
        (b"training: {learning_rate: .inf}", r"training\.learning_rate: inf is not possible"),
        (b"prediction: {max_new_tokens: 0}", r"prediction\.max_new_tokens: 0 is not possible"),
        (b"matrix:", r"matrix: None is not a mapping"),
    ],
)
def test_an_overlay_that_is_none_is_named(project, content, problem):
    if content is not None:
        Path("x.yaml").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        overlays.load_files(["x.yaml"])


def test_a_folder_is_no_overlay_and_another_folder_is_none_of_ours(project, monkeypatch):
    with pytest.raises(UserError, match=r"profiles cannot be read \(.*directory.*correct --configfile"):
        overlays.load_files(["profiles"])
    monkeypatch.chdir("profiles")
    with pytest.raises(UserError, match=r"profiles is no folder of mixtune: config\.yaml not found"):
        overlays.load_files([])
    Path("config.yaml").write_text("samples: samples.tsv\ntraining: {}\n")
    with pytest.raises(UserError, match=r"profiles is no folder of mixtune: .* lacks 15 of 16 sections"):
        overlays.load_files([])


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("nowhere", None, "nowhere: profile.yaml not found; correct --profile"),
        ("", None, "'': profile.yaml not found"),
        ("profiles/bad", "[", "profile.yaml: not valid YAML"),
        ("profiles/bad", "- a", "profile.yaml: not a mapping"),
        ("profiles/bad", "cores: 1\ncores: 2", "cores is set on line 1, too"),
    ],
)
def test_a_profile_that_is_none_is_named(project, name, content, problem):
    if content is not None:
        (project / name).mkdir()
        (project / name / "profile.yaml").write_text(content)
    with pytest.raises(UserError, match=problem):
        overlays.read_profile(name)


def test_a_profile_may_be_a_file_and_its_overlay_next_to_it(project):
    Path("profiles/demo/a.yaml").write_text("data_seed: 3\n")
    settings, sources = overlays.read_profile("profiles/demo/profile.yaml")
    assert settings["cores"] == 2
    assert overlays.select(sources) == ["profiles/demo/a.yaml"]
