"""Formats of the JSON files of prepared benchmarks and of mixtures."""

from typing import TypedDict

from ..artifacts.hub_card import StatedLicence
from ..artifacts.manifests import Manifest


class BenchmarkList(TypedDict):
    """all.json: the SHA-256 of each prepared benchmark's manifest, by its name."""

    benchmarks: dict[str, str]


class LabelInventory(TypedDict):
    """labels.json: the labels of a benchmark, and the negative one (None: it has none)."""

    labels: list[str]
    negative: str | None


class Share(TypedDict):
    """Rows of one benchmark in a mixture, and their share of all rows (0..1)."""

    rows: int
    share: float


class BenchmarkManifest(Manifest, total=False):
    """manifest.json of a prepared benchmark: the licence that the card of its hub copy states."""

    licence: StatedLicence
    evaluation_only: bool


class MixtureManifest(Manifest):
    """manifest.json of a mixture: by split, the share of each benchmark; and the licences that their cards state."""

    composition: dict[str, dict[str, Share]]
    licences: dict[str, StatedLicence]


class SharedTexts(TypedDict):
    """Texts that two splits share, and their rows in the later one."""

    texts: int
    rows: int


DuplicateInputs = TypedDict(
    "DuplicateInputs", {"different": int, "conflicting": int, "rows in conflict": int, "ceiling": float | None}
)
"""See `audit.count_duplicates`."""

Mentions = TypedDict("Mentions", {"not in the text": int, "in the text more than once": int})
"""Numbers of heads and tails."""

SplitNumbers = TypedDict(
    "SplitNumbers",
    {
        "rows": int,
        "groups": int,
        "labels": dict[str, int],
        "negatives": int,
        "outside the inventory": int,
        "mentions": Mentions,
        "inputs": DuplicateInputs,
    },
)
"""See `audit.describe_split`."""


class SplitAudit(SplitNumbers):
    """The numbers of a split, and the reader's counts by reason."""

    counts: dict[str, int]


Audit = TypedDict(
    "Audit",
    {
        "benchmark": str,
        "splits": dict[str, SplitAudit],
        "shared texts": dict[str, SharedTexts],
        "carved": dict[str, str],
        "warnings": list[str],
    },
)
"""audit.json of a benchmark; the keys of `shared texts` are `{later split} in {earlier split}`."""
