"""The configuration as typed models; `config.yaml` documents every key for its users.

`load` reports every problem at once. The JSON Schema in `workflow/schemas/` is generated from here
(`python -m mixtune.config`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..data.registry import REGISTRY
from ..errors import UserError
from .adapters import Publish, Released
from .checks import explain, references
from .frontier import Frontier
from .models import EncoderTraining, Floor, Model, Pretrained
from .section import Condition, Hub, Rows, Section, Share, Slug
from .statistics import Statistics

Prompt = Literal["generic", "schema"]


class ConfigError(UserError, ValueError):
    """The configuration is not usable; the message lists every problem."""


class Matrix(Section):
    """What runs: every combination of these lists."""

    models: list[Slug] = Field(min_length=1, description="Base models, by their names under `models`.")
    mixtures: list[Slug] = Field(description="Training mixtures, by their names under `mixtures`.")
    shots: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="Demonstrations in a prompt.")
    conditions: list[Condition] = Field(min_length=1, description="How an adapter is asked.")
    benchmarks: list[Slug] = Field(min_length=1, description="Benchmarks that every system is evaluated on.")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="Training seeds.")
    untuned: bool = Field(description="Evaluate the base models without an adapter, too.")
    encoders: list[Slug] = Field(description="Encoders to tune on each benchmark, by their names under `encoders`.")
    frontier: list[Slug] = Field(description="Frontier models to ask, by their names under `frontier`.")
    floors: list[Floor] = Field(description="Answers without a model: floors, and the ceiling `duplicates`.")


class HubData(Hub):
    """A data set on the hub."""

    config: str = Field("", description="The data set's config, where it has several.")


class Columns(Section):
    """Our names of a table's columns to those of its files; in JSON Lines, dots lead into objects."""

    text: str = Field(description="The text.")
    relation: str = Field(description="The label.")
    head: str | None = Field(None, description="The head's mention.")
    tail: str | None = Field(None, description="The tail's mention.")
    head_start: str | None = Field(None, description="Offset of the head's first character; -1: not in the text.")
    head_end: str | None = Field(None, description="Offset behind the head's last character.")
    tail_start: str | None = Field(None, description="Offset of the tail's first character.")
    tail_end: str | None = Field(None, description="Offset behind the tail's last character.")
    head_type: str | None = Field(None, description="The head's type.")
    tail_type: str | None = Field(None, description="The tail's type.")
    id: str | None = Field(None, description="What identifies a row in its split.")
    group: str | None = Field(None, description="What must not be divided between splits.")


class Benchmark(Section):
    """A benchmark and where its files are."""

    origin: Literal["hub", "path", "sample"] = Field(description="Which of the origins below is used.")
    hub: HubData | None = Field(None, description="A copy on the hub (text, entity1, entity2, relation).")
    path: str | None = Field(None, description="A local folder with native files or a copy in hub layout.")
    domain: Literal["general", "literary"] | None = Field(None, description="For a benchmark of your own.")
    negative: str | None = Field(None, description="Its label for 'no relation'; for a benchmark of your own.")
    columns: Columns | None = Field(None, description="What its files call the columns that we need.")
    files: dict[Literal["train", "validation", "test"], Annotated[str, Field(pattern="^[^/~.]")]] = Field(
        {}, description="The file of each split that has another name than its format's, relative to the folder."
    )
    expect: Literal["official", "any"] = Field(
        "official", description="official: files with other numbers than the official ones are refused; any: not."
    )
    label_map: str | None = Field(None, description="CSV with the columns label and becomes; other labels stay.")
    unit: Literal["evidence", "document"] | None = Field(
        None, description="Re-DocRED: a row for each triple and evidence sentence, or for each triple."
    )
    negative_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Re-DocRED by document: share of the unlabelled pairs that become rows `Na`."
    )
    annotation: Literal["automatic", "human"] | None = Field(
        None, description="Biographical: automatic labels, or the human ones of the gold file for the test split."
    )

    def options(self) -> dict[str, Any]:
        """What the reader takes by name, as far as it is set."""
        fields = {"columns", "unit", "negative_share", "annotation"}
        return self.model_dump(include=fields, exclude_none=True)


class Splits(Section):
    """Shares of the train rows (whole groups) that become a split which a benchmark lacks."""

    validation: Share = Field(description="Share carved where there is no validation split.")
    test: Share = Field(description="Share carved where there is no test split (PG-Fiction's source rows).")


