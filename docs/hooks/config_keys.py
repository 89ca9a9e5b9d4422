"""Reference of config.yaml: every key of its schema, with type, shipped value and meaning.

The meaning is the comment above the key in config.yaml; without a comment, the schema's description.
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
    """Comments of config.yaml, by key.

    Attributes:
        above: Lines of the comment above a key; under `()` those at the start of the file.
        trailing: The comment on the line of a key.
    """

    above: dict[Key, list[str]]
    trailing: dict[Key, str]


def read_comments(text: str) -> Comments:
    """Return the comments of a YAML file in which mappings are indented by two blanks."""
    above, trailing, path, block = {}, {}, (), []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            block.append(line.lstrip()[1:])
            continue
        if not line and not path:
            above[()] = block
        if match := _LINE.match(line):
            path = (*path[: len(match["indent"]) // 2], match["name"])
            if block:
                above[path] = block
            if match["note"]:
                trailing[path] = match["note"]
        block = []
    return Comments(above, trailing)


def prose(lines: list[str]) -> str:
    """Return a comment as Markdown: paragraphs as text, indented lines verbatim."""
    parts: list[str] = []
    indented = None
    for line in lines:
        verbatim = line.startswith("  ")
        if verbatim != indented:
            parts += ["```", "", ""] if indented else ["", "```text"] if verbatim else []
        parts.append(line[3:] if verbatim else line.strip())
        indented = verbatim
    return "\n".join([*parts, "```"] if indented else parts)


def kind(schema: Schema, definitions: Schema) -> str:
    """Return a description of the values that a key may have."""
    if "$ref" in schema:
        return kind(_referred(schema, definitions), definitions)
    if "anyOf" in schema:
        kinds = [kind(option, definitions) for option in schema["anyOf"]]
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
    """Yield every key below a part of the schema, with its own part.

    NAME and N are placeholders for names and numbers of a user; [] after a key denotes the entries of its list.
    """
    if "$ref" in schema:
        yield from keys(_referred(schema, definitions), definitions, path)
    for option in schema.get("anyOf", ()):
        yield from keys(option, definitions, path)
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
    """Return the part of the schema that another part refers to, or an empty one."""
    return definitions.get(schema.get("$ref", "").rpartition("/")[2], {})


def _shipped(config: Any, key: Key) -> list[str]:
    """Return the value of a key in config.yaml, unless it is a section; for a list of sections, their names."""
    for name in key:
        if not isinstance(config, dict) or name not in config:
            return []
        config = config[name]
    if isinstance(config, dict):
        return []
    if isinstance(config, list) and any(isinstance(entry, dict) for entry in config):
        config = [entry["name"] for entry in config]
    return [f"shipped: `{json.dumps(config, ensure_ascii=False)}`"]


def page(root: Path) -> str:
    """Return the reference as Markdown: one heading per key, with its dotted path as anchor."""
    text = (root / "config.yaml").read_text(encoding="utf-8")
    schema = json.loads((root / "workflow/schemas/config.schema.json").read_text(encoding="utf-8"))
    comments, config, definitions = read_comments(text), yaml.safe_load(text), schema["$defs"]
    parts = [prose(comments.above[()][1:])]  # the first line is for editors
    for key, part in keys(schema, definitions):
        name, referred = ".".join(key), _referred(part, definitions)
        facts = [kind(part, definitions), *_shipped(config, key)]
        if isinstance(part.get("default"), str | int) and part["default"] != "":
            facts.append(f"default: `{part['default']}`")
        meaning = prose(comments.above.get(key, [])) or part.get("description") or referred.get("description", "")
        notes = [f"- `{path[1]}`: {note}" for path, note in comments.trailing.items() if path[:-1] == key]
        parts.append(f"{'##' if len(key) == 1 else '###'} `{name}` {{#{name}}}")
        parts += filter(None, [" · ".join(facts).removeprefix("section"), meaning, "\n".join(notes)])
    return "\n\n".join(parts)
