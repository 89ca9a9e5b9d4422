"""Settings of scoring, intervals and paired tests."""

from typing import Literal

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
    """Systems that differ in the seed alone; `overall` lists the benchmarks of their overall average."""

    arm: str
    systems: list[str]
    conditions: list[str]
    overall: list[str]


class IntervalsSettings(ResamplingSettings):
    """The arms whose confidence intervals one job computes."""

    arms: list[ArmSettings]


class ComparisonSettings(Part):
    """A family of pairs that differ in the field `vary`; `of` and `where` hold patterns of values."""

    name: str
    vary: Literal["model", "mixture", "shots", "condition", "system"]
    of: list[int | str]
    where: dict[str, list[int | str]]


class CompareSettings(ResamplingSettings):
    """The families of paired tests, and the conditions of each system in one of them."""

    comparisons: list[ComparisonSettings]
    systems: dict[str, list[str]]
