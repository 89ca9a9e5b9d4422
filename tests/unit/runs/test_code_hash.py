import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src/mixtune"

MODULES = {
    "__init__.py": "",
    "config/config.py": "LIMIT = 1\n",
    "config/checks.py": "LIMIT = 1\n",
    "direct.py": "from . import middle\n\nLIMIT = 1\n",
    "middle.py": "def late():\n    import mixtune.room.leaf\n\n    return mixtune.room.leaf.LIMIT\n",
    "room/__init__.py": "LIMIT = 1\n",
    "room/leaf.py": "from ..base import LIMIT\nfrom ..config import config\nfrom ..config.checks import LIMIT as m\n",
    "room/reader.py": "LIMIT = 1\n",
    "base.py": "import mixtune.direct\n\nLIMIT = 1\n",  # imports in a circle
    "apart.py": "LIMIT = 1\n",
}
SCRIPT = '''\
"""A job."""

import json
from mixtune.direct import LIMIT


def main(argv=None):
    """Do it.

    At length.
    """
    return json.dumps([LIMIT, "text", None if argv is None else 3])
'''


@pytest.fixture
def library(tmp_path):
    """A small library with the real code_hash.py in it, in tmp_path/mixtune, and a script."""
    for name, text in MODULES.items():
        path = tmp_path / "mixtune" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "mixtune/runs").mkdir()
    shutil.copy(LIBRARY / "runs/code_hash.py", tmp_path / "mixtune/runs")
    (tmp_path / "job.py").write_text(SCRIPT)
    return tmp_path / "mixtune"


def fresh(library: Path):
    """`code_hash` of a copy of the library, with empty caches, as in a fresh process."""
    spec = importlib.util.spec_from_file_location("copied_codehash", library / "runs/code_hash.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.code_hash


def hash_of(library: Path, *modules: str, script: str = "job.py") -> str:
    return fresh(library)(library.parent / script, *modules)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_hash_is_short_hexadecimal_and_repeats(library):
    first = hash_of(library)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert hash_of(library) == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import json\n", "# why\nimport json  # and how\n\n\n"),
        ('"""A job."""\n\n', ""),
        ("Do it.", "Do something in other words."),
        ('    """Do it.\n\n    At length.\n    """\n', ""),
        ('[LIMIT, "text", None', "[\n        LIMIT,\n        'text',\n        None"),
        ("None if argv is None else 3", "(None if (argv is None) else 3)"),
        ("return json", "return  json"),
        ('"text"', '"te" "xt"'),
        ("import json\n", 'import json\n\n"""What it is for."""\n'),
    ],
    ids=[
        "comment",
        "module docstring",
        "docstring",
        "no docstring",
        "line breaks",
        "brackets",
        "blanks",
        "pieces",
        "text under a name",
    ],
)
def test_comments_docstrings_and_formatting_change_nothing(library, old, new):
    before = hash_of(library)
    edit(library.parent / "job.py", old, new)
    assert hash_of(library) == before


@pytest.mark.parametrize(
    ("old", "new"), [("else 3", "else 4"), ('"text"', '"Text"'), ("argv=None", "argv=()"), ("is None", "is not None")]
)
def test_a_change_of_meaning_in_the_script_changes_it(library, old, new):
    before = hash_of(library)
    edit(library.parent / "job.py", old, new)
    assert hash_of(library) != before


