"""Projects to try the workflow on: a copy of the repository, a tiny random model, the sample corpora."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "demo.yaml", "CITATION.cff", "workflow", "profiles", "resources", "envs", "src")

# What profiles/demo sets: two cells side by side, one thread each.
TWO_CORES = """
cores: 2
resources:
  gpu: 2
set-threads:
  finetune: 1
  predict: 1
"""


def overlay(model: Path) -> dict:
    """The whole matrix of one tiny model, on a few rows of each sample corpus."""
    benchmarks = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["benchmarks"]
    return {
        "matrix": {"models": ["tiny"]},
        "models": {"tiny": {"origin": "path", "path": str(model)}},
        "benchmarks": {name: {"origin": "sample"} for name in benchmarks},
        "mixtures": {name: {"max_rows": 16} for name in ("gentune", "littune", "mixtune")},
        "training": {
            "epochs": 1,
            "batch_size": 4,
            "max_length": 512,
            "validation_rows": 4,
            "lora": {"r": 2, "alpha": 4},
        },
        "prediction": {"max_length": 2048, "max_new_tokens": 4, "test_rows": 4},
    }


@dataclass(frozen=True)
class Run:
    """What a run of Snakemake printed, and the seconds of CPU that it took, its jobs included."""

    output: str
    seconds: float


@dataclass(frozen=True)
class Project:
    """A copy of the repository in a folder of its own, run with its own src/ and without a GPU."""

    folder: Path

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def snakemake(
        self, *arguments: str, profile: str = "profiles/test", status: int = 0, **environment: str | None
    ) -> Run:
        """Run Snakemake as a user would; a file tiny.yaml in the project is its overlay.

        Args:
            arguments: Targets and options.
            status: The exit status to expect.
            environment: Variables to set, or to take away (None).
        """
        variables = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self / "src"),
            "MIXTUNE_DEVICE": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        variables = {name: value for name, value in (variables | environment).items() if value is not None}
        config = ["--configfile", "tiny.yaml"] if (self / "tiny.yaml").is_file() else []
        command = [sys.executable, "-m", "snakemake", *config, "--profile", profile, *arguments]
        before = os.times()
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        after = os.times()
        seconds = sum(
            getattr(after, f"children_{kind}") - getattr(before, f"children_{kind}") for kind in ("user", "system")
        )
        assert run.returncode == status, run.stdout
        return Run(run.stdout, seconds)

    def planned(self, *arguments: str, **environment: str | None) -> Counter[str]:
        """How many jobs of each rule would run (`all`, which runs nothing, left out)."""
        output = self.snakemake(*arguments, "-n", "-q", "rules", **environment).output
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total +\d+$", output, re.MULTILINE | re.DOTALL)
        assert table or "Nothing to be done" in output, output
        jobs = re.findall(r"^(\w+) +(\d+)$", table[1] if table else "", re.MULTILINE)
        return Counter({rule: int(number) for rule, number in jobs if rule != "all"})

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that a file holds once."""
        text = (self / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        (self / path).write_text(text.replace(old, new), encoding="utf-8")

    def configure(self, changes: Mapping) -> None:
        """Merge changes into the overlay, as Snakemake merges an overlay into config.yaml."""
        path = self / "tiny.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        update_config(config, changes)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")

    def copy(self, folder: Path) -> "Project":
        """The same project, results and all, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def pytest_collection_modifyitems(items):
    for item in items:
        if "whole_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny(tiny_tokenizer, tiny_model, tmp_path_factory):
    """The folder of a random Llama of two layers, whose tokenizer has learnt from the sample corpora."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "resources").rglob("*")) if path.is_file()]
    folder = tmp_path_factory.mktemp("model")
    tiny_model(tiny_tokenizer(corpus=texts), folder).unlink()  # its manifest is for fetch_model to write
    return folder


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """A checkout in which nothing has run, with the shipped config.yaml. Not to be changed."""
    folder = tmp_path_factory.mktemp("shipped")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder)
    (folder / "profiles" / "test").mkdir()
    (folder / "profiles" / "test" / "profile.yaml").write_text(TWO_CORES)
    return Project(folder)


@pytest.fixture(scope="session")
def whole_run(shipped, tiny, tmp_path_factory):
    """A project in which the tiny matrix has run, and that run. Not to be changed."""
    project = shipped.copy(tmp_path_factory.mktemp("finished") / "project")
    (project / "tiny.yaml").write_text(yaml.safe_dump(overlay(tiny)), encoding="utf-8")
    return project, project.snakemake()


@pytest.fixture
def project(whole_run, tmp_path):
    """A copy of the finished project, to be changed at will."""
    return whole_run[0].copy(tmp_path / "project")
