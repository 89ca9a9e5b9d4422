"""Download of a benchmark's copy from the hub."""

from pathlib import Path

from ..artifacts.download import fetch_hub
from ..artifacts.manifests import write_json
from .settings import FetchBenchmarkSettings


def fetch_benchmark(settings: FetchBenchmarkSettings, manifest: Path) -> None:
    """Download a copy into `files/` at its pinned commit, and write its manifest.

    Raises:
        SourceError: The hub does not give it, or other bytes than the pin's.
    """
    name, folder = settings.benchmark, manifest.parent
    pin = folder.parents[1] / "pins" / "benchmarks" / f"{name}.json"
    write_json(manifest, fetch_hub(settings.hub, folder / "files", pin, kind="dataset", key=f"benchmarks.{name}"))
