"""Licence terms of the sources of a mixture."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..artifacts.hub_card import StatedLicence
from .licences import Licence
from .settings import DataSource

Counts = Mapping[str, Mapping[str, int]]
"""Rows of each benchmark in each split."""


@dataclass(frozen=True)
class Source:
    """A benchmark in a mixture, with the terms of the copy that was read.

    Attributes:
        hub: Repository of that copy; "" for another origin.
        location: The repository, or a description of another origin.
        licence: Name of its licence; with that of the hub copy's card, where this is another one.
        redistributable_as: Identifier of the licence under which rows may be redistributed; "" where none permits it.
        language: ISO 639-1 code of its texts' language; "" where it is unknown.
        is_sample: Whether it is a sample corpus of this project.
        is_exported: Whether its rows are exported: redistributable ones, and those that `export.licensed` lists.
    """

    name: str
    title: str
    hub: str
    location: str
    licence: str
    redistributable_as: str
    language: str
    is_sample: bool
    is_exported: bool


def resolve_terms(source: DataSource, stated: StatedLicence | None = None) -> Source:
    """Return a source with the terms of the copy that was read.

    Args:
        stated: Licence that the card of the hub copy states.

    >>> source = DataSource(name="tacred", title="TACRED", origin="sample", hub="", licence="LDC",
    ...     redistributable_as="", licensed=False, language="en")
    >>> resolve_terms(source).licence
    'Apache-2.0'
    """
    licence, redistributable_as = _describe_licence(source, stated), source.redistributable_as
    location = source.hub or "local files"
    is_sample = source.origin == "sample"
    if is_sample:  # written for this project, whichever benchmark it imitates
        licence, redistributable_as, location = "Apache-2.0", "apache-2.0", "sample corpus of mixtune"
    is_exported = bool(redistributable_as) or source.licensed
    return Source(
        source.name,
        source.title,
        source.hub,
        location,
        licence,
        redistributable_as,
        source.language,
        is_sample,
        is_exported,
    )


def _describe_licence(source: DataSource, stated: StatedLicence | None) -> str:
    """Return the licence of the config or the registry, and that of the hub copy's card where this is another one."""
    card = Licence(**stated) if stated else Licence("other")
    if not source.licence:
        return "not known" if card.unknown else f"{card.label} (by its hub copy)"
    if card.unknown or card.id == source.redistributable_as or card.label.lower() in source.licence.lower():
        return source.licence
    return f"{source.licence}; its hub copy states {card.label}"
