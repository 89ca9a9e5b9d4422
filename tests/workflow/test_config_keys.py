"""No key of config.yaml is dead, and no wrong one gets as far as a job."""

import copy
import io
import multiprocessing
import os
import re
import shlex
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from inspect import signature
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from mixtune.config import jobs
from mixtune.config.config import load
from mixtune.config.matrix import MatrixPlan
from mixtune.runs import code_hash
from mixtune.systems import System, variant_folder

# Values of keys that allow a few words only; the second is taken where the first is set.
WORDS = {
    "condition": ("generic", "schema"),
    "headline_condition": ("schema", "generic"),
    "negatives": ("benchmark", "paper"),
    "balance": ("natural", "domain"),
    "constrained": ("greedy", "exact"),
}
STRINGS = {
    "id": "somebody/something",
    "revision": "v2",
    "config": "other",
    "path": "elsewhere",
    "namespace": "somebody-else",
    **dict.fromkeys(("gentune", "littune", "mixtune"), "Another"),
    "base_url": "http://elsewhere/v1",
    "model": "bigger",
    "key_variable": "OTHER_KEY",
}
BIG = {
    "base_url": "http://localhost/v1", "model": "big", "key_variable": "BIG_KEY", "price": {"input": 1, "output": 2},
    "spending_limit": 5, "body": {"max_tokens": 64}, "concurrency": 8, "timeout": 60, "retries": 8,
}  # fmt: skip
CELL = "SmolLM3-3B/mixtune/0-shot/seed-42"
ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
FIGURES = ("matrix", "shots", "scaling", "domains", "benchmarks", "published", "data", "training")
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
# No demonstrations suffice to see a difference. A balanced mixture needs both domains, so all mixtures get both.
COMPARISONS = [
    {"name": "mixtures", "vary": "mixture", "of": ["gentune", "littune"]},
    {"name": "models", "vary": "model", "of": ["*", "SmolLM3-3B"]},
]
VARIANTS = {
    "other": {
        "models": ["SmolLM2-360M*", "SmolLM3*"],
        "training": {
            "epochs": 2.0, "learning_rate": 0.001, "warmup": 0.2, "weight_decay": 0.2, "batch_size": 16,
            "max_length": 512, "condition": "schema", "validation_rows": 10,
        },
        "lora": {"r": 8, "alpha": 8, "dropout": 0.2, "targets": ["q_proj", "v_proj"]},
        "mixture": {"max_rows": 100, "balance": "domain"},
    },
    "rates": {"models": ["SmolLM3*", "Qwen*"], "grid": {"training.learning_rate": [0.01, 0.02]}},
}  # fmt: skip
BASE = {
    "matrix": {
        "models": list(SHIPPED["models"]), "shots": [0], "frontier": ["big", "other"],
        "variants": ["default", "other", "rates"],
    },
    "variants": VARIANTS,
    "frontier": {"big": BIG, "other": {**BIG, "model": "other"}},
    "statistics": {"comparisons": COMPARISONS},
    "mixtures": {name: {"benchmarks": SHIPPED["matrix"]["benchmarks"]} for name in SHIPPED["mixtures"]},
    "publish": {"namespace": "somebody"},  # without which nothing can be published
}  # fmt: skip
CONFIG = copy.deepcopy(SHIPPED)
update_config(CONFIG, BASE)


