"""Settings of scoring, intervals and paired tests."""

from typing import Literal

from pydantic import Field

from ..artifacts.settings import Part, Settings

Negatives = Literal["benchmark", "paper"]


class SystemSettings(Part):
    """A system: its path in results/, its kind, and the fields of tables."""

    system: str
    kind: str
    model: str
    mixture: str
    shots: int
    seed: int
    variant: str


class ScoreSettings(Settings):
    """A system, and the conditions and benchmarks that it was evaluated under and on."""

    system: SystemSettings
    conditions: list[str]
    benchmarks: list[str]
    negatives: Negatives


class ResamplingSettings(Settings):
    """Resampling, and the benchmarks with their domains."""

    benchmarks: dict[str, str]
    negatives: Negatives
    resamples: int
    level: float
    cluster: bool


class ArmSettings(Part):
    """Systems that differ in the seed alone.

    Attributes:
        overall: The benchmarks of their overall average.
        excluded: The benchmarks that they are not evaluated on; no average over one of these is computed.
    """

    arm: str
    systems: list[str]
    conditions: list[str]
    overall: list[str]
    excluded: list[str] = Field(default_factory=list)


class IntervalsSettings(ResamplingSettings):
    """The arms whose confidence intervals one job computes."""

    arms: list[ArmSettings]


class ComparisonSettings(Part):
    """A family of pairs that differ in the field `vary`; `of` and `where` hold patterns of values."""

    name: str
    vary: Literal["model", "mixture", "shots", "variant", "condition", "system"]
    of: list[int | str]
    where: dict[str, list[int | str]]


class CompareSettings(ResamplingSettings):
    """The families of paired tests, and the conditions of each system in one of them.

    Attributes:
        excluded: The benchmarks that a system is not evaluated on, if there are any.
    """

    comparisons: list[ComparisonSettings]
    systems: dict[str, list[str]]
    excluded: dict[str, list[str]] = Field(default_factory=dict)
