"""Run cards: what a result was made from and with, and what making it took. No other job depends on them."""

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .manifests import file_sha256, read_json, write_json
from .settings import Settings

NAME = "run_card.json"
TABLE_PACKAGES = ("numpy", "pandas", "pyarrow")
CELL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers")


@dataclass(frozen=True)
class Costs:
    """What a piece of work took; pieces add up, whatever processes did them.

    Attributes:
        seconds: Wall time.
        loading_seconds: How much of it went by before the first row, while the model was loaded.
        rows, tokens: What went through the model: rows, and the tokens of each of them.
        peak_rss_bytes: The most memory of the host that a process held.
        peak_gpu_bytes: The most memory of the device that tensors took; None on the CPU.
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

    def facts(self) -> dict[str, Any]:
        """For a card: these costs, with rows and tokens a second of the time after loading."""
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


def memory(device: str = "cpu") -> dict[str, int | None]:
    """The most memory that this process has held so far, in bytes, as `Costs` names it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if device != "cuda":
        return {"peak_rss_bytes": peak, "peak_gpu_bytes": None}
    import torch

    return {"peak_rss_bytes": peak, "peak_gpu_bytes": torch.cuda.max_memory_allocated()}


def device_name(device: str) -> str:
    """What the maker calls the device "cuda" or "cpu" of this process."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "cpu")


def placed(device: str, dtype: Any) -> dict[str, Any]:
    """Where a model computed, for a card: its device, dtype and threads."""
    import torch

    return {"device": device_name(device), "dtype": str(dtype), "threads": torch.get_num_threads()}


def contents(path: Path) -> Any:
    """What a file holds, by SHA-256: that of each file of a manifest, else its own."""
    return read_json(path)["files"] if path.name == "manifest.json" else file_sha256(path)


def run_card(
    rule: str, settings: Settings, inputs: Iterable[Path], packages: Iterable[str], **facts: Any
) -> dict[str, Any]:
    """A run card.

    Args:
        rule: What made the result.
        settings: The job's resolved settings; their `code` is the hash of the code that ran.
        inputs: Files that the job read; of manifests, the files that they name are told.
        packages: Whose versions matter.
        facts: What else there is to tell.
    """
    return {
        "rule": rule,
        "settings": settings.as_json(),
        "inputs": {path.as_posix(): contents(path) for path in inputs},
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
    **facts: Any,
) -> None:
    """Write the run card of tables that lie beside it as CSV and Markdown.

    Args:
        begin: When the work began, by `time.monotonic`.
        rule, settings, inputs, facts: As for `run_card`.
    """
    files = [path.with_name(f"{table}.{ending}") for table in tables for ending in ("csv", "md")]
    facts |= {"files": {file.name: file_sha256(file) for file in files}}
    facts |= {"seconds": round(time.monotonic() - begin, 1), "peak_rss_bytes": memory()["peak_rss_bytes"]}
    write_json(path, run_card(rule, settings, inputs, TABLE_PACKAGES, **facts))


def code_version() -> dict[str, Any]:
    """The package's version and, where it runs from a git checkout, the commit and whether files differ from it."""
    try:
        installed = version("mixtune")
    except PackageNotFoundError:  # src/ is on PYTHONPATH
        installed = None
    here = Path(__file__)
    # The file itself must be in git: a virtual environment may lie in somebody else's repository.
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    return {
        "version": installed,
        "commit": tracked and _git(here.parent, "rev-parse", "HEAD"),
        "changed": tracked and bool(_git(here.parent, "status", "--porcelain", "--untracked-files=no", "--", ":/")),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where git, the repository or the file is not there."""
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None
