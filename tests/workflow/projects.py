"""Projects to try the workflow on: a copy of the repository, a tiny random model, the sample corpora."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import yaml
from snakemake.utils import update_config

from tests import fork_server

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "demo.yaml", "CITATION.cff", "workflow", "profiles", "resources", "envs", "src")

# What profiles/demo sets: two cells side by side, one thread each.
TWO_CORES = """
cores: 2
resources:
  gpu: 2
set-threads:
  render_training: 1
  render_prompts: 1
  finetune: 1
  predict: 1
  finetune_encoder: 1
  predict_encoder: 1
"""


def overlay(model: Path, encoder: Path) -> dict:
    """The whole matrix of one tiny model, on a few rows of each sample corpus, and one tiny encoder."""
    benchmarks = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["benchmarks"]
    return {
        "matrix": {"models": ["tiny"], "encoders": ["tiny-roberta"]},
        "models": {"tiny": {"origin": "path", "path": str(model)}},
        "encoders": {"tiny-roberta": {"origin": "path", "path": str(encoder)}},
        "benchmarks": {name: {"origin": "sample"} for name in benchmarks},
        "mixtures": {name: {"max_rows": 16} for name in ("gentune", "littune", "mixtune")},
        "training": {
            "epochs": 1,
            "batch_size": 4,
            "max_length": 512,
            "validation_rows": 4,
            "lora": {"r": 2, "alpha": 4},
            "encoder": {"epochs": 1, "batch_size": 4, "max_rows": 8},
        },
        "prediction": {"max_length": 2048, "max_new_tokens": 4, "test_rows": 4},
    }


@dataclass(frozen=True)
class Run:
    """What a run of Snakemake printed."""

    output: str


@dataclass(frozen=True)
class Project:
    """A copy of the repository in a folder of its own, run with its own src/ and without a GPU."""

    folder: Path

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def start(
        self,
        *arguments: str,
        profile: str = "profiles/test",
        detached: bool = False,
        forks: bool = False,
        **environment: str | None,
    ) -> subprocess.Popen:
        """Start Snakemake as a user would; a file tiny.yaml in the project is its overlay.

        Args:
            arguments: Targets and options.
            detached: Whether it is to have a session of its own, and to print into snakemake.log.
            forks: Whether it and its jobs may be forks of tests/fork_server.py, whose process ids and parents
                are none of a user's run.
            environment: Variables to set, or to take away (None).
        """
        python = Path(fork_server.python() if forks else sys.executable)
        variables = os.environ | {
            "PATH": os.pathsep.join([str(python.parent), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(self / "src"),
            "MIXTUNE_DEVICE": "cpu",
            **fork_server.ENVIRONMENT,
        }
        variables = {name: value for name, value in (variables | environment).items() if value is not None}
        config = ["--configfile", "tiny.yaml"] if (self / "tiny.yaml").is_file() else []
        with (self / "snakemake.log").open("a") if detached else nullcontext(subprocess.PIPE) as output:
            return subprocess.Popen(
                [python, "-m", "snakemake", *config, "--profile", profile, *arguments],
                cwd=self.folder,
                env=variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=detached,
            )

    def snakemake(self, *arguments: str, status: int = 0, forks: bool = True, **options: str | None) -> Run:
        """Run Snakemake to its end.

        Args:
            arguments: Targets and options.
            status: The exit status to expect.
            forks, options: As for `start`.
        """
        with self.start(*arguments, forks=forks, **options) as run:
            try:
                output, _ = run.communicate(timeout=1800)
            except BaseException:
                run.kill()
                raise
        assert run.returncode == status, output
        return Run(output)

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

    def write(self, overlay: Mapping) -> None:
        """Make this the overlay."""
        (self / "tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")

    def configure(self, changes: Mapping) -> None:
        """Merge changes into the overlay, as Snakemake merges an overlay into config.yaml."""
        config = yaml.safe_load((self / "tiny.yaml").read_text(encoding="utf-8"))
        update_config(config, changes)
        self.write(config)

    def copy(self, folder: Path) -> "Project":
        """The same project, results and all, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)
