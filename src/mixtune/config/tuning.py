"""Settings that each cell is tuned with: those of the configuration, of its model, and of its variant."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .benchmarks import Mixture
from .config import Config
from .section import Section
from .training import Lora, Training
from .variants import Variant, members_by_name, readable

DRAWN = ("balance", "max_rows")  # fields of a mixture that choose its rows
RENDERED = ("condition", "max_length", "validation_rows")  # fields of training that choose and render rows


@dataclass(frozen=True)
class Tuning:
    """The settings of a cell.

    Attributes:
        draw: Name of its drawn mixture: the mixture's, and the fields in which the variant's draw differs.
        rows: Name of its rendered rows: that of the draw, and the fields in which the variant's rows differ.
    """

    mixture: Mixture
    training: Training
    draw: str
    rows: str


def chosen_variants(config: Config) -> dict[str, Variant]:
    """Return the variants of the matrix by name, in the order of its list; a grid is replaced by its members."""
    known = members_by_name({name: entry.model_dump(exclude_unset=True) for name, entry in config.variants.items()})
    members = (member for listed in config.matrix.variants for member in known[listed])
    return {member.name: Variant.model_validate(member.settings) for member in members}


def has_variant(variant: Variant, model: str) -> bool:
    """Return whether a model has cells of a variant.

    >>> has_variant(Variant(models=["Smol*"]), "SmolLM3-3B")
    True
    """
    return any(fnmatchcase(model, pattern) for pattern in variant.models)


def tuning_of(config: Config, model: str, mixture: str, variant: Variant) -> Tuning:
    """Return the settings that cells of this model, mixture and variant are tuned with."""
    shared = config.mixtures[mixture]
    mixed = shared.model_copy(update=variant.mixture.model_dump(exclude_none=True))
    lora = config.training.lora.model_dump()
    for override in (config.models[model].lora, variant.lora):
        lora |= override.model_dump(exclude_none=True)
    changes = variant.training.model_dump(exclude_none=True) | {"lora": Lora.model_validate(lora)}
    training = config.training.model_copy(update=changes)
    draw = "@".join([mixture, *_differences(shared, mixed, DRAWN)])
    return Tuning(mixed, training, draw, "@".join([draw, *_differences(config.training, training, RENDERED)]))


def _differences(ours: Section, other: Section, fields: Iterable[str]) -> list[str]:
    """Return the names and values of the fields in which another section differs, as parts of a name."""
    return [
        f"{field}-{readable(getattr(other, field))}"
        for field in fields
        if getattr(other, field) != getattr(ours, field)
    ]
