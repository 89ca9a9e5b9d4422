"""Where a result came from: a small project written by hand."""

import json
import os
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from mixtune.artifacts.manifests import file_sha256, write_json, write_manifest
from mixtune.errors import UserError
from mixtune.runs import provenance
from mixtune.runs.provenance import trace


def put(path: str, text: str = "x") -> Path:
    made = Path(path)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(text)
    return made


@pytest.fixture
def project(tmp_path, monkeypatch):
    """native.csv → a benchmark → a score → a table, each recorded by Snakemake."""
    from snakemake.persistence.file import FilePersistence

    monkeypatch.chdir(tmp_path)
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    persistence_of = {}

    def note(output: str, rule: str, inputs: list[str], **settings):
        written = {
            "rule": rule,
            "params": [repr(json.dumps(settings))],
            "input": inputs,
            "input_checksums": {
                name: f"sha256:{file_sha256(Path(name))}" for name in inputs if name not in persistence_of
            },
            "starttime": time.time() - 5,
            "endtime": time.time(),
        }
        persistence._io_write(persistence._metadata_path, written, output)

    put("data/toy/train.csv")
    put("data/toy/test.csv")
    benchmark = Path("results/benchmarks/toy/manifest.json")
    write_manifest(benchmark, [put("results/benchmarks/toy/test.parquet"), put("results/benchmarks/toy/labels.json")])
    note(str(benchmark), "prepare_benchmark", ["data/toy/train.csv", "data/toy/test.csv"], benchmark="toy")
    note("results/benchmarks/toy/test.parquet", "prepare_benchmark", ["data/toy/train.csv"], benchmark="toy")
    put("results/scores/s.json", "{}")
    note("results/scores/s.json", "score", [str(benchmark), "results/benchmarks/toy/test.parquet"], negatives="paper")
    put("reports/tables/matrix.csv")
    note("reports/tables/matrix.csv", "aggregate", ["results/scores/s.json"], setup={"shots": [0]})
    return tmp_path


def test_a_table_leads_to_the_native_files(project):
    table = trace(Path("reports/tables/matrix.csv"))
    (score,) = table.inputs
    (benchmark,) = score.inputs  # its manifest represents the file that it names
    (source,) = benchmark.inputs
    rules = [node.rule for node in (table, score, benchmark, source)]
    assert rules == ["aggregate", "score", "prepare_benchmark", ""]
    assert (score.settings, table.settings) == ({"negatives": "paper"}, {"setup": {"shots": [0]}})
    assert source.path == Path("data/toy")
    assert source.facts == ["native files: train.csv, test.csv"]
    assert not [node.changes for node in (table, score, benchmark) if node.changes]


@pytest.mark.parametrize(
    "path", ["results/benchmarks/toy", "./results/benchmarks/toy/manifest.json", "results/benchmarks/toy/labels.json"]
)
def test_a_folder_and_a_file_of_a_manifest_are_its_job(project, path):
    assert trace(Path(path)).rule == "prepare_benchmark"
    assert trace(project / path).rule == "prepare_benchmark"


def test_changed_and_lost_files_are_noted(project):
    put("results/benchmarks/toy/test.parquet", "other")
    put("data/toy/train.csv", "other")
    Path("data/toy/test.csv").unlink()
    found = trace(Path("results/benchmarks/toy"))
    assert found.changes == [
        "input data/toy/train.csv has changed",
        "input data/toy/test.csv is missing",
        "test.parquet has changed",
    ]


def test_a_large_file_is_hashed_on_request(project, monkeypatch):
    monkeypatch.setattr(provenance, "LARGE", 1)
    put("results/benchmarks/toy/test.parquet", "other")
    found = trace(Path("results/benchmarks/toy"))
    assert not found.changes
    assert "test.parquet not compared: it is large (--all compares it)" in found.facts
    assert trace(Path("results/benchmarks/toy"), hash_all=True).changes == ["test.parquet has changed"]


