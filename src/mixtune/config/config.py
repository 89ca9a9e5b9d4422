"""Configuration as typed models; `config.yaml` documents every key for its users.

`load` reports all problems at once. The JSON Schema in `workflow/schemas/` is generated from these models
(`python -m mixtune.config`).
"""

from collections.abc import Mapping
from typing import Annotated, Literal, cast

from pydantic import Field, ValidationError

from ..data.registry import REGISTRY
from ..errors import UserError
from .adapters import Publish, Released
from .benchmarks import Benchmark, Mixture, Splits
from .checks import find_problems
from .explain import explain
from .frontier import Frontier
from .models import Model, Pretrained
from .section import Condition, Floor, Section, Slug
from .statistics import Statistics
from .training import Prediction, Training
from .variants import Variant


class ConfigError(UserError, ValueError):
    """An unusable configuration; the message lists every problem."""


class Matrix(Section):
    """Experiment matrix: every combination of these lists runs."""

    models: list[Slug] = Field(min_length=1, description="Base models, by their names under `models`.")
    mixtures: list[Slug] = Field(description="Training mixtures, by their names under `mixtures`.")
    shots: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="Numbers of demonstrations per prompt.")
    variants: list[Slug] = Field(
        min_length=1, description="Variants of what cells are tuned with, by their names under `variants`, or default."
    )
    conditions: list[Condition] = Field(min_length=1, description="Conditions of prediction: prompt and decoding.")
    benchmarks: list[Slug] = Field(min_length=1, description="Benchmarks that every system is evaluated on.")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="Training seeds.")
    untuned: bool = Field(description="Evaluate the base models without an adapter, too.")
    encoders: list[Slug] = Field(
        description="Encoders to fine-tune on each benchmark, by their names under `encoders`."
    )
    frontier: list[Slug] = Field(description="Frontier models to evaluate, by their names under `frontier`.")
    floors: list[Floor] = Field(description="Trivial baselines (floors), and the upper bound `duplicates` (ceiling).")


class Scoring(Section):
    """Settings of scoring."""

    negatives: Literal["benchmark", "paper"] = Field(
        description="Labels that count as 'no relation': the benchmark's own, or the paper's word list."
    )


class Export(Section):
    """Export of mixtures as data sets (`snakemake export_mixtures`)."""

    licensed: list[Slug] = Field(description="Benchmarks to export although their licence forbids redistribution.")


class Reports(Section):
    """Reports: tables, figures, the HTML page."""

    headline_condition: Condition = Field(description="Condition of all tables and figures with one number per system.")
    errors: int = Field(ge=0, description="Rows of `errors` and `confusion` per system, condition and benchmark.")
    names: dict[str, str] = Field(description="Display names of models, benchmarks, mixtures and baselines.")


class Config(Section):
    """All settings of the workflow."""

    matrix: Matrix
    data_seed: int = Field(ge=0, description="Seed of mixtures, splits, caps and demonstrations.")
    models: dict[Slug, Model]
    encoders: dict[Slug, Pretrained]
    frontier: dict[Slug, Frontier]
    benchmarks: dict[Slug, Benchmark]
    splits: Splits
    mixtures: dict[Slug, Mixture]
    training: Training
    variants: dict[Slug, Variant]
    prediction: Prediction
    scoring: Scoring
    statistics: Statistics
    export: Export
    publish: Publish
    reports: Reports

    def released(self, model: str, mixture: str, shots: int) -> Released | None:
        """Return the released adapter that a cell is evaluated with, or None for a cell to fine-tune."""
        return self.models[model].adapters.get(mixture, {}).get(shots)

    def domain(self, benchmark: str) -> str:
        """Return a benchmark's domain: the registry's, or the configured one of a custom benchmark."""
        known = REGISTRY.get(benchmark)
        # `load` refuses a custom benchmark without a domain.
        return known.domain if known else cast(str, self.benchmarks[benchmark].domain)


def load(raw: Mapping[str, object]) -> Config:
    """Return the typed configuration.

    Raises:
        ConfigError: With all unknown keys, impossible values and dangling references at once.
    """
    problems: list[str] = []
    config = None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems = [explain(detail, Config) for detail in error.errors()]
    problems += find_problems(raw)
    if config is None or problems:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        raise ConfigError(f"the configuration has {len(problems)} problem(s):\n{listing}")
    return config


def json_schema() -> dict[str, object]:
    """Return the JSON Schema with which editors complete and validate `config.yaml`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
