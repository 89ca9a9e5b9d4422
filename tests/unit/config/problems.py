"""Entries to add to a configuration, and the problems that it then has."""

from mixtune.config.config import ConfigError, load

LOCAL = {"origin": "path", "path": "some/folder"}
BIG = {
    "base_url": "http://localhost:8000/v1", "model": "org/big", "key_variable": None,
    "price": {"input": 0, "output": 0}, "spending_limit": 0,
}  # fmt: skip
RELEASED = {"origin": "hub", "hub": {"id": "Despina/SmolLM3-3B-re_mixtune-2-shot"}}


def put(raw, path: tuple, value) -> None:
    """Set `raw[path[0]][path[1]]…`; the mappings on the way are made where they are missing."""
    for part in path[:-1]:
        raw = raw.setdefault(part, {})
    raw[path[-1]] = value


def problems(raw) -> list[str]:
    """What `load` complains of, without the list's marks."""
    try:
        load(raw)
    except ConfigError as error:
        first, *lines = str(error).split("\n  - ")
        assert first == f"the configuration has {len(lines)} problem(s):"
        return lines
    return []