MESSAGES = """
import logging


def check(value):
    if value < 3:
        raise ValueError(f"value: {value} is too small; raise it")
    print(f"value {value:.2f} is fine", flush=True)
    logging.getLogger().warning("done")
    return "result"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("is too small; raise it", "must be at least 3"),
        ('f"value: {value} is', 'f"{value} is'),
        ("is fine", "is valid"),
        (":.2f", ":.3f"),
        ('"done"', '"finished"'),
    ],
)
def test_the_words_of_errors_and_logs_change_nothing_but_the_expressions_in_them(library, old, new):
    (library.parent / "job.py").write_text(MESSAGES)
    before = hash_of(library)
    edit(library.parent / "job.py", old, new)
    assert (hash_of(library) == before) is (old != 'f"value: {value} is')


@pytest.mark.parametrize(
    ("old", "new"),
    [("value < 3", "value < 4"), ("ValueError", "KeyError"), ("flush=True", ""), ('"result"', '"other"')],
)
def test_all_else_about_them_does(library, old, new):
    (library.parent / "job.py").write_text(MESSAGES)
    before = hash_of(library)
    edit(library.parent / "job.py", old, new)
    assert hash_of(library) != before


@pytest.mark.parametrize("module", ["direct.py", "base.py"])
def test_a_constant_in_a_module_that_is_imported_by_any_route_changes_it(library, module):
    before = hash_of(library)
    edit(library / module, "LIMIT = 1", "LIMIT = 2")
    assert hash_of(library) != before


def test_a_package_counts_where_its_own_names_are_imported(library):
    before = hash_of(library)
    edit(library / "room/__init__.py", "LIMIT = 1", "LIMIT = 2")
    assert hash_of(library) == before
    edit(library / "base.py", "import mixtune.direct", "from .room import LIMIT as inner")
    before = hash_of(library)
    edit(library / "room/__init__.py", "LIMIT = 2", "LIMIT = 3")
    assert hash_of(library) != before


def test_packages_hold_nothing_but_names():
    """Else a job that imports only a module of the package would run code that its hash does not know."""
    for path in LIBRARY.rglob("__init__.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            names = isinstance(node, ast.Assign) and [target.id for target in node.targets] == ["__all__"]
            assert docstring or names or isinstance(node, ast.ImportFrom), f"{path}:{node.lineno}"


def test_an_import_inside_a_function_counts(library):
    before = hash_of(library)
    edit(library / "room/leaf.py", "from ..base", "X = 1\nfrom ..base")
    assert hash_of(library) != before


@pytest.mark.parametrize("module", ["config/config.py", "config/checks.py", "apart.py", "room/reader.py"])
def test_the_config_modules_and_what_is_not_imported_are_no_part(library, module):
    before = hash_of(library)
    edit(library / module, "LIMIT = 1", "LIMIT = 2")
    assert hash_of(library) == before


def test_a_module_loaded_by_name_is_part_where_it_is_named(library):
    before = hash_of(library, "mixtune.room.reader")
    assert before != hash_of(library)
    edit(library / "room/reader.py", "LIMIT = 1", "LIMIT = 2")
    assert hash_of(library, "mixtune.room.reader") != before


def test_a_renamed_script_or_a_moved_checkout(library, tmp_path):
    before = hash_of(library)
    shutil.copytree(library, tmp_path / "elsewhere/mixtune")
    shutil.copy(library.parent / "job.py", tmp_path / "elsewhere")
    assert hash_of(tmp_path / "elsewhere/mixtune") == before
    shutil.copy(library.parent / "job.py", library.parent / "other.py")
    assert hash_of(library, script="other.py") != before


def test_other_processes_agree(library):
    program = "from pathlib import Path; from mixtune.runs.code_hash import code_hash;print(code_hash(Path('job.py')))"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=library.parent,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(library.parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert hashes == {hash_of(library)}


def test_a_script_that_is_no_python_is_an_error_that_names_it(library):
    (library.parent / "job.py").write_text("def main(:\n")
    with pytest.raises(SyntaxError) as caught:
        hash_of(library)
    assert caught.value.filename == str(library.parent / "job.py")


def copy_checkout(folder: Path):
    """A copy of the real library and scripts, and a function that hashes every script."""
    copied = folder / "mixtune"
    shutil.copytree(LIBRARY, copied, ignore=shutil.ignore_patterns("__pycache__"))
    scripts = [shutil.copy(path, folder) for path in (ROOT / "workflow/scripts").glob("*.py")]

    def hashes() -> dict[str, str]:
        code_hash = fresh(copied)
        by_name = {"prepare_benchmark": ["mixtune.data.readers.tacred"], "plot": ["mixtune.reports.figures.matrix"]}
        rules = {Path(script).stem: Path(script) for script in scripts}
        return {rule: code_hash(script, *by_name.get(rule, [])) for rule, script in rules.items()}

    return copied, hashes


@pytest.fixture
def checkout(tmp_path):
    """A copy of the real library and scripts, to be changed, and a function that hashes every script."""
    return copy_checkout(tmp_path)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The hashes of all scripts of an unchanged copy, in another folder than those of `checkout`."""
    return copy_checkout(tmp_path_factory.mktemp("unchanged"))[1]()


