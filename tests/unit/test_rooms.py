"""The plan of the library: modules and functions of a readable size, each module with its tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "src/mixtune"
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")

# Modules without a test file of their own: parts of what the named file tests.
TESTED_ELSEWHERE = {
    "__main__": "unit/test_cli.py",
    "commands/audit": "unit/reports/tables/test_data.py",
    "commands/clean": "unit/runs/test_cleanup.py",
    "commands/merge": "unit/models/test_merge.py",
    "commands/status": "unit/runs/test_progress.py",
    "commands/why": "workflow/test_commands.py",
    "config/__main__": "unit/config/test_config.py",
    "config/adapters": "unit/config/test_checks.py",
    "config/experiment": "unit/config/test_jobs.py",
    "config/inputs": "unit/config/test_matrix.py",
    "config/models": "unit/config/test_config.py",
    "config/overlays": "unit/commands/test_doctor.py",
    "config/raw": "unit/config/test_checks.py",
    "config/section": "unit/config/test_config.py",
    "config/training": "unit/config/test_config.py",
    "devices/__main__": "unit/devices/test_lease.py",
    "devices/locks": "unit/devices/test_lease.py",
    "evaluation/error_analysis": "unit/reports/tables/test_errors.py",
    "inference/labeller": "unit/commands/test_predict.py",
    "inference/predictions": "unit/inference/test_predict.py",
    "inference/batching_check": "unit/models/test_architectures.py",
    "inference/prefix_attention": "unit/inference/test_decoder.py",
    "inference/rows": "unit/models/test_architectures.py",
    "layout": "unit/test_systems.py",
    "publishing/citation": "unit/publishing/test_card.py",
    "publishing/dataset_card": "unit/publishing/test_export_mixture.py",
    "publishing/terms": "unit/publishing/test_export_mixture.py",
    "reports/figures/benchmarks": "unit/reports/latex/test_typeset.py",
    "reports/figures/data": "unit/reports/tables/test_data.py",
    "reports/figures/domains": "unit/reports/latex/test_typeset.py",
    "reports/figures/layout": "unit/reports/figures/test_style.py",
    "reports/figures/matrix": "unit/reports/figures/test_style.py",
    "reports/figures/published": "unit/reports/tables/test_published.py",
    "reports/figures/rows": "unit/reports/figures/test_style.py",
    "reports/figures/scaling": "unit/reports/latex/test_typeset.py",
    "reports/figures/shots": "unit/reports/figures/test_style.py",
    "reports/figures/training": "unit/reports/latex/test_typeset.py",
    "reports/page/charts": "unit/reports/page/test_page.py",
    "reports/page/drawing": "unit/reports/page/test_page.py",
    "reports/page/inputs": "unit/reports/page/test_page.py",
    "reports/page/summary": "unit/reports/page/test_page.py",
    "reports/page/writing": "unit/reports/page/test_page.py",
    "reports/tables/files": "unit/reports/tables/test_matrix.py",
    "resources": "unit/data/test_registry.py",
    "runs/probe": "unit/runs/test_machine_checks.py",
    "terminal": "unit/test_doctests.py",
    "training/meter": "unit/training/test_finetune.py",
    "version": "unit/test_cli.py",
}
SETTINGS = "unit/config/test_jobs.py"  # writes and reads the settings of every room's jobs


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
    elsewhere = TESTED_ELSEWHERE.get(name.as_posix()) or (
        SETTINGS if name.name == "settings" and name.parent.name != "artifacts" else None
    )
    assert own.is_file() is (elsewhere is None)
    assert elsewhere is None or (ROOT / "tests" / elsewhere).is_file()


def test_the_list_names_modules_that_exist():
    assert TESTED_ELSEWHERE.keys() <= {path.relative_to(LIBRARY).with_suffix("").as_posix() for path in MODULES}
