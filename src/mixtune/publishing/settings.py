"""Settings of model cards, exported data sets and uploads."""

from typing import Literal

from ..artifacts.settings import Part, Settings
from .licences import Licence


class DataSource(Part):
    """A benchmark in a mixture, and its licence.

    Attributes:
        hub: Repository of the copy that was read; "" for another origin.
        licence: Licence by the config, else by the registry; "" for a benchmark that the user adds without one.
        redistributable_as: Licence under which rows may be redistributed; "" where none permits it.
        licensed: Whether `export.licensed` lists it.
        language: ISO 639-1 code of its texts' language; "" for a benchmark that the user adds.
    """

    name: str
    title: str
    origin: Literal["hub", "path", "sample"]
    hub: str
    licence: str
    redistributable_as: str
    licensed: bool
    language: str


class EvaluatedBenchmark(Part):
    """A benchmark on a model card.

    Attributes:
        dataset: Name of its data in the card's metadata.
        sample: Whether its data are a sample corpus.
    """

    name: str
    title: str
    dataset: str
    sample: bool


class CardSettings(Settings):
    """Settings of one cell's model card.

    Attributes:
        namespace: User or organisation on the hub.
        licence: Of the base model, where the config sets it.
        condition, max_length: Of the training prompts.
        test_rows: Maximum of test rows per benchmark; None: all.
        sources: Benchmarks of the training mixture.
        benchmarks: Evaluated benchmarks.
    """

    model: str
    mixture: str
    shots: int
    variant: str
    namespace: str | None
    licence: Licence | None
    condition: str
    max_length: int
    max_new_tokens: int
    test_rows: int | None
    sources: list[DataSource]
    benchmarks: list[EvaluatedBenchmark]


class ExportMixtureSettings(Settings):
    """Settings of one mixture's export as a data set.

    Attributes:
        max_rows: Maximum of training rows.
        shots: Numbers of demonstrations; each gets its own splits.
    """

    mixture: str
    balance: Literal["natural", "domain"]
    max_rows: int
    data_seed: int
    shots: list[int]
    sources: list[DataSource]


class PublishSettings(Settings):
    """Settings of uploads to the hub.

    Attributes:
        namespace: User or organisation on the hub.
        dry_run: Whether to list the files instead of uploading them.
        sources: Sources of each mixture.
    """

    namespace: str | None
    private: bool
    dry_run: bool
    sources: dict[str, list[DataSource]]
