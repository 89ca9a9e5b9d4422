"""The raw configuration, before its values have been validated."""

from collections.abc import Mapping

Raw = Mapping[str, object]  # a mapping of YAML


def as_mapping(value: object) -> Raw:
    """Return a value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[object]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_names(value: object) -> list[str]:
    """Return the strings in a list."""
    return [name for name in as_list(value) if isinstance(name, str)]
