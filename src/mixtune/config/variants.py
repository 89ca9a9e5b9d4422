"""Variants: what a cell is tuned with, where it differs from the configuration's own settings."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ..systems import DEFAULT
from .raw import Raw, as_mapping
from .section import Rows, Section
from .training import LoraOverride, TrainingOverride


class MixtureOverride(Section):
    """Overrides of every mixture for one variant."""

    balance: Literal["natural", "domain"] | None = Field(
        default=None, description="natural: all rows; domain: equal halves."
    )
    max_rows: Rows | None = Field(default=None, description="Cap on its training rows.")


class Variant(Section):
    """Settings that cells of a variant are tuned with, over those of `training` and `mixtures`."""

    models: Annotated[list[str], Field(min_length=1)] = Field(default=["*"], description="Base models, as patterns.")
    training: TrainingOverride = Field(default=TrainingOverride(), description="Overrides of `training`.")
    lora: LoraOverride = Field(default=LoraOverride(), description="Overrides of each model's LoRA settings.")
    mixture: MixtureOverride = Field(default=MixtureOverride(), description="Overrides of each mixture.")
    grid: dict[str, Annotated[list[JsonValue], Field(min_length=1)]] = Field(
        default={}, description="Values by key, e.g. `training.learning_rate`: one variant for each combination."
    )


@dataclass(frozen=True)
class Member:
    """A variant without a grid, and the grid's name that it belongs to (its own, without a grid)."""

    name: str
    of: str
    settings: Raw


def expand(variants: Raw) -> Iterator[Member]:
    """Yield the variants of raw entries, by name; a grid becomes one variant for each combination of its values.

    >>> entries = {"lr": {"grid": {"training.learning_rate": [1e-4, 3e-4], "lora.r": [16]}}}
    >>> [member.name for member in expand(entries)]
    ['lr.learning_rate-0.0001.r-16', 'lr.learning_rate-0.0003.r-16']
    """
    for name, value in variants.items():
        entry = as_mapping(value)
        grid = {key: values for key, values in as_mapping(entry.get("grid")).items() if isinstance(values, list)}
        fixed = {key: part for key, part in entry.items() if key != "grid"}
        for chosen in itertools.product(*grid.values()):
            settings, suffix = fixed, ""
            for key, setting in zip(grid, chosen, strict=True):
                section, _, field = key.partition(".")
                settings = settings | {section: {**as_mapping(settings.get(section)), field: setting}}
                suffix += f".{field or section}-{readable(setting)}"
            yield Member(f"{name}{suffix}", name, settings)


def readable(value: object) -> str:
    """Return a value as a part of a name.

    >>> readable(0.0001), readable(1e-05), readable(16), readable(["q_proj", "v_proj"])
    ('0.0001', '1e-05', '16', 'q_proj+v_proj')
    """
    if isinstance(value, list):
        return "+".join(map(readable, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def members_by_name(variants: Raw) -> dict[str, list[Member]]:
    """Return the variants of raw entries, and those of each grid, by the names that `matrix.variants` takes."""
    known = {DEFAULT: [Member(DEFAULT, DEFAULT, {})]}
    for member in expand(variants):
        known.setdefault(member.of, []).append(member)
        if member.name != member.of:
            known[member.name] = [member]
    return known
