"""Sections for fine-tuning and prediction."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from .section import Prompt, Rows, Section

TARGETS = "Linear layers that get an adapter, by name; all-linear: all but the head."


def _names_or_all(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Report one problem of the key itself, instead of one for each kind that it may be of."""
    try:
        return validate(value)
    except ValidationError:
        raise PydanticCustomError("targets", "Input should be all-linear or a list of names of layers") from None


Targets = Annotated[Annotated[list[str], Field(min_length=1)] | Literal["all-linear"], WrapValidator(_names_or_all)]


class Lora(Section):
    """Hyperparameters of the LoRA adapter."""

    r: int = Field(ge=1, description="Rank.")
    alpha: int = Field(ge=1, description="Scaling numerator: updates are scaled by alpha / r.")
    dropout: float = Field(ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: Targets = Field(description=TARGETS)


class LoraOverride(Section):
    """Overrides of `training.lora` for one model."""

    r: int | None = Field(default=None, ge=1, description="Rank.")
    alpha: int | None = Field(default=None, ge=1, description="Scaling numerator: updates are scaled by alpha / r.")
    dropout: float | None = Field(default=None, ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: Targets | None = Field(default=None, description=TARGETS)


class EncoderTraining(Section):
    """Hyperparameters of encoder fine-tuning, one encoder per benchmark."""

    epochs: float = Field(gt=0, description="Passes over the benchmark's train split.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate: linear warm-up, then linear decay.")
    warmup: float = Field(ge=0, lt=1, description="Share of the steps used for warm-up.")
    weight_decay: float = Field(ge=0, description="AdamW's weight decay.")
    batch_size: int = Field(ge=1, description="Examples per step.")
    max_length: int = Field(ge=16, description="Maximum tokens of a text with its entity markers.")
    max_rows: Rows | None = Field(description="Cap on the train rows of a benchmark (seeded sample); null: all.")


Epochs = Annotated[float, Field(gt=0, description="Passes over the mixture.")]
Rate = Annotated[float, Field(gt=0, lt=1, description="Peak learning rate: linear warm-up, then linear decay.")]
Warmup = Annotated[float, Field(ge=0, lt=1, description="Share of the steps used for warm-up.")]
Decay = Annotated[float, Field(ge=0, description="AdamW's weight decay.")]
BatchSize = Annotated[int, Field(ge=1, description="Examples per step, whatever the micro-batch.")]
Length = Annotated[int, Field(ge=16, description="Maximum tokens of a training sequence, label included.")]
RowsPrompt = Annotated[Prompt, Field(description="Prompt format of the training rows.")]
ValidationRows = Annotated[Rows, Field(description="Rows of the validation loss, computed after each epoch.")]


class Training(Section):
    """Hyperparameters of fine-tuning a cell."""

    epochs: Epochs
    learning_rate: Rate
    warmup: Warmup
    weight_decay: Decay
    batch_size: BatchSize
    max_length: Length
    condition: RowsPrompt
    validation_rows: ValidationRows
    lora: Lora = Field(description="LoRA settings of all models that do not override them.")
    encoder: EncoderTraining = Field(description="Settings of encoder fine-tuning.")


class TrainingOverride(Section):
    """Overrides of `training` for one variant."""

    epochs: Epochs | None = None
    learning_rate: Rate | None = None
    warmup: Warmup | None = None
    weight_decay: Decay | None = None
    batch_size: BatchSize | None = None
    max_length: Length | None = None
    condition: RowsPrompt | None = None
    validation_rows: ValidationRows | None = None


class Prediction(Section):
    """Settings of prediction."""

    max_length: int = Field(
        ge=16, description="Maximum tokens of a prompt; the model's context length is a limit, too."
    )
    max_new_tokens: int = Field(ge=1, description="Maximum tokens of a generated answer.")
    constrained: Literal["greedy", "exact"] = Field(
        description="greedy: decode token by token within the label set; exact: score every label."
    )
    test_rows: Rows | None = Field(description="Cap on the test rows of a benchmark (seeded sample); null: all.")
