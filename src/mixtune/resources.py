"""Paths of the files that ship with the project."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(*parts: str) -> Path:
    """Return the path of a shipped file, in a checkout (`resources/` at its top) or in an installed package."""
    checkout = _PACKAGE.parents[1] / "resources"
    return (checkout if checkout.is_dir() else _PACKAGE / "resources").joinpath(*parts)
