"""Formats of the files of scores and of intervals."""

from typing import TypedDict

from .settings import Negatives


class Rates(TypedDict):
    """Counts of predictions, and their ratios (0..1)."""

    tp: int
    fp: int
    fn: int
    precision: float
    recall: float


class ClassScores(Rates):
    """Scores of one label; `support` is the number of examples in gold."""

    support: int
    f1: float


class Scores(Rates):
    """Scores of one system on one benchmark; see `scoring.score`."""

    n: int
    micro_f1: float
    macro_f1: float
    accuracy: float
    out_of_schema: float
    empty: float
    per_class: dict[str, ClassScores]


class ScoreFile(TypedDict):
    """results/scores/{system}.json: the fields of a system, and its scores by condition and benchmark."""

    system: str
    kind: str
    model: str
    mixture: str
    shots: int
    variant: str
    seed: int
    negatives: Negatives
    scores: dict[str, dict[str, Scores]]


class Estimate(TypedDict):
    """A score with its interval, of one system or (`system` is None) of the mean over the seeds."""

    system: str | None
    seeds: int
    sd: float | None
    value: float
    low: float | None
    high: float | None


class Interval(Estimate):
    """The estimate of one condition and benchmark; `units` are the resampled ones, rows or groups."""

    condition: str
    benchmark: str
    metric: str
    n: int
    units: int


class ArmIntervals(TypedDict):
    """The intervals of one arm; results/intervals/{series}.json is a list of them."""

    arm: str
    systems: list[str]
    negatives: Negatives
    resamples: int
    level: float
    cluster: bool
    intervals: list[Interval]
