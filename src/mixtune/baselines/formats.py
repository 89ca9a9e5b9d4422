"""Formats of the files of fine-tuned encoders, and of their predictions."""

from ..artifacts.manifests import Manifest
from ..artifacts.run_cards import RunCard


class EncoderCard(RunCard):
    """run_card.json of a fine-tuned encoder: its labels, in the order of the classes."""

    labels: list[str]


class EncodedManifest(Manifest):
    """manifest.json of one benchmark's predictions: counts of the marked rows."""

    rendered: dict[str, int]
