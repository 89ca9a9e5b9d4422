"""The reference of config.yaml: every key of its schema, with its type, its shipped value and what it means.

A key's meaning is the comment above it in config.yaml; where that has none, the schema's description.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]
Key = tuple[str, ...]

_LINE = re.compile(r"(?P<indent> *)(?P<name>[\w.-]+):(?P<value>.*?)(?: # (?P<note>.*))?$")
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_SLUG = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
_NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


@dataclass(frozen=True)
class Comments:
    """What config.yaml says of its keys.

    Attributes:
        above: The lines of the comment above a key; under `()` those that open the file.
        beside: The comment behind a key, on its line.
    """

    above: dict[Key, list[str]]
    beside: dict[Key, str]


def read_comments(text: str) -> Comments:
    """The comments of a YAML file in which mappings are indented by two blanks."""
    above, beside, path, block = {}, {}, (), []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            block.append(line.lstrip()[1:])
            continue
        if not line and not path:
            above[()] = block
        if found := _LINE.match(line):
            path = (*path[: len(found["indent"]) // 2], found["name"])
            if block:
                above[path] = block
            if found["note"]:
                beside[path] = found["note"]
        block = []
    return Comments(above, beside)


def prose(lines: list[str]) -> str:
    """A comment as Markdown: paragraphs as text, what is indented as it stands."""
    parts: list[str] = []
    indented = None
    for line in lines:
        deep = line.startswith("  ")
        if deep != indented:
            parts += ["```", "", ""] if indented else ["", "```text"] if deep else []
        parts.append(line[3:] if deep else line.strip())
        indented = deep
    return "\n".join([*parts, "```"] if indented else parts)


def kind(schema: Schema, definitions: Schema) -> str:
    """What values a key may have, in words."""
    if "$ref" in schema:
        return kind(_referred(schema, definitions), definitions)
    if "anyOf" in schema:
        kinds = [kind(one, definitions) for one in schema["anyOf"]]
        return (", or " if "`null`" in kinds else " or ").join(kinds)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema["type"] == "null":
        return "`null`"
    if schema["type"] == "array":
        least = f" ({schema['minItems']} or more)" if schema.get("minItems") else ""
        return f"list{least} of {kind(schema['items'], definitions)}"
    if schema["type"] == "object":
        return "section" if "properties" in schema else "names, each with its own section"
    if schema.get("pattern") == _SLUG:
        return "name (letters, digits, `.`, `_`, `-`)"
    limits = " and ".join(f"{sign} {schema[name]:g}" for name, sign in _LIMITS.items() if name in schema)
    pattern = f"like `{schema['pattern']}`" if "pattern" in schema else ""
    return " ".join(filter(None, [_NAMES[schema["type"]], limits, pattern]))


def keys(schema: Schema, definitions: Schema, path: Key = ()) -> Iterator[tuple[Key, Schema]]:
    """Every key below a part of the schema, with its own part.

    NAME and N stand for what a user names, [] behind a key for the entries of its list.
    """
    if "$ref" in schema:
        yield from keys(_referred(schema, definitions), definitions, path)
    for one in schema.get("anyOf", ()):
        yield from keys(one, definitions, path)
    for name, part in schema.get("properties", {}).items():
        yield (*path, name), part
        yield from keys(part, definitions, (*path, name))
    for part in schema.get("patternProperties", {}).values():
        yield from keys(part, definitions, (*path, "NAME"))
    if schema.get("additionalProperties"):
        yield from keys(schema["additionalProperties"], definitions, (*path, "N"))
    if "items" in schema:
        yield from keys(schema["items"], definitions, (*path[:-1], f"{path[-1]}[]"))


def _referred(schema: Schema, definitions: Schema) -> Schema:
    """The part of the schema that another refers to; an empty one where it refers to none."""
    return definitions.get(schema.get("$ref", "").rpartition("/")[2], {})


def _shipped(config: Any, key: Key) -> list[str]:
    """What config.yaml sets a key to, for one that is no section; of a list of sections, their names."""
    for name in key:
        if not isinstance(config, dict) or name not in config:
            return []
        config = config[name]
    if isinstance(config, dict):
        return []
    if isinstance(config, list) and any(isinstance(one, dict) for one in config):
        config = [one["name"] for one in config]
    return [f"shipped: `{json.dumps(config, ensure_ascii=False)}`"]


def page(root: Path) -> str:
    """The reference as Markdown: a heading for each key, whose anchor is its dotted path."""
    text = (root / "config.yaml").read_text(encoding="utf-8")
    schema = json.loads((root / "workflow/schemas/config.schema.json").read_text(encoding="utf-8"))
    comments, config, definitions = read_comments(text), yaml.safe_load(text), schema["$defs"]
    parts = [prose(comments.above[()][1:])]  # the first line is for editors
    for key, part in keys(schema, definitions):
        name, referred = ".".join(key), _referred(part, definitions)
        facts = [kind(part, definitions), *_shipped(config, key)]
        if isinstance(part.get("default"), str | int) and part["default"] != "":
            facts.append(f"default: `{part['default']}`")
        told = prose(comments.above.get(key, [])) or part.get("description") or referred.get("description", "")
        notes = [f"- `{path[1]}`: {note}" for path, note in comments.beside.items() if path[:-1] == key]
        parts.append(f"{'##' if len(key) == 1 else '###'} `{name}` {{#{name}}}")
        parts += filter(None, [" · ".join(facts).removeprefix("section"), told, "\n".join(notes)])
    return "\n\n".join(parts)
