"""Format of the manifests of exported mixtures."""

from ..artifacts.manifests import Manifest


class ExportManifest(Manifest):
    """manifest.json of an exported mixture: by split, the rows of each benchmark that are in it."""

    rows: dict[str, dict[str, int]]
