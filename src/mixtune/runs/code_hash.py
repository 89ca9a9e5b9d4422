"""What a job's own code is: a hash of meaning, so that comments and formatting make nothing stale."""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path
from typing import Any

# Resolved settings reach a job as its params, so the modules that resolve them are no part of the job; nor are those
# that only tell of it: a run card of another form is no reason to tune again.
NOT_PART_OF_A_JOB = (
    "mixtune.config.",
    "mixtune.runs.",
    "mixtune.artifacts.run_cards.",
    "mixtune.artifacts.cache.",
    "mixtune.training.meter.",
)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(script: Path, *modules: str) -> str:
    """SHA-256 over the syntax trees of a script, the library modules it imports, and theirs in turn.

    Args:
        script: The job's program.
        modules: Modules that are loaded by name at run time, which no import statement shows.
    """
    text, imports = _meaning(script, "")
    texts, pending = {script.stem: text}, [*modules, *imports]
    while pending:
        name = pending.pop()
        if name not in texts and not f"{name}.".startswith(NOT_PART_OF_A_JOB):
            path = _file(name)
            if path:
                texts[name], imports = _meaning(path, name)
                pending += imports
    sha = hashlib.sha256()
    for name in sorted(texts):
        sha.update(f"{name}\n{texts[name]}\n".encode())
    return sha.hexdigest()[:16]


@functools.cache
def _file(name: str) -> Path | None:
    root = Path(__file__).parents[1]
    path = root.joinpath(*name.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _meaning(path: Path, name: str) -> tuple[str, list[str]]:
    """The syntax tree of a file as text, and the names of mixtune's modules that it imports, wherever in it."""
    parts: list[str] = []
    imports: list[str] = []
    _write(ast.parse(path.read_text(encoding="utf-8"), str(path)), parts, imports)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    resolved = [importlib.util.resolve_name(found, package) for found in imports]
    return " ".join(parts), [found for found in resolved if found.partition(".")[0] == "mixtune"]


def _write(node: Any, parts: list[str], imports: list[str]) -> None:
    """Write a syntax tree without docstrings and places, and collect imports: once over it, for planning waits."""
    if isinstance(node, ast.AST):
        kind = type(node)
        parts.append(kind.__name__)
        if kind is ast.Import:
            imports += [alias.name for alias in node.names]
        elif kind is ast.ImportFrom:
            source = "." * node.level + (node.module or "")
            imports += [source, *(f"{source}{'' if source[-1] == '.' else '.'}{alias.name}" for alias in node.names)]
        for field in kind._fields:
            value = getattr(node, field, None)
            if field == "body" and kind in DOCUMENTED:
                value = [statement for statement in value if not _is_text(statement)]
            _write(value, parts, imports)
    elif isinstance(node, list):
        parts.append("[")
        for item in node:
            _write(item, parts, imports)
        parts.append("]")
    else:
        parts.append(repr(node))


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string alone: a docstring, or what documents the name above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