def test_a_large_input_is_known_by_its_time_alone(project):
    """Snakemake notes no contents of inputs above its limit."""
    for path in Path(".snakemake/metadata").rglob("*"):
        if path.is_file():
            path.write_text(json.dumps(json.loads(path.read_text()) | {"input_checksums": {}}))
    assert not trace(Path("results/benchmarks/toy")).changes
    os.utime("data/toy/train.csv", (time.time() + 60,) * 2)
    (change,) = trace(Path("results/benchmarks/toy")).changes
    assert "data/toy/train.csv was written since" in change


def test_the_code_of_today_is_compared(project):
    script = put("workflow/scripts/score.py", "X = 1\n")
    from mixtune.runs.code_hash import code_hash

    path = next(p for p in Path(".snakemake/metadata").rglob("*") if p.is_file() and '"score"' in p.read_text())
    settings = {"code": code_hash(script)}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"params": [repr(json.dumps(settings))]}))
    assert not trace(Path("results/scores/s.json")).changes
    path.write_text(path.read_text().replace(settings["code"], "0" * 16))
    (change,) = trace(Path("results/scores/s.json")).changes
    assert change == f"the code of rule score has changed: now {settings['code']}, was {'0' * 16}"


def test_a_run_card_is_used_where_snakemake_has_no_record(project):
    path = put("results/adapters/a/adapter_model.safetensors")
    card = {
        "rule": "finetune",
        "settings": {"r": 2},
        "inputs": {"results/benchmarks/toy/manifest.json": {"test.parquet": "00"}},
        "code": {"version": "0.1.0", "commit": "abc", "changed": True},
        "versions": {"torch": "2"},
        "device": "a device",
        "dtype": "torch.bfloat16",
        "threads": 2,
        "peak_rss_bytes": 2**30,
    }
    write_json(path.parent / "run_card.json", card)
    write_manifest(path.parent / "manifest.json", [path, path.parent / "run_card.json"])
    found = trace(path.parent)
    assert (found.rule, found.settings) == ("finetune", {"r": 2})
    assert "Snakemake has no record of it" in found.facts[0]
    assert found.facts[1:] == [
        "by mixtune 0.1.0 at commit abc, with changes; torch 2",
        "on a device, bfloat16, 2 threads",
        "peak host memory 1.00 GiB",
    ]
    assert found.changes == ["input results/benchmarks/toy/manifest.json has changed"]
    assert [node.rule for node in found.inputs] == ["prepare_benchmark"]


def test_a_card_of_other_settings_is_not_this_files_card(project):
    """As where an adapter was tuned anew and its card copied from elsewhere."""
    write_json(Path("results/benchmarks/toy/run_card.json"), {"rule": "x", "settings": {"other": 1}})
    assert trace(Path("results/benchmarks/toy")).rule == "prepare_benchmark"


def test_a_copy_from_the_hub_has_its_commit(project):
    """Its files are in a folder of their own next to the manifest."""
    path = put("results/fetched/toy/files/data/train.parquet")
    manifest = Path("results/fetched/toy/manifest.json")
    write_json(manifest, {"commit": "abc", "files": {"data/train.parquet": file_sha256(path)}})
    source = next(p for p in Path(".snakemake/metadata").rglob("*") if p.is_file() and '"score"' in p.read_text())
    source.with_name(urlsafe_b64encode(str(manifest).encode()).decode()).write_text(
        json.dumps(json.loads(source.read_text()) | {"rule": "fetch_benchmark", "input": [], "input_checksums": {}})
    )
    found = trace(path)
    assert (found.rule, found.changes) == ("fetch_benchmark", [])
    assert "commit abc" in trace(manifest).facts
    path.write_text("other")
    assert trace(manifest).changes == ["train.parquet has changed"]


def test_what_has_no_record_is_an_error(project):
    with pytest.raises(UserError, match="nowhere not found"):
        trace(Path("nowhere"))
    with pytest.raises(UserError, match="provenance not found"):
        trace(put("results/stray.txt"))
