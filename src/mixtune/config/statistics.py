"""The section `statistics` of the configuration."""

from typing import Any, Literal

from pydantic import Field

from .section import Section, Share, Slug

Patterns = list[int | str]


class Where(Section):
    """Patterns that a system's other fields match."""

    model: Patterns | None = Field(None, description="Base models.")
    mixture: Patterns | None = Field(None, description="Mixtures, or untuned.")
    shots: Patterns | None = Field(None, description="Demonstrations in the prompt.")
    seed: Patterns | None = Field(None, description="Training seeds.")
    condition: Patterns | None = Field(None, description="Conditions.")
    system: Patterns | None = Field(None, description="Systems, by their paths.")


class Comparison(Section):
    """Pairs of systems that differ in one field, tested as one family."""

    name: Slug = Field(description="What its families are called in the table.")
    vary: Literal["model", "mixture", "shots", "condition", "system"] = Field(description="The field that differs.")
    of: Patterns = Field(min_length=2, description="Its values; each is compared with each that follows.")
    where: Where = Field(Where(), description="Patterns that other fields match.")


class Statistics(Section):
    """Intervals and tests."""

    resamples: int = Field(ge=100, description="Resamples of the bootstrap and of approximate randomisation.")
    level: Share = Field(description="Confidence level of intervals.")
    cluster: bool = Field(description="Resample whole groups of rows instead of rows.")
    comparisons: list[Comparison] = Field(description="Families of paired tests.")

    def pairings(self) -> list[dict[str, Any]]:
        """The comparisons, without what is not set."""
        return [comparison.model_dump(exclude_none=True) for comparison in self.comparisons]