class Mixture(Section):
    """A training set made of several benchmarks."""

    benchmarks: list[Slug] = Field(min_length=1, description="Where its rows come from.")
    balance: Literal["natural", "domain"] = Field(description="natural: as they are; domain: equal halves.")
    max_rows: Rows = Field(description="Cap on its training rows (uniform, seeded).")


class Lora(Section):
    """The adapter."""

    r: int = Field(ge=1, description="Rank.")
    alpha: int = Field(ge=1, description="Scale of the update is alpha / r.")
    dropout: float = Field(ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: list[str] = Field(min_length=1, description="Linear layers that get an adapter.")


class Training(Section):
    """How a cell is tuned."""

    epochs: float = Field(gt=0, description="Passes over the mixture.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak, reached after the warm-up, then linear decay.")
    warmup: float = Field(ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(ge=0, description="AdamW's weight decay.")
    batch_size: int = Field(ge=1, description="Examples a step, whatever the micro-batch.")
    max_length: int = Field(ge=16, description="Tokens of a training sequence, label included.")
    condition: Prompt = Field(description="The prompt trained on.")
    validation_rows: Rows = Field(description="Rows of the validation loss after each epoch.")
    lora: Lora = Field(description="The adapter, unless a model overrides it.")
    encoder: EncoderTraining = Field(description="How an encoder is tuned.")


class Prediction(Section):
    """How labels are predicted."""

    max_length: int = Field(ge=16, description="Tokens of a prompt; never above the model's context.")
    max_new_tokens: int = Field(ge=1, description="Tokens of an answer.")
    constrained: Literal["greedy", "exact"] = Field(
        description="greedy: through the labels token by token; exact: every label is scored."
    )
    test_rows: Rows | None = Field(description="Cap on the test rows of a benchmark (seeded); null: all.")


class Scoring(Section):
    """How predictions are scored."""

    negatives: Literal["benchmark", "paper"] = Field(description="Which words count as 'no relation'.")


class Export(Section):
    """Mixtures as data sets for others (`snakemake export_mixtures`)."""

    licensed: list[Slug] = Field(description="Benchmarks to export though their licence forbids passing them on.")


class Reports(Section):
    """What people read."""

    headline_condition: Condition = Field(description="The condition of every single-number table and figure.")
    errors: int = Field(ge=0, description="Rows of `errors` and `confusion` of a system, condition and benchmark.")
    names: dict[str, str] = Field(description="What models, benchmarks, mixtures and others are called in print.")


class Config(Section):
    """Everything a user may set."""

    matrix: Matrix
    data_seed: int = Field(ge=0, description="Seed of mixtures, splits, caps and demonstrations.")
    models: dict[Slug, Model]
    encoders: dict[Slug, Pretrained]
    frontier: dict[Slug, Frontier]
    benchmarks: dict[Slug, Benchmark]
    splits: Splits
    mixtures: dict[Slug, Mixture]
    training: Training
    prediction: Prediction
    scoring: Scoring
    statistics: Statistics
    export: Export
    publish: Publish
    reports: Reports

    def released(self, model: str, mixture: str, shots: int) -> Released | None:
        """The existing adapter that a cell is evaluated with, or None where it is tuned."""
        return self.models[model].adapters.get(mixture, {}).get(shots)

    def lora(self, model: str) -> dict[str, Any]:
        """The adapter's settings of one model: `training.lora` with the model's overrides."""
        return self.training.lora.model_dump() | self.models[model].lora.model_dump(exclude_none=True)

    def domain(self, benchmark: str) -> str:
        """The benchmark's domain: the registry's, or the config's for a benchmark of one's own."""
        known = REGISTRY.get(benchmark)
        return known.domain if known else self.benchmarks[benchmark].domain


def load(raw: Mapping[str, Any]) -> Config:
    """The typed configuration.

    Raises:
        ConfigError: With all unknown keys, impossible values and dangling references at once.
    """
    problems, config = [], None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems = [explain(one, Config) for one in error.errors()]
    problems += references(raw)
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        raise ConfigError(f"the configuration has {len(problems)} problem(s):\n{listing}")
    return config


def json_schema() -> dict[str, Any]:
    """The JSON Schema that editors complete and check `config.yaml` with."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
