"""`snakemake export_mixtures`: a data set for each mixture, with no model and no training."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from mixtune.artifacts.manifests import is_complete

MIXTURES = ("gentune", "littune", "mixtune")
SPLITS = [f"{split}_{shots}" for shots in (0, 2) for split in ("train", "eval", "test")]
LOAD = """\
import json, sys
from datasets import load_dataset

splits = load_dataset(sys.argv[1])
facts = {name: [rows.column_names, rows["benchmark"][:], rows[0]["messages"]] for name, rows in splits.items()}
print(json.dumps(facts))
"""


def loaded(folder, home):
    """Columns, sources of the rows, and first conversation of each split, as `datasets` loads a folder offline."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    run = subprocess.run([sys.executable, "-c", LOAD, folder], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def exported(shipped, tmp_path_factory):
    """A project that has exported its mixtures of the sample corpora, and nothing else. Not to be changed."""
    project = shipped.copy(tmp_path_factory.mktemp("exported") / "project")
    benchmarks = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))["benchmarks"]
    overlay = {
        "benchmarks": {name: {"origin": "sample"} for name in benchmarks},
        "mixtures": {name: {"max_rows": 64} for name in MIXTURES},
    }
    (project / "tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    project.snakemake("export_mixtures")
    return project


def test_it_needs_no_model_and_trains_nothing(exported):
    assert {path.name for path in (exported / "results").iterdir()} == {
        "benchmarks", "mixtures", "exports", "runtimes"
    }  # fmt: skip


def test_a_mixture_loads_with_its_splits_and_columns(exported, tmp_path):
    folder = exported / "results/exports/mixtune"
    assert is_complete(folder / "manifest.json")
    splits = loaded(folder, tmp_path)
    assert list(splits) == SPLITS
    for split, (columns, benchmarks, messages) in splits.items():
        assert columns == ["messages", "relation", "benchmark", "id"]
        assert len(messages) == (3 if split.endswith("_0") else 7)
        assert len(set(benchmarks)) == 9  # sample corpora may all be passed on
    assert len(splits["train_0"][1]) == 64


def test_afterwards_nothing_is_to_be_done(exported):
    assert "Nothing to be done" in exported.snakemake("export_mixtures", "-n").output


def test_it_is_no_part_of_all(exported):
    assert "export_mixture" not in exported.planned()


def test_licensed_rows_stay_out_until_the_configuration_names_them(exported, tmp_path):
    project = exported.copy(tmp_path / "project")
    card = project / "results/exports/gentune/README.md"
    tacred = {"origin": "path", "path": "resources/sample/tacred", "expect": "any"}
    project.configure({"benchmarks": {"tacred": tacred}})
    project.snakemake("export_mixtures")
    assert "export: {licensed: [tacred]}" in card.read_text(encoding="utf-8")
    assert "tacred" not in loaded(project / "results/exports/gentune", tmp_path / "home")["test_0"][1]
    project.configure({"export": {"licensed": ["tacred"]}})
    assert project.planned("export_mixtures") == {"export_mixture": 2, "export_mixtures": 1}  # LitTune has no TACRED
    project.snakemake("export_mixtures")
    assert "**Do not publish this folder.** It holds rows of TACRED," in card.read_text(encoding="utf-8")
    assert "tacred" in loaded(project / "results/exports/gentune", tmp_path / "home")["test_0"][1]
