"""Sections for released adapters and for uploads to the hub."""

from typing import Literal

from pydantic import Field

from .section import Hub, Section, Slug


class Released(Section):
    """A released adapter: its cell is evaluated with this adapter and not fine-tuned."""

    origin: Literal["hub", "path"] = Field(description="The origin to use, one of those below.")
    hub: Hub | None = Field(None, description="A repository with an adapter in PEFT's layout.")
    path: str | None = Field(None, description="A local folder with an adapter in PEFT's layout.")


class Publish(Section):
    """Uploads of `snakemake publish` to the hub."""

    namespace: Slug | None = Field(description="User or organisation that owns the uploaded repositories.")
    adapters: list[str] = Field(description="Cells to upload, as MODEL/MIXTURE/N-shot/seed-S.")
    mixtures: list[Slug] = Field(description="Mixtures to export and upload.")
    private: bool = Field(description="Whether the repositories are private.")
    dry_run: bool = Field(description="Print the planned uploads, and upload nothing.")
