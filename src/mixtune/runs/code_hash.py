"""Code fingerprint of a job: hash of the syntax trees that it runs.

Comments, formatting, docstrings and the wording of errors and log lines are no part of it: they change no result.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

SCRIPTS = Path("workflow/scripts")

# Settings reach a job resolved, as its param, so the modules that define and resolve them are no part of it; nor are
# modules whose results are run cards, logs or scratch/: another form of these is no reason to fine-tune again.
NOT_PART_OF_A_JOB = (
    "mixtune.config.",
    "mixtune.runs.",
    "mixtune.artifacts.run_cards.",
    "mixtune.artifacts.cache.",
    "mixtune.training.meter.",
)

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LOGGED_BY = ("print", "warn", "debug", "info", "warning", "error", "exception", "critical")


def of_job(rule: str, settings: Mapping[str, object]) -> str:
    """Return the code hash of a job, with the modules that it loads by name."""
    by_name = []
    if rule == "prepare_benchmark":
        by_name = [f"mixtune.data.readers.{settings['benchmark']}"]
    elif rule == "plot":
        by_name = [f"mixtune.reports.figures.{settings['figure']}"]
    return _code_hash(SCRIPTS / f"{rule}.py", *by_name)


def code_hash(script: Path, *modules: str) -> str:
    """Return a SHA-256 (16 digits) of the syntax trees of a script and of all library modules that it imports.

    Args:
        script: The job's program.
        modules: Modules that are loaded by name at run time, which no import statement shows; a name that is no
            module of the library is ignored.
    """
    text, imports = _meaning(script, "")
    texts, pending = {script.stem: text}, [*modules, *imports]
    while pending:
        name = pending.pop()
        if name not in texts and not _is_apart(name):
            path = _file(name)
            if path:
                texts[name], imports = _meaning(path, name)
                pending += imports
    sha = hashlib.sha256()
    for name in sorted(texts):
        sha.update(f"{name}\n{texts[name]}\n".encode())
    return sha.hexdigest()[:16]


_code_hash = functools.cache(code_hash)  # while a workflow is planned, no file changes


def _is_apart(name: str) -> bool:
    """Return whether a module is no part of any job's code; modules of settings and of formats only hold types."""
    return f"{name}.".startswith(NOT_PART_OF_A_JOB) or name.endswith((".settings", ".formats"))


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
    """Return the syntax tree of a file as text, and the names of mixtune's modules that it imports, wherever in it."""
    parts: list[str] = []
    imports: list[str] = []
    _write(ast.parse(path.read_text(encoding="utf-8"), str(path)), parts, imports)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    resolved = [importlib.util.resolve_name(imported, package) for imported in imports]
    return " ".join(parts), [imported for imported in resolved if imported.partition(".")[0] == "mixtune"]


def _write(node: object, parts: list[str], imports: list[str], message: bool = False) -> None:
    """Write a syntax tree without docstrings, positions and messages, and collect imports in the same pass.

    Args:
        message: Whether the node is inside a `raise` or a log call, where texts are messages.
    """
    if isinstance(node, ast.AST):
        kind = type(node)
        parts.append(kind.__name__)
        message = message or kind is ast.Raise or (isinstance(node, ast.Call) and _is_log_call(node))
        imports += _imported(node)
        for field in kind._fields:
            value = getattr(node, field, None)
            if field == "body" and isinstance(node, DOCUMENTED):
                value = [statement for statement in node.body if not _is_text(statement)]
            _write(value, parts, imports, message)
    elif isinstance(node, list):
        parts.append("[")
        for item in node:
            _write(item, parts, imports, message)
        parts.append("]")
    elif not (message and isinstance(node, str) and parts[-1] == "Constant"):
        parts.append(repr(node))


def _imported(node: ast.AST) -> list[str]:
    """Return the names that may be modules in an import statement; [] for another node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = "." * node.level + (node.module or "")
        return [source, *(f"{source}{'' if source[-1] == '.' else '.'}{alias.name}" for alias in node.names)]
    return []


def _is_log_call(call: ast.Call) -> bool:
    """Return whether a call prints, warns or logs."""
    function = call.func
    return (function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")) in LOGGED_BY


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is a string alone: a docstring, or the description of the name above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
