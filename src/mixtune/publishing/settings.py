"""Settings of cards, exports and uploads."""

from typing import Literal

from ..artifacts.settings import Part, Settings


class DataSource(Part):
    """A benchmark that a mixture is made of, and its terms.

    Attributes:
        hub: Repository of the copy that was read; "" for another origin.
        licence: Licence by the registry; "not known" for a benchmark of one's own.
        redistributable_as: Licence that rows may be passed on under; "" where they may not.
        asked_for: Whether `export.licensed` names it.
    """

    name: str
    title: str
    origin: Literal["hub", "path", "sample"]
    hub: str
    licence: str
    redistributable_as: str
    asked_for: bool


class EvaluatedBenchmark(Part):
    """A benchmark in a card: `dataset` is how the card's metadata call its data."""

    name: str
    title: str
    dataset: str
    sample: bool


class CardSettings(Settings):
    """The model card of one cell."""

    model: str
    mixture: str
    shots: int
    namespace: str | None
    condition: str
    max_length: int
    max_new_tokens: int
    test_rows: int | None
    sources: list[DataSource]
    benchmarks: list[EvaluatedBenchmark]


class ExportMixtureSettings(Settings):
    """A mixture as a data set."""

    mixture: str
    balance: Literal["natural", "domain"]
    max_rows: int
    data_seed: int
    shots: list[int]
    sources: list[DataSource]


class PublishSettings(Settings):
    """Uploads: the user or organisation, and the sources of each mixture."""

    namespace: str | None
    private: bool
    dry_run: bool
    sources: dict[str, list[DataSource]]
