"""Reading of a benchmark by its id on the hub, outside the workflow (whose rule `fetch_benchmark` pins a commit)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..artifacts.download import DATA_FILES
from .example import Example, ReadError
from .reading import read_folder


def read(
    benchmark: str,
    path: str | Path,
    split: str,
    counts: Counter[str] | None = None,
    *,
    negative: str | None = None,
    config: str = "",
    options: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> Iterator[Example]:
    """Return the examples of one split, streamed in the order of the files.

    Args:
        path: A folder; or, as a string, a hub id (owner/name), which is downloaded. A `Path` is never a hub id.
        benchmark, split, counts, negative, config, options, files: See `read_folder`.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: A record cannot be read, or the hub does not give the data set.

    >>> from mixtune.resources import resource
    >>> example = next(read("conll04", resource("sample", "conll04"), "test"))
    >>> example.id, example.relation
    ('conll04/test/6354/0-1', 'Live_In')
    """
    folder = Path(path)
    if isinstance(path, str) and path.count("/") == 1 and not path.startswith((".", "/")) and not folder.is_dir():
        folder = _download(path)
    return read_folder(benchmark, folder, split, counts, negative=negative, config=config, options=options, files=files)


def _download(id: str) -> Path:
    """Return the local snapshot of a data set."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The first base is the error of the HTTP client that this hub version uses.
    failures = tuple(base for base in (*HfHubHTTPError.__bases__, OSError) if issubclass(base, Exception))
    try:
        return Path(snapshot_download(id, repo_type="dataset", allow_patterns=DATA_FILES))
    except failures as error:
        problem = f"neither a folder nor a data set that the hub gives ({error})"
        raise ReadError(Path(id), None, problem) from None
