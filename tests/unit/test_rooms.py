"""The plan of the library: modules and functions of a readable size, each module with its tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "src/mixtune"
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")

# Modules without a test file of their own, and where they are tested instead.
TESTED_ELSEWHERE: dict[str, str] = {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_module_has_at_most_300_lines_and_a_function_60(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert {node.name: size for node in functions if (size := node.end_lineno - node.lineno + 1) > 60} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_module_has_its_tests_or_a_reason_why_not(path):
    name = path.relative_to(LIBRARY).with_suffix("")
    own = ROOT / "tests/unit" / name.with_name(f"test_{name.name}.py")
    elsewhere = TESTED_ELSEWHERE.get(name.as_posix())
    assert own.is_file() is (elsewhere is None)
    assert elsewhere is None or (ROOT / "tests" / elsewhere).is_file()


def test_the_list_names_modules_that_exist():
    assert TESTED_ELSEWHERE.keys() <= {path.relative_to(LIBRARY).with_suffix("").as_posix() for path in MODULES}
