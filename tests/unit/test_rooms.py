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
    "config/raw": "unit/config/test_checks.py",
    "config/section": "unit/config/test_config.py",
    "config/training": "unit/config/test_config.py",
    "data/carving": "unit/data/test_prepare_benchmark.py",
    "devices/__main__": "unit/devices/test_lease.py",
    "devices/locks": "unit/devices/test_lease.py",
    "evaluation/error_analysis": "unit/reports/tables/test_errors.py",
    "inference/labeller": "unit/commands/test_predict.py",
    "inference/predictions": "unit/inference/test_predict.py",
    "inference/batching_check": "architectures/test_architectures.py",
    "inference/prefix_attention": "unit/inference/test_decoder.py",
    "inference/rows": "architectures/test_architectures.py",
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
FORMATS = "workflow/test_documented_runs.py"  # compares the files of a run with the formats of every room

# Modules in which `Any` may appear, and how often: it must be the type of an object of a library without types.
MODEL, TOKENIZER, TRAINER = "a model or its output", "a tokenizer", "what Trainer passes or takes"
ANY = {
    "baselines/classifier": (5, f"{MODEL}; {TOKENIZER}"),
    "baselines/entity_markers": (1, TOKENIZER),
    "inference/answering": (1, TOKENIZER),
    "inference/batching_check": (1, MODEL),
    "inference/decoder": (2, MODEL),
    "inference/predict": (1, TOKENIZER),
    "inference/rows": (3, MODEL),
    "models/dequantise": (6, f"{MODEL}; the context of an autograd function"),
    "models/layers": (1, MODEL),
    "models/loading": (4, "a model, its class, and the report of its loading"),
    "models/merge": (4, MODEL),
    "models/plain_pass": (7, f"{MODEL} or its configuration"),
    "models/qlora": (1, TOKENIZER),
    "models/tokenizer_files": (5, "tokenizer.json, of as many forms as the library tokenizers has models"),
    "prompts/chat_template": (1, TOKENIZER),
    "training/checkpoints": (1, TRAINER),
    "training/loss": (3, MODEL),
    "training/meter": (1, TRAINER),
    "training/packing": (3, "rows of Trainer's data sets; the context of an autograd function"),
    "training/trainer": (12, f"{MODEL}; {TRAINER}"),
}


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
    shared = {"settings": SETTINGS, "formats": FORMATS} if name.parent.name != "artifacts" else {}
    elsewhere = TESTED_ELSEWHERE.get(name.as_posix()) or shared.get(name.name)
    assert own.is_file() is (elsewhere is None)
    assert elsewhere is None or (ROOT / "tests" / elsewhere).is_file()


def test_the_list_names_modules_that_exist():
    assert TESTED_ELSEWHERE.keys() <= {path.relative_to(LIBRARY).with_suffix("").as_posix() for path in MODULES}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.name == "formats.py"], ids=lambda path: path.parent.name
)
def test_a_module_of_formats_holds_types_alone(path):
    """Else a change of what a job runs would not rerun it: these modules are no part of its code hash."""
    allowed = (ast.ImportFrom, ast.ClassDef, ast.Expr)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        is_type = isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("TypedDict(")
        fields = node.body if isinstance(node, ast.ClassDef) else []
        assert is_type or isinstance(node, allowed), ast.unparse(node)
        assert all(isinstance(field, ast.AnnAssign | ast.Expr) for field in fields), ast.unparse(node)


def test_any_is_for_objects_without_types_alone():
    """Instead: `object`, a Protocol, a TypedDict (see the modules `formats`), a pydantic class or a narrow cast."""
    found = {}
    for path in [*LIBRARY.rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py")]:
        names = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)]
        count = sum(node.id == "Any" for node in names)
        module = path.relative_to(LIBRARY if path.is_relative_to(LIBRARY) else ROOT).with_suffix("").as_posix()
        if count > ANY.get(module, (0, ""))[0]:
            found[module] = count
    assert found == {}
