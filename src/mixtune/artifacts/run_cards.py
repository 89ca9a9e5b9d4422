"""Run cards: the inputs, settings, code, versions and costs of a result. No job depends on them."""

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from .manifests import Manifest, file_sha256, read_json, write_json
from .settings import Settings

if TYPE_CHECKING:  # jobs of tables do not load torch
    import torch

NAME = "run_card.json"
TABLE_PACKAGES = ("numpy", "pandas", "pyarrow")
CELL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers")


class CodeVersion(TypedDict):
    """See `code_version`."""

    version: str | None
    commit: str | None
    changed: bool | None


class CodeFacts(CodeVersion):
    """The code that made a result; see `runs.code_hash` for `hash`."""

    hash: str


class RunCard(TypedDict):
    """The entries of all run cards, and those that only some have: see `run_card`."""

    rule: str
    settings: dict[str, object]
    inputs: dict[str, str | dict[str, str]]
    code: CodeFacts
    versions: dict[str, str]
    files: NotRequired[dict[str, str]]
    scratch: NotRequired[str | list[str]]


class DeviceFacts(TypedDict):
    """See `device_facts`."""

    device: str
    dtype: str
    threads: int


class CostFacts(TypedDict):
    """See `Costs.facts`."""

    seconds: float
    loading_seconds: float
    examples_seen: int
    tokens_seen: int
    examples_per_second: float | None
    tokens_per_second: float | None
    peak_rss_bytes: int
    peak_gpu_bytes: int | None


class MeasuredCard(RunCard, DeviceFacts, CostFacts):
    """run_card.json of an adapter or of its predictions; the latter also has the costs of each condition."""

    conditions: NotRequired[dict[str, CostFacts]]


@dataclass(frozen=True)
class Costs:
    """Time, rows and memory of a piece of work; pieces add up, also over several processes.

    Attributes:
        seconds: Wall time.
        loading_seconds: The part of it before the first row, while the model was loaded.
        rows, tokens: Rows that went through the model, and all their tokens.
        peak_rss_bytes: Peak memory of a process on the host.
        peak_gpu_bytes: Peak memory of tensors on the device; None on the CPU.

    >>> Costs(seconds=10.0, rows=3, peak_rss_bytes=500) + Costs(seconds=5.0, rows=2, peak_rss_bytes=700)
    Costs(seconds=15.0, loading_seconds=0.0, rows=5, tokens=0, peak_rss_bytes=700, peak_gpu_bytes=None)
    """

    seconds: float = 0.0
    loading_seconds: float = 0.0
    rows: int = 0
    tokens: int = 0
    peak_rss_bytes: int = 0
    peak_gpu_bytes: int | None = None

    def __add__(self, other: "Costs") -> "Costs":
        peaks = [peak for peak in (self.peak_gpu_bytes, other.peak_gpu_bytes) if peak is not None]
        return Costs(
            self.seconds + other.seconds,
            self.loading_seconds + other.loading_seconds,
            self.rows + other.rows,
            self.tokens + other.tokens,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
            max(peaks, default=None),
        )

    def facts(self) -> CostFacts:
        """Return these costs for a run card, with rows and tokens per second of the time after loading."""
        working = self.seconds - self.loading_seconds
        return {
            "seconds": round(self.seconds, 3),
            "loading_seconds": round(self.loading_seconds, 3),
            "examples_seen": self.rows,
            "tokens_seen": self.tokens,
            "examples_per_second": round(self.rows / working, 3) if working > 0 else None,
            "tokens_per_second": round(self.tokens / working, 1) if working > 0 else None,
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_gpu_bytes": self.peak_gpu_bytes,
        }


class PeakMemory(TypedDict):
    """Peak memory of this process, under the names of `Costs`."""

    peak_rss_bytes: int
    peak_gpu_bytes: int | None


class StoredCosts(PeakMemory):
    """The fields of `Costs`, as scratch/ stores them."""

    seconds: float
    loading_seconds: float
    rows: int
    tokens: int


def peak_memory(device: str = "cpu") -> PeakMemory:
    """Return the peak memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if device != "cuda":
        return {"peak_rss_bytes": peak, "peak_gpu_bytes": None}
    import torch

    return {"peak_rss_bytes": peak, "peak_gpu_bytes": torch.cuda.max_memory_allocated()}


def device_name(device: str) -> str:
    """Return the vendor's name of the device "cuda" or "cpu" of this process."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "cpu")


def device_facts(device: str, dtype: "torch.dtype") -> DeviceFacts:
    """Return the device, dtype and threads that a model computed with, for a run card."""
    import torch

    return {"device": device_name(device), "dtype": str(dtype), "threads": torch.get_num_threads()}


def content_hashes(path: Path) -> str | dict[str, str]:
    """Return the SHA-256 of a file; of a manifest, the SHA-256 of each file that it names."""
    return read_json(path, Manifest)["files"] if path.name == "manifest.json" else file_sha256(path)


def run_card(
    rule: str, settings: Settings, inputs: Iterable[Path], packages: Iterable[str], **facts: object
) -> dict[str, object]:
    """Return a run card.

    Args:
        rule: The rule that made the result.
        settings: The job's settings; their `code` is the hash of the code that ran.
        inputs: Files that the job read; of a manifest, the hashes of its files are recorded.
        packages: Packages whose versions are recorded.
        facts: Further entries.
    """
    return {
        "rule": rule,
        "settings": settings.as_json(),
        "inputs": {path.as_posix(): content_hashes(path) for path in inputs},
        "code": {"hash": settings.code, **code_version()},
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        **facts,
    }


def write_table_card(
    rule: str,
    path: Path,
    tables: Iterable[str],
    settings: Settings,
    inputs: Iterable[Path],
    begin: float,
    **facts: object,
) -> None:
    """Write the run card of tables that are stored in its folder as CSV and Markdown.

    Args:
        begin: `time.monotonic()` at the start of the work.
        rule, settings, inputs, facts: As for `run_card`.
    """
    files = [path.with_name(f"{table}.{ending}") for table in tables for ending in ("csv", "md")]
    facts |= {"files": {file.name: file_sha256(file) for file in files}}
    facts |= {"seconds": round(time.monotonic() - begin, 1), "peak_rss_bytes": peak_memory()["peak_rss_bytes"]}
    write_json(path, run_card(rule, settings, inputs, TABLE_PACKAGES, **facts))


def code_version() -> CodeVersion:
    """Return the package's version; in a git checkout also the commit, and whether tracked files differ from it."""
    try:
        installed = version("mixtune")
    except PackageNotFoundError:  # src/ is on PYTHONPATH
        installed = None
    here = Path(__file__)
    # The file itself must be tracked: a virtual environment may be inside another repository.
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    return {
        "version": installed,
        "commit": tracked and _git(here.parent, "rev-parse", "HEAD"),
        "changed": bool(_git(here.parent, "status", "--porcelain", "--untracked-files=no", "--", ":/"))
        if tracked
        else None,
    }


def _git(folder: Path, *arguments: str) -> str | None:
    """Return git's output; None where git, the repository or the file is missing."""
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None
