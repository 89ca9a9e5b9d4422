"""What reviewers would otherwise have to look for: form, and the few conventions that rules share."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
RULE = re.compile(r"^rule (\w+):\n((?: {4}.*\n|\n)*)", re.MULTILINE)
SOURCES = [path.read_text(encoding="utf-8") for path in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]]
RULES = {match[1]: match[2] for text in SOURCES for match in RULE.finditer(text)}
JOBS = sorted(RULES.keys() - {"all", "export_mixtures"})  # these run nothing


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))


def normal(package):
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()


def locked():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(re.fullmatch(r"([\w.-]+)==(\S+)", line).groups() for line in lines if line and line[0] != "#")


@pytest.mark.parametrize(
    "command",
    [
        ["snakefmt", "--check", "Snakefile", "workflow/rules"],
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["lint-imports", "--no-logo"],
    ],
    ids=" ".join,
)
def test_form(command):
    run = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_snakemake_finds_nothing_to_complain_about(shipped):
    assert "Congratulations" in shipped.snakemake("--lint").output


def test_all_rules_are_seen_here():
    starts = [name for text in SOURCES for name in re.findall(r"^\s*(?:rule|checkpoint)\s+(\w+)", text, re.MULTILINE)]
    assert sorted(starts) == sorted(RULES)


@pytest.mark.parametrize("rule", JOBS)
def test_a_rule_has_all_that_a_cluster_and_a_reader_need(rule):
    directives = set(re.findall(r"^ {4}(\w+):", RULES[rule], re.MULTILINE))
    assert {"log", "benchmark", "conda", "threads", "resources"} - directives == set()
    assert re.search(r"^ {8}mem_mb=\d+,$", RULES[rule], re.MULTILINE)
    assert re.search(r"^ {8}runtime=\d+,$", RULES[rule], re.MULTILINE)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_fits_a_screen_and_says_once_what_it_does(rule):
    assert len(RULES[rule].rstrip().splitlines()) + 1 <= 36
    docstring, *others = re.findall(r'^ {4}"""(.*)"""$', RULES[rule], re.MULTILINE)
    assert others == []
    assert re.fullmatch(r"[A-Z][a-z-]+ .*\.", docstring), f"a verb and its object, not {docstring!r}"


def test_what_rules_share_fits_one_file():
    assert len((ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8").splitlines()) <= 160


@pytest.mark.parametrize("rule", JOBS)
def test_rule_script_function_and_test_bear_one_name(rule):
    """Rule X runs workflow/scripts/X.py, which calls X of mixtune/<room>/X.py, which tests/unit/<room>/test_X.py tests.

    In reports/ a module bears the name of what it makes.
    """
    script = (ROOT / "workflow/scripts" / f"{rule}.py").read_text(encoding="utf-8")
    (module,) = re.findall(rf"from mixtune\.([\w.]+) import (?:\w+, )*{rule}\b", script)
    room, name = module.rpartition(".")[::2]
    assert name == rule or room.startswith("reports")
    assert (ROOT / "tests/unit" / room.replace(".", "/") / f"test_{name}.py").is_file()


@pytest.mark.parametrize("rule", JOBS)
def test_a_rule_runs_the_script_of_its_name(rule):
    assert re.findall(r"-m workflow\.scripts\.(\w+)", RULES[rule]) == [rule]


def test_every_script_belongs_to_a_rule():
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")} - {"__init__"}
    assert scripts == set(JOBS)


@pytest.mark.parametrize("rule", JOBS)
def test_a_job_on_a_gpu_leases_it_and_has_a_place_in_every_profile(rule):
    on_gpu = re.search(r"^ {8}gpu=1,$", RULES[rule], re.MULTILINE) is not None
    assert ("-m mixtune.devices --count {resources.gpu} --" in RULES[rule]) is on_gpu
    assert (profile("slurm")["set-resources"].get(rule, {}).get("slurm_partition") == "gpu") is on_gpu


@pytest.mark.parametrize("rule", JOBS)
def test_on_two_cores_no_job_waits_for_both(rule):
    threads = int(re.search(r"^ {4}threads: (\d+)$", RULES[rule], re.MULTILINE)[1])
    assert profile("demo")["set-threads"].get(rule, threads) == 1
    assert (rule in profile("demo")["set-threads"]) is (threads > 1)


@pytest.mark.parametrize("rule", JOBS)
def test_what_fetches_is_not_retried_and_what_computes_sets_no_retries(rule):
    # Snakemake's nested processes on a cluster would multiply a rule's own retries; a wrong licence stays wrong.
    found = re.findall(r"^ {4}retries: (.*)", RULES[rule], re.MULTILINE)
    assert found == (["0"] if rule.startswith("fetch_") else [])


@pytest.mark.parametrize("name", sorted({path.name for path in (ROOT / "profiles").iterdir()} - {"default"}))
def test_the_default_profile_overrides_no_other(name):
    # It is always loaded and wins key by key, so that a key which both set would be dead in the other.
    assert profile("default").keys() & profile(name).keys() == set()


def test_the_default_profile_leaves_the_machine_to_others():
    assert profile("default").keys() & {"cores", "jobs", "executor", "resources", "retries"} == set()


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {normal(re.match(r"[\w.-]+", entry)[0]) for group in groups for entry in group}
    assert wanted - {normal(name) for name in locked()} == set()


def test_the_conda_environment_installs_from_the_lock():
    entries = yaml.safe_load((ROOT / "envs/mixtune.yaml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    # Snakemake copies the file to .snakemake/conda/ and calls conda there, and pip starts from where the file is.
    place = ROOT / ".snakemake" / "conda"
    paths = {os.path.normpath(place / entry.split()[1]): entry.split()[0] for entry in pip}
    assert paths == {str(ROOT / "requirements.lock"): "-r", str(ROOT): "-e"}
    python = next(entry for entry in entries if isinstance(entry, str) and entry.startswith("python="))
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert python.removeprefix("python=") == required.removeprefix(">=")