def leaves(node, path=()):
    """Paths and values of all that is no mapping."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, node


def nested(path, value):
    """A mapping that sets one key."""
    for key in reversed(path):
        value = {key: value}
    return value


def changed(key, value):
    """Another possible value of a key, and what must be set with it."""
    if key == "origin":
        return {"origin": "path" if value == "hub" else "sample", "path": "elsewhere"}
    if key in WORDS:
        first, second = WORDS[key]
        return {key: second if value == first else first}
    if value == []:
        return {key: ["tacred"]}
    if isinstance(value, list):
        return {key: value[1:] if len(value) > 1 else [value[0] + 1]}
    if isinstance(value, str):
        return {key: STRINGS[key]}
    if value is None or isinstance(value, bool):
        return {key: 7 if value is None else not value}
    return {key: value + 1 if isinstance(value, int) else value / 2}


# What config.yaml sets, and what it only mentions, each with another value.
KEYS = {path: changed(path[-1], value) for path, value in leaves(CONFIG)}
KEYS |= {
    ("benchmarks", "gids", "expect"): {"expect": "any"},
    ("benchmarks", "gids", "files"): {"files": {"test": "other.tsv"}},
    ("benchmarks", "gids", "quoting"): {"quoting": "csv"},
    ("benchmarks", "gids", "label_map"): {"label_map": "labels.csv"},
    ("benchmarks", "re_docred", "unit"): {"unit": "document"},
    ("benchmarks", "re_docred", "negative_share"): {"unit": "document", "negative_share": 0.1},
    ("benchmarks", "biographical", "annotation"): {"annotation": "human"},
    ("publish", "adapters"): {"adapters": [CELL]},
    ("publish", "mixtures"): {"mixtures": ["mixtune"]},
    ("reports", "names"): {"names": {"tacred": "Another"}},
    ("models", "SmolLM3-3B", "adapters"): {"adapters": {"mixtune": {0: {"origin": "path", "path": "elsewhere"}}}},
    ("models", "SmolLM3-3B", "licence"): {"licence": {"id": "other", "name": "own"}},
    ("benchmarks", "gids", "licence"): {"licence": {"id": "mit"}},
    ("benchmarks", "gids", "markers"): {
        "columns": {"text": "sentence", "relation": "link"},
        "markers": {"head": ["<"], "tail": [">"]},
    },
    ("benchmarks", "gids", "columns"): {
        "columns": {"text": "sentence", "head": "a", "tail": "b", "relation": "link", "head_type": "kind"}
    },
}
for key, value in {
    "name": {"name": "training"},
    "vary": {"vary": "system"},
    "of": {"of": ["littune", "gentune"]},
    "where": {"where": {"model": ["SmolLM3-3B"]}},
}.items():
    KEYS["statistics", f"comparisons.{key}"] = {"comparisons": [COMPARISONS[0] | value, COMPARISONS[1]]}


def merged(overlay):
    """The typed configuration of an overlay."""
    raw = copy.deepcopy(SHIPPED)
    update_config(raw, overlay)
    return load(raw)


def settings(config):
    """The serialised settings of all jobs that `all`, `export_mixtures` and `publish` plan, by rule."""
    plan, chosen = MatrixPlan(config), config.matrix
    systems = [system for path in plan.systems if (system := System.parse(path))]
    cells = [
        vars(cell) | {"variant": variant_folder(cell.variant), "rows": plan.tunings[str(cell)].rows}
        for cell in map(System.parse, plan.tuned)
    ]
    domains = {
        "fetch_model": [{"model": name} for name in [*chosen.models, *chosen.encoders]],
        "fetch_adapter": [{"released": path} for path in plan.released],
        "fetch_benchmark": [{"benchmark": b} for b in plan.prepared if config.benchmarks[b].origin == "hub"],
        "prepare_benchmark": [{"benchmark": benchmark} for benchmark in plan.prepared],
        "build_mixture": [{"draw": draw} for draw in plan.drawn],
        "export_mixture": [{"mixture": mixture} for mixture in chosen.mixtures],
        "render_prompts": [vars(system) for system in systems],
        "finetune_encoder": [{"seed": seed} for seed in chosen.seeds],
        "predict_frontier": [{"frontier": name} for name in chosen.frontier],
        "frontier_terms": [{"frontier": name} for name in chosen.frontier],
        "score": [{"system": path} for path in plan.systems],
        "intervals": [{"series": name} for name in plan.series],
        "plot": [{"figure": name} for name in FIGURES],
        **dict.fromkeys(("render_training", "finetune", "card"), cells),
    }
    found = set()
    for rule in {rule for rule in dir(jobs) if rule in SCRIPTS} | {"frontier_terms"}:
        build = getattr(jobs, rule)
        names = [name for name in signature(build).parameters if name != "plan"]
        for wildcards in domains.get(rule, [{}]):
            of_job = build(plan, **{name: str(wildcards[name]) for name in names})
            hashed = rule not in ("frontier_terms", "publish")
            found.add((rule, of_job.serialise(code_hash.of_job(rule, vars(of_job)) if hashed else "")))
    return found


def commands(project, overlay):
    """The shell commands of all jobs that an overlay plans; for a process of its own."""
    import snakemake.cli

    os.chdir(project.folder)
    output = io.StringIO()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config, redirect_stdout(output), redirect_stderr(output):
        yaml.safe_dump(overlay, config)
        config.flush()
        try:
            snakemake.cli.main(
                ["all", "export_mixtures", "publish", "-n", "-p", "--cores", "1", "--configfile", config.name]
            )
        except SystemExit as end:
            status = end.code
    text = output.getvalue()
    return text if status else set(re.findall(r"^Shell command: (.*)", text, re.MULTILINE))


def forked(function, *arguments):
    """What a function returns in a fork of this process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as fork:
        return fork.submit(function, *arguments).result()


@pytest.fixture(scope="module")
def plan(shipped):
    """The commands that an overlay plans, found in a fork of a process that has planned before: `plan(overlay)`."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as planner:
        yield cache(lambda text: planner.submit(forked, commands, shipped, yaml.safe_load(text)).result())


@pytest.fixture(scope="module")
def unchanged():
    return settings(merged(BASE))


def passed(command):
    """Rule and settings, rule and terms, in a job's command."""
    words = shlex.split(command)
    rule = next((word for word in words if word.startswith("workflow.scripts.")), "").rpartition(".")[2]
    for option, name in (("--settings", rule), ("--terms", "frontier_terms")):
        if option in words:
            yield name, words[words.index(option) + 1]


def test_jobs_are_given_their_settings_and_nothing_else(plan, unchanged):
    planned = plan(yaml.safe_dump(BASE))
    assert isinstance(planned, set), f"planning failed:\n{planned}"
    assert {pair for command in planned for pair in passed(command)} == unchanged


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_dead_config_key(plan, unchanged, path):
    """The settings of a job change, or else the planned commands (their input files)."""
    overlay = copy.deepcopy(BASE)
    update_config(overlay, nested(path[:-1], KEYS[path]))
    if settings(merged(overlay)) != unchanged:
        return
    planned = plan(yaml.safe_dump(overlay))
    assert isinstance(planned, set), f"planning failed:\n{planned}"
    assert planned != plan(yaml.safe_dump(BASE))


def test_every_problem_is_reported_before_any_job_runs(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    wrong = {"training": {"epoch": 3, "learning_rate": "fast"}, "matrix": {"models": ["Smol"]}}
    (project / "tiny.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    output = project.snakemake(status=1).output
    assert "3 problem(s)" in output
    for problem in (
        "training.epoch: unknown key; did you mean 'epochs'?",
        "training.learning_rate: 'fast' is not possible",
        "matrix.models: unknown name 'Smol', not found under `models`",
    ):
        assert problem in output
    assert "Traceback" not in output
    assert not (project / "results").exists()
    assert not (project / "logs").exists()
