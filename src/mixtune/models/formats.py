"""Formats of the manifests of models."""

from ..artifacts.hub_card import StatedLicence
from ..artifacts.manifests import Manifest


class ModelManifest(Manifest):
    """manifest.json of a base model or encoder: its name on the hub, commit, licence, and number of parameters.

    Its files are in `folder`, which may be another one than the manifest's.
    """

    name: str
    folder: str
    commit: str | None
    licence: StatedLicence | None
    parameters: int
