"""What docs/ say of runs is so: columns and keys of files, no more and no less, and the jobs of the demo."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from mixtune.artifacts.manifests import Manifest
from mixtune.artifacts.run_cards import MeasuredCard, RunCard
from mixtune.baselines.formats import EncoderCard
from mixtune.data.formats import Audit, BenchmarkList, LabelInventory, MixtureManifest
from mixtune.evaluation.formats import ArmIntervals, ScoreFile
from mixtune.models.formats import ModelManifest
from mixtune.prompts.formats import PromptsManifest, RenderedManifest
from mixtune.training.formats import FinetuneCard
from tests.fixtures.formats import misfits
from tests.workflow.projects import ROOT

PAGE = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
# By the path of each documented file, in which words in capitals are placeholders: the first column of its table.
DOCUMENTED = {
    path: re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
    for heading, text in re.findall(r"^### (`.+)\n((?:(?!##).*\n)*)", PAGE, re.MULTILINE)
    for path in re.findall(r"`([^`]+)`", heading)
}
TABLES = {path: names for path, names in DOCUMENTED.items() if path.endswith((".parquet", ".csv"))}
JSON = {path: names for path, names in DOCUMENTED.items() if path.endswith(".json")}

# The type that describes the files of a pattern, in which `*` matches any number of folders, too.
FORMATS = {
    "*/manifest.json": Manifest,
    "*/run_card*.json": RunCard,
    "results/models/*/manifest.json": ModelManifest,
    "results/benchmarks/all.json": BenchmarkList,
    "results/benchmarks/*/labels.json": LabelInventory,
    "results/benchmarks/*/audit.json": Audit,
    "results/mixtures/*/manifest.json": MixtureManifest,
    "results/rendered/*/training/*/manifest.json": RenderedManifest,
    "results/rendered/*/prompts/*/manifest.json": PromptsManifest,
    "results/adapters/*/run_card.json": FinetuneCard,
    "results/predictions/tiny/*/run_card.json": MeasuredCard,
    "results/encoders/*/run_card.json": EncoderCard,
    "results/scores/*.json": ScoreFile,
    "results/intervals/*.json": list[ArmIntervals],
}


def pattern(path: str) -> re.Pattern[str]:
    """The paths that match a documented one; a system's has several parts, and a bare name is a file's anywhere."""
    names = {"N": r"\d+", "S": r"\d+", "SYSTEM": ".+", "SERIES": ".+"}
    literal = path.replace(".", r"\.").replace("*", "[^/]*")
    found = re.sub(r"\b[A-Z]+\b", lambda word: names.get(word[0], "[^/]+"), literal)
    return re.compile(found if "/" in path else f".*/{found}")


@pytest.fixture(scope="module")
def written(whole_run):
    """The tables and JSON files that the run wrote, by their paths; not those whose format is a library's."""
    project, _ = whole_run
    foreign = {"adapter_config.json", "tokenizer.json", "tokenizer_config.json", "config.json"}
    paths = [file for folder in ("results", "reports") for file in sorted((project / folder).rglob("*"))]
    kinds = (".parquet", ".csv", ".json")
    return {
        file.relative_to(project.folder).as_posix(): file
        for file in paths
        if file.suffix in kinds and file.name not in foreign
    }


def columns(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return pq.read_schema(file).names
    return file.open(encoding="utf-8").readline().rstrip().split(",")


@pytest.mark.parametrize("path", TABLES)
def test_a_table_has_the_documented_columns(written, path):
    benchmarks = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["matrix"]["benchmarks"]
    wanted = [name for one in TABLES[path] for name in (benchmarks if one == "BENCHMARK" else [one])]
    files = [file for name, file in written.items() if pattern(path).fullmatch(name)]
    assert {tuple(columns(file)) for file in files} == {tuple(wanted)}


@pytest.mark.parametrize("path", JSON)
def test_a_json_file_has_the_documented_keys(written, path):
    files = [file for name, file in written.items() if pattern(path).fullmatch(name)]
    contents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    found = {key for part in contents for one in (part if isinstance(part, list) else [part]) for key in one}
    of_frontier = "requests answered_by answered_from answered_until cut_answers input_tokens output_tokens cost"
    elsewhere = {  # adapters that exist, exports, evaluation-only benchmarks and frontier models are not in this run
        "manifest.json": {"warnings", "rows", "evaluation_only"},
        "run_card*.json": {*of_frontier.split(), "requests_with_estimated_tokens"},
    }
    assert found == set(JSON[path]) - elsewhere.get(path, set())


@pytest.mark.parametrize("path", FORMATS)
def test_a_json_file_is_of_the_type_that_describes_it(written, path):
    files = {name: json.loads(file.read_text("utf-8")) for name, file in written.items() if fnmatch(name, path)}
    assert files
    assert [name + misfit for name, value in files.items() for misfit in misfits(value, FORMATS[path])] == []


def test_every_json_file_has_a_type():
    """Of a documented path, whose words in capitals are names."""
    assert [
        path for path in JSON if not any(fnmatch(path if "/" in path else f"/{path}", one) for one in FORMATS)
    ] == []


def test_every_file_is_documented(written):
    patterns = [pattern(path) for path in DOCUMENTED]
    assert [name for name in written if not any(one.fullmatch(name) for one in patterns)] == []


def test_the_tutorial_counts_the_jobs_of_the_demo(shipped):
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    documented = re.findall(r"^(\w+) +(\d+)$", text.split("```")[1], re.MULTILINE)
    planned = shipped.planned(profile="profiles/demo")
    assert documented
    assert {rule: planned[rule] for rule, _ in documented} == {rule: int(number) for rule, number in documented}
