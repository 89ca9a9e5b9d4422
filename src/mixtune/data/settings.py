"""Settings of the jobs that prepare data."""

from typing import Literal

from pydantic import Field, JsonValue

from ..artifacts.settings import HubSource, Part, Settings


class FetchBenchmarkSettings(Settings):
    """A benchmark's copy on the hub."""

    benchmark: str
    hub: HubSource


class SplitShares(Part):
    """Shares of the train rows that are carved as a split which a benchmark lacks."""

    validation: float
    test: float


class PrepareBenchmarkSettings(Settings):
    """A benchmark's files and the options of reading them.

    Attributes:
        labels: SHA-256 of the label inventory that ships; None for a benchmark without one.
        options: Keyword arguments of its reader.
        files: The file of each split that has another name than its format's.
        evaluation_only: Whether it has no train split.
        given_labels: Its label list; empty: the one that ships, or that of train and validation.
    """

    benchmark: str
    origin: Literal["hub", "path", "sample"]
    hub: HubSource | None
    path: str | None
    labels: str | None
    negative: str | None
    expect: Literal["official", "any", "sample"]
    label_map: str | None
    options: dict[str, JsonValue]
    files: dict[str, str]
    evaluation_only: bool = False
    given_labels: list[str] = Field(default_factory=list)
    splits: SplitShares
    data_seed: int


class BuildMixtureSettings(Settings):
    """A mixture: the domain of each of its benchmarks, its balance, and the cap on its training rows."""

    mixture: str
    domains: dict[str, str]
    balance: Literal["natural", "domain"]
    max_rows: int
    data_seed: int
