"""The list of prepared benchmarks."""

from collections.abc import Iterable
from pathlib import Path

from ..artifacts.manifests import file_sha256, write_json


def gather_benchmarks(manifests: Iterable[Path], output: Path) -> None:
    """Write the SHA-256 of each prepared benchmark's manifest by its name: one file, an input of thousands of jobs."""
    write_json(output, {"benchmarks": {path.parent.name: file_sha256(path) for path in manifests}})
