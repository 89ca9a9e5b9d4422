"""Licence that the card of a hub repository states in its metadata."""

from pathlib import Path
from typing import TypedDict

CARD = "README.md"


class StatedLicence(TypedDict):
    """The entries `license`, `license_name` and `license_link` of a card; "" for those that are missing."""

    id: str
    name: str
    link: str


def read_licence(folder: Path) -> StatedLicence | None:
    """Return the licence that the card in a folder states; None where there is no card, or none in its metadata.

    Several licences are one whose identifier is "other", and whose name lists them.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    import yaml  # here, as few folders have a card
    from huggingface_hub import metadata_load

    try:
        metadata = metadata_load(path) or {}
    except (ValueError, yaml.YAMLError):  # no metadata in YAML
        return None
    licence, name, link = (metadata.get(key) or "" for key in ("license", "license_name", "license_link"))
    if isinstance(licence, list):
        ids = [str(entry) for entry in licence]
        licence, name = (ids[0], name) if len(ids) == 1 else ("other", name or ", ".join(ids))
    return {"id": licence, "name": str(name), "link": str(link)} if licence and isinstance(licence, str) else None
