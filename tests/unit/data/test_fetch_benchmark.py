from mixtune.artifacts.manifests import read_json
from mixtune.artifacts.settings import HubSource
from mixtune.data import fetch_benchmark as job
from mixtune.data.settings import FetchBenchmarkSettings


def test_a_copy_is_fetched_into_its_folder_and_pinned(tmp_path, monkeypatch):
    calls = []

    def fetch_hub(*args, **options):
        calls.append((args, options))
        return {"commit": "c0ffee", "files": {}}

    monkeypatch.setattr(job, "fetch_hub", fetch_hub)
    manifest = tmp_path / "results" / "fetched" / "gids" / "manifest.json"
    hub = HubSource(id="Despina/gids", revision="main", config="small")
    job.fetch_benchmark(FetchBenchmarkSettings(benchmark="gids", hub=hub), manifest)
    assert read_json(manifest) == {"commit": "c0ffee", "files": {}}
    pin = tmp_path / "results" / "pins" / "benchmarks" / "gids.json"
    assert calls == [((hub, manifest.parent / "files", pin), {"kind": "dataset", "key": "benchmarks.gids"})]
