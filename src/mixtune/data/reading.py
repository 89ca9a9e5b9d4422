"""The one way in: `read` finds the reader that fits a folder."""

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..artifacts.download import DATA_FILES
from .example import Example, MissingSplit, ReadError
from .registry import REGISTRY


def read(
    benchmark: str,
    path: str | Path,
    split: str,
    counts: Counter[str] | None = None,
    *,
    negative: str | None = None,
    config: str = "",
    options: Mapping[str, Any] | None = None,
) -> Iterator[Example]:
    """Examples of one split, streamed in the order of the files.

    Args:
        benchmark: A name of the registry, or any other for a folder in hub layout.
        path: A folder with the benchmark's native files or a copy in hub layout (columns text, entity1,
            entity2, relation, optionally entity1Type and entity2Type); or, as a string, a hub id (owner/name),
            which is downloaded. A `Path` is never taken for a hub id.
        split: train, validation or test.
        counts: Gets what was counted while reading, by reason.
        negative: What a null relation means in a hub copy; the registry knows it for its benchmarks.
        config: The config of a hub copy that has several.
        options: What the benchmark's own reader takes by name (`unit`, `annotation`, ...; see the registry), or
            `columns`: our names of the columns of a table to those that its files have.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: A record cannot be read; names file and record.
    """
    counts = Counter() if counts is None else counts
    options = dict(options or {})
    folder = Path(path)
    if not folder.is_dir():
        folder = _download(benchmark, path)
    from .readers import hub_copy as hub  # only here, since it imports pyarrow, and planning a workflow must be quick

    known = REGISTRY.get(benchmark)
    if known and "columns" not in options and not hub.is_hub_copy(folder):
        reader = importlib.import_module(f".readers.{benchmark}", __package__)
        return reader.read(folder, split, counts, **options)
    columns = options.get("columns")
    return hub.read(folder, benchmark, split, counts, known.negative if known else negative, config, columns)


def _download(benchmark: str, path: str | Path) -> Path:
    """The local snapshot of a hub id."""
    if isinstance(path, Path) or path.count("/") != 1 or path.startswith((".", "/")):
        known = REGISTRY.get(benchmark)
        remedy = (known and known.remedy) or (known and f"expected {known.native}") or "see benchmarks.<name>.path"
        raise MissingSplit(Path(path), None, f"no such folder; {remedy}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(path, repo_type="dataset", allow_patterns=DATA_FILES))
    except (*HfHubHTTPError.__bases__, OSError) as error:  # the first base is the HTTP client's error
        problem = f"neither a folder nor a data set that the hub would give ({error})"
        raise ReadError(Path(path), None, problem) from None
