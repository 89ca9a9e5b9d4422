# The config, the matrix, and what each job depends on. No rules here.
import re
from functools import cache
from pathlib import Path

from mixtune.benchmarks.registry import REGISTRY
from mixtune.codehash import code_hash
from mixtune.config import ConfigError, load
from mixtune.manifests import canonical, digest, file_sha256
from mixtune.resources import resource

try:
    CONFIG = load(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

MATRIX = CONFIG.matrix
UNTUNED = "untuned"
CELL = "{model}/{mixture}/{shots}-shot/seed-{seed}"


def alternatives(values):
    """A regular expression that matches these values and nothing else."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!x)x"


wildcard_constraints:
    model=alternatives(CONFIG.models),
    mixture=alternatives([*CONFIG.mixtures, UNTUNED]),
    benchmark=alternatives(CONFIG.benchmarks),
    shots=r"\d+",
    seed=r"\d+",


# What is rendered: under `constrained` the decoder differs, the prompt is that of `schema`.
PROMPTS = list(dict.fromkeys("schema" if name == "constrained" else name for name in MATRIX.conditions))

SYSTEMS = [
    CELL.format(model=model, mixture=mixture, shots=shots, seed=seed)
    for model in MATRIX.models
    for mixture in MATRIX.mixtures
    for shots in MATRIX.shots
    for seed in MATRIX.seeds
] + [
    CELL.format(model=model, mixture=UNTUNED, shots=shots, seed=0)
    for model in (MATRIX.models if MATRIX.untuned else ())
    for shots in MATRIX.shots
]


@cache
def code(script, *modules):
    """Hash of a job's program and of all library code that it runs."""
    return code_hash(Path("workflow/scripts") / f"{script}.py", *modules)


def origin(entry):
    """The chosen origin of a model or benchmark, resolved; what is not chosen stays out."""
    chosen = getattr(entry, entry.origin, None)
    return {
        "origin": entry.origin,
        entry.origin: chosen if isinstance(chosen, str | None) else chosen.model_dump(),
    }


# One function per rule: the job's `params`, a canonical JSON string of exactly what it depends on.


def model_settings(wildcards):
    entry = CONFIG.models[wildcards.model]
    name = entry.hub.id if entry.hub else wildcards.model
    return canonical({"model": wildcards.model, "name": name, **origin(entry), "code": code("fetch_model")})


def folder_files(path):
    """All files of a folder, none where it is missing, so that planning always works; the job says what to do."""
    folder = Path(path).expanduser()
    if folder.is_relative_to(Path.cwd()):  # an absolute path would make all results stale in a moved checkout
        folder = folder.relative_to(Path.cwd())
    return sorted(str(file) for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []


def model_files(wildcards):
    """The files of a local model that are there at planning time; other origins have none."""
    entry = CONFIG.models[wildcards.model]
    return folder_files(entry.path) if entry.origin == "path" else []


def fetched_benchmark_settings(wildcards):
    entry = CONFIG.benchmarks[wildcards.benchmark]
    return canonical({"benchmark": wildcards.benchmark, **origin(entry), "code": code("fetch_benchmark")})


def benchmark_settings(wildcards):
    name = wildcards.benchmark
    entry = CONFIG.benchmarks[name]
    known = REGISTRY.get(name)
    reader = [f"mixtune.benchmarks.{name}"] if known else []
    labels = known.labels if known else None  # the inventory that ships, if one does
    return canonical(
        {
            "benchmark": name,
            **origin(entry),
            "labels": digest(*labels) if labels else None,
            "negative": entry.negative,
            "expect": "sample" if entry.origin == "sample" else entry.expect,
            "label_map": entry.label_map,
            "options": entry.options(),
            "splits": CONFIG.splits.model_dump(),
            "data_seed": CONFIG.data_seed,
            "code": code("prepare_benchmark", *reader),
        }
    )


def benchmark_files(wildcards):
    """What a preparation reads: a fetched copy's manifest, or native files that are there at planning time."""
    name = wildcards.benchmark
    entry = CONFIG.benchmarks[name]
    tables = [entry.label_map] if entry.label_map and Path(entry.label_map).is_file() else []
    if entry.origin == "hub":
        return [f"results/fetched/{name}/manifest.json", *tables]
    return folder_files(entry.path if entry.origin == "path" else resource("sample", name)) + tables


def mixture_settings(wildcards):
    mixture = CONFIG.mixtures[wildcards.mixture]
    return canonical(
        {
            "mixture": wildcards.mixture,
            "domains": {name: CONFIG.domain(name) for name in mixture.benchmarks},
            "balance": mixture.balance,
            "max_rows": mixture.max_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("build_mixture"),
        }
    )


def mixture_benchmarks(wildcards):
    return [
        f"results/benchmarks/{name}/manifest.json" for name in CONFIG.mixtures[wildcards.mixture].benchmarks
    ]


def training_prompt_settings(wildcards):
    training = CONFIG.training
    return canonical(
        {
            "shots": int(wildcards.shots),
            "condition": training.condition,
            "max_length": training.max_length,
            "validation_rows": training.validation_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("render_training"),
        }
    )


def prompt_settings(wildcards):
    return canonical(
        {
            "shots": int(wildcards.shots),
            "max_length": CONFIG.prediction.max_length,
            "test_rows": CONFIG.prediction.test_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("render_prompts"),
        }
    )


def finetune_settings(wildcards):
    rendering = {"max_length", "condition", "validation_rows"}
    return canonical(
        {
            **CONFIG.training.model_dump(exclude=rendering),
            "lora": CONFIG.lora(wildcards.model),
            "seed": int(wildcards.seed),
            "code": code("finetune"),
        }
    )


def predict_settings(wildcards):
    chosen = CONFIG.prediction.model_dump(include={"max_new_tokens", "constrained"})
    return canonical({**chosen, "code": code("predict")})


def adapter(wildcards):
    """The adapter that a system predicts with; an untuned base model has none."""
    return (
        [] if wildcards.mixture == UNTUNED else f"results/adapters/{CELL.format(**wildcards)}/manifest.json"
    )


def score_settings(wildcards):
    system = {
        "system": CELL.format(**wildcards),
        "kind": "untuned" if wildcards.mixture == UNTUNED else "cell",
        "model": wildcards.model,
        "mixture": wildcards.mixture,
        "shots": int(wildcards.shots),
        "seed": int(wildcards.seed),
    }
    return canonical(
        {
            "system": system,
            "conditions": MATRIX.conditions,
            "benchmarks": sorted(MATRIX.benchmarks),
            "negatives": CONFIG.scoring.negatives,
            "code": code("score"),
        }
    )


def report_setup():
    """What tables and figures need to know of the experiment."""
    selected = [
        {
            "name": name,
            "title": REGISTRY[name].title if name in REGISTRY else name,
            "domain": CONFIG.domain(name),
        }
        for name in MATRIX.benchmarks
    ]
    mixtures = {name: CONFIG.mixtures[name] for name in MATRIX.mixtures}
    return {
        "models": MATRIX.models,
        "mixtures": [{"name": name, "benchmarks": mixture.benchmarks} for name, mixture in mixtures.items()],
        "shots": MATRIX.shots,
        "seeds": MATRIX.seeds,
        "conditions": MATRIX.conditions,
        "benchmarks": selected,
        "headline_condition": CONFIG.reports.headline_condition,
        "caps": {
            "test_rows": CONFIG.prediction.test_rows,
            "max_rows": {name: mixture.max_rows for name, mixture in mixtures.items()},
        },
        "domains": {b: CONFIG.domain(b) for mixture in mixtures.values() for b in mixture.benchmarks},
        "sample": [name for name in MATRIX.benchmarks if CONFIG.benchmarks[name].origin == "sample"],
    }


# Benchmarks that are evaluated on or trained on, and all that is rendered of them.
BENCHMARKS = list(
    dict.fromkeys(
        [
            *MATRIX.benchmarks,
            *(name for mixture in MATRIX.mixtures for name in CONFIG.mixtures[mixture].benchmarks),
        ]
    )
)
RENDERED = [
    f"results/rendered/{model}/{use}/{shots}-shot/manifest.json"
    for model in MATRIX.models
    for use in ["prompts", *(f"training/{mixture}" for mixture in MATRIX.mixtures)]
    for shots in MATRIX.shots
]


def audit_settings(wildcards):
    return canonical({"domains": {name: CONFIG.domain(name) for name in BENCHMARKS}, "code": code("audit")})


def plot_data_settings(wildcards):
    return canonical({"setup": report_setup(), "code": code("plot_data")})


def aggregate_settings(wildcards):
    return canonical({"setup": report_setup(), "systems": SYSTEMS, "code": code("aggregate")})


def plot_matrix_settings(wildcards):
    return canonical({"setup": report_setup(), "code": code("plot_matrix")})


def plot_shots_settings(wildcards):
    return canonical({"setup": report_setup(), "code": code("plot_shots")})


def page_settings(wildcards):
    templates = sorted(Path("src/mixtune/page/templates").iterdir())
    return canonical(
        {
            "setup": report_setup(),
            "templates": {file.name: file_sha256(file) for file in templates},
            "code": code("page"),
        }
    )


def export_settings(wildcards):
    mixture = CONFIG.mixtures[wildcards.mixture]
    sources = [(name, CONFIG.benchmarks[name], REGISTRY.get(name)) for name in mixture.benchmarks]
    return canonical(
        {
            "mixture": wildcards.mixture,
            "balance": mixture.balance,
            "max_rows": mixture.max_rows,
            "data_seed": CONFIG.data_seed,
            "shots": MATRIX.shots,
            "sources": [
                {
                    "name": name,
                    "title": known.title if known else name,
                    "origin": entry.origin,
                    "hub": entry.hub.id if entry.origin == "hub" else "",
                    "licence": known.licence if known else "not known",
                    "redistributable_as": known.redistributable_as if known else "",
                    "asked_for": name in CONFIG.export.licensed,
                }
                for name, entry, known in sources
            ],
            "code": code("export_mixture"),
        }
    )


def table_outputs(names, category):
    """The CSV files of tables, each with its place and caption in Snakemake's report."""
    return {
        name: report(
            f"reports/tables/{name}.csv",
            caption=f"../report/{name}.rst",
            category=category,
            labels={"table": name},
        )
        for name in names
    }
