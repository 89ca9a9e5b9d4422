"""Section `statistics`: confidence intervals and paired significance tests."""

from typing import Literal, TypedDict

from pydantic import Field

from .section import Section, Share, Slug

Patterns = list[int | str]
Varied = Literal["model", "mixture", "shots", "variant", "condition", "system"]


class Where(Section):
    """Patterns that the other fields of a system must match."""

    model: Patterns | None = Field(default=None, description="Base models.")
    mixture: Patterns | None = Field(default=None, description="Mixtures, or untuned.")
    shots: Patterns | None = Field(default=None, description="Number of demonstrations per prompt.")
    variant: Patterns | None = Field(default=None, description="Variants.")
    seed: Patterns | None = Field(default=None, description="Training seeds.")
    condition: Patterns | None = Field(default=None, description="Conditions.")
    system: Patterns | None = Field(default=None, description="Systems, by their paths.")


class Comparison(Section):
    """Pairs of systems that differ in one field, tested as one family."""

    name: Slug = Field(description="Name of its families in the table.")
    vary: Varied = Field(description="The field that differs.")
    of: Patterns = Field(min_length=2, description="Its values; each is compared with every later one.")
    where: Where = Field(Where(), description="Patterns that the other fields must match.")


class Pairing(TypedDict):
    """The fields of a `Comparison`; `where` holds those that are set."""

    name: str
    vary: Varied
    of: Patterns
    where: dict[str, Patterns]


class Statistics(Section):
    """Confidence intervals and paired significance tests."""

    resamples: int = Field(ge=100, description="Resamples of the bootstrap and of approximate randomisation.")
    level: Share = Field(description="Confidence level of intervals.")
    cluster: bool = Field(description="Resample whole groups of rows instead of rows.")
    comparisons: list[Comparison] = Field(description="Families of paired tests.")

    def pairings(self) -> list[Pairing]:
        """Return the comparisons without unset fields."""
        return [
            {
                "name": chosen.name,
                "vary": chosen.vary,
                "of": chosen.of,
                "where": chosen.where.model_dump(exclude_none=True),
            }
            for chosen in self.comparisons
        ]
