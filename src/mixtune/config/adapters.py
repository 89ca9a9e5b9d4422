"""The configuration of adapters that were tuned elsewhere, and of what is given to others."""

from typing import Literal

from pydantic import Field

from .section import Hub, Section, Slug


class Released(Section):
    """An adapter that exists: its cell is evaluated with it instead of being tuned."""

    origin: Literal["hub", "path"] = Field(description="Which of the origins below is used.")
    hub: Hub | None = Field(None, description="A repository with an adapter in PEFT's layout.")
    path: str | None = Field(None, description="A local folder with an adapter in PEFT's layout.")


class Publish(Section):
    """What `snakemake publish` uploads to the hub."""

    namespace: Slug | None = Field(description="User or organisation to upload as.")
    adapters: list[str] = Field(description="Cells, as MODEL/MIXTURE/N-shot/seed-S.")
    mixtures: list[Slug] = Field(description="Mixtures, exported first.")
    private: bool = Field(description="Whether the repositories are private.")
    dry_run: bool = Field(description="Print what would be uploaded, and upload nothing.")