def test_a_comment_in_every_module_of_the_library_reruns_no_job(checkout, before):
    copied, hashes = checkout
    for path in [*copied.rglob("*.py"), *copied.parent.glob("*.py")]:
        if path.name != "code_hash.py":
            path.write_text(path.read_text(encoding="utf-8") + "\n\n# A comment.\n", encoding="utf-8")
    assert hashes() == before


RENDERING = {"render_training", "render_prompts"}
RESAMPLING = {"intervals", "compare"}


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("data/readers/parsing.py", {"prepare_benchmark"}),
        ("data/readers/tacred.py", {"prepare_benchmark"}),
        ("data/readers/gids.py", set()),
        ("data/build_mixture.py", {"build_mixture"}),
        ("artifacts/download.py", {"fetch_benchmark", "fetch_model", "fetch_adapter"}),
        ("models/fetch_adapter.py", {"fetch_adapter"}),
        ("prompts/render_training.py", {"render_training"}),
        ("prompts/render_prompts.py", {"render_prompts"}),
        ("training/finetune.py", {"finetune"}),
        ("training/trainer.py", {"finetune"}),
        ("inference/predict.py", {"predict"}),
        ("baselines/predict_encoder.py", {"predict_encoder"}),
        ("baselines/finetune_encoder.py", {"finetune_encoder"}),
        ("baselines/predict_floors.py", {"predict_floors"}),
        ("baselines/predict_frontier.py", {"predict_frontier"}),
        ("evaluation/score.py", {"score"}),
        ("evaluation/significance.py", RESAMPLING),
        ("reports/tables/comparisons.py", {"compare"}),
        ("reports/figures/matrix.py", {"plot"}),
        ("reports/figures/style.py", {"plot"}),
        ("publishing/publish.py", {"publish"}),
        ("config/config.py", set()),
        ("config/jobs.py", set()),
        ("training/settings.py", set()),
        ("data/formats.py", set()),
        ("evaluation/formats.py", set()),
        ("artifacts/settings.py", set()),
        ("artifacts/run_cards.py", set()),
        ("artifacts/cache.py", set()),
        ("training/meter.py", set()),
        ("runs/cleanup.py", set()),
        ("commands/status.py", set()),
    ],
)
def test_a_changed_module_reruns_the_jobs_that_run_it_and_no_other(checkout, before, module, reruns):
    copied, hashes = checkout
    path = copied / module
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = 1\n", encoding="utf-8")
    assert {rule for rule, code in hashes().items() if code != before[rule]} == reruns


@pytest.mark.parametrize(
    ("module", "reruns", "leaves"),
    [
        ("prompts/messages.py", RENDERING, {"build_mixture", "score", "plot", "finetune", "predict"}),
        ("evaluation/scoring.py", {"score", *RESAMPLING}, {"finetune", "prepare_benchmark", "fetch_model"}),
        ("data/sampling.py", {"build_mixture", "render_prompts"}, {"prepare_benchmark", "fetch_benchmark", "finetune"}),
        ("models/qlora.py", {"finetune", "predict"}, {"finetune_encoder", "score", *RENDERING}),
    ],
)
def test_a_changed_module_that_several_jobs_run(checkout, before, module, reruns, leaves):
    copied, hashes = checkout
    path = copied / module
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = 1\n", encoding="utf-8")
    changed = {rule for rule, code in hashes().items() if code != before[rule]}
    assert reruns <= changed
    assert not changed & leaves


def test_every_message_reworded_reruns_no_job(checkout, before):
    """Of all errors that a job raises, each by its own text."""
    copied, hashes = checkout
    reworded = 0
    for path in copied.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                for argument in node.exc.args:
                    if (
                        isinstance(argument, ast.Constant)
                        and isinstance(argument.value, str)
                        and argument.lineno == argument.end_lineno
                    ):
                        line = lines[argument.lineno - 1]
                        lines[argument.lineno - 1] = line.replace(ast.get_source_segment(text, argument), '"reworded"')
                        reworded += 1
        path.write_text("".join(lines), encoding="utf-8")
    assert reworded > 20
    assert hashes() == before
