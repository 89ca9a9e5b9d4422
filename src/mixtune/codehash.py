"""What a job's own code is: a hash of meaning, so that comments and formatting make nothing stale."""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

# Resolved settings reach a job as its params, so the modules that resolve them are no part of the job; nor are those
# that only tell of it: a run card of another form is no reason to tune again.
NOT_PART_OF_A_JOB = frozenset(
    {
        "mixtune.config", "mixtune.config_checks", "mixtune.config_models",
        "mixtune.run_cards", "mixtune.metering", "mixtune.scratch",
    }
)  # fmt: skip


def code_hash(script: Path, *modules: str) -> str:
    """SHA-256 over the syntax trees of a script, the library modules it imports, and theirs in turn.

    Args:
        script: The job's program.
        modules: Modules that are loaded by name at run time, which no import statement shows.
    """
    trees = {script.stem: _tree(script)}
    pending = [*modules, *_imports(script, "")]
    while pending:
        name = pending.pop()
        if name not in trees and name not in NOT_PART_OF_A_JOB:
            path = _file(name)
            if path:
                trees[name] = _tree(path)
                pending += _imports(path, name)
    sha = hashlib.sha256()
    for name in sorted(trees):
        sha.update(f"{name}\n{trees[name]}\n".encode())
    return sha.hexdigest()[:16]


@functools.cache
def _file(name: str) -> Path | None:
    root = Path(__file__).parent
    path = root.joinpath(*name.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _parse(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string alone: a docstring, or what documents the name above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@functools.cache
def _tree(path: Path) -> str:
    return ast.dump(_parse(path))


@functools.cache
def _imports(path: Path, name: str) -> tuple[str, ...]:
    """Names of mixtune's modules that a file imports, wherever in it the import stands."""
    found = []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                source = importlib.util.resolve_name("." * node.level + source, package)
            found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name.partition(".")[0] == "mixtune")
