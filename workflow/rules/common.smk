# The config, the matrix, and what each job depends on. No rules here.
import gc
import re
from functools import cache
from itertools import product
from pathlib import Path

from mixtune.runs import run_lock as runs
from mixtune.data.registry import REGISTRY
from mixtune.runs.code_hash import code_hash
from mixtune.config.config import ConfigError, load
from mixtune.errors import UserError
from mixtune.artifacts.manifests import canonical, digest, file_sha256
from mixtune.resources import resource
from mixtune.config.matrix import systems
from mixtune.systems import ANY, PATH, RUNS, UNTUNED, arm

# Thousands of jobs are millions of objects, and none is garbage: to look for it took an eighth of planning's time.
gc.set_threshold(1_000_000, 50, 1000)

try:
    CONFIG = load(config)
    if workflow.is_main_process:
        runs.check()
except (ConfigError, UserError) as error:
    raise WorkflowError(str(error)) from None


# Snakemake's lock on a folder does not tell whose it is.
onstart:
    if workflow.is_main_process:
        runs.record()


MATRIX = CONFIG.matrix


def alternatives(values):
    """A regular expression that matches these values and nothing else."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!x)x"


# Constraints become part of every path, which Snakemake scans for each job: with names in them, planning would grow with
# the square of the number of models. So models are named by the rule that fetches them alone, and a system is recognised by its form.
wildcard_constraints:
    model="[^/]+",
    mixture=alternatives([*CONFIG.mixtures, UNTUNED]),
    benchmark=alternatives(CONFIG.benchmarks),
    shots=r"\d+",
    seed=r"\d+",


# What is rendered: under `constrained` the decoder differs, the prompt is that of `schema`.
PROMPTS = list(dict.fromkeys("schema" if name == "constrained" else name for name in MATRIX.conditions))

# How a frontier model is asked: its decoder is out of reach.
UNCONSTRAINED = [name for name in MATRIX.conditions if name != "constrained"]


def one_a_condition(pattern, conditions):
    """One file of each condition, to stand for all: 27 a cell would double the time of planning."""
    return expand(pattern, condition=conditions, benchmark=MATRIX.benchmarks[0])


# The cells that are tuned here; the others have an adapter that exists.
TUNED = [
    system
    for system in systems(CONFIG)
    if system.mixture != UNTUNED and not CONFIG.released(system.model, system.mixture, system.shots)
]
ENCODER = "encoder/{encoder}/seed-{seed}"
FRONTIER = "frontier/{frontier}"
FLOORS = [f"{'ceiling' if name == 'duplicates' else 'floor'}/{name}" for name in MATRIX.floors]


def facts(kind, model, mixture, shots=0, seed=0):
    """What scores and tables tell of a system."""
    return {"kind": kind, "model": model, "mixture": mixture, "shots": shots, "seed": seed}


# What is evaluated, each system by its path.
SYSTEMS = {
    str(system): {"kind": UNTUNED if system.mixture == UNTUNED else "cell", **vars(system)}
    for system in systems(CONFIG)
}
SYSTEMS |= {
    ENCODER.format(encoder=name, seed=seed): facts("encoder", name, "encoder", seed=seed)
    for name, seed in product(MATRIX.encoders, MATRIX.seeds)
}
SYSTEMS |= {FRONTIER.format(frontier=name): facts("frontier", name, "frontier") for name in MATRIX.frontier}
SYSTEMS |= {path: facts(kind, name, kind) for path in FLOORS for kind, name in [path.split("/")]}
BESIDES = [system for system, of in SYSTEMS.items() if of["kind"] not in ("cell", UNTUNED)]


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
    section = "models" if wildcards.model in CONFIG.models else "encoders"
    entry = getattr(CONFIG, section)[wildcards.model]
    name = entry.hub.id if entry.hub else wildcards.model
    chosen = {"section": section, "model": wildcards.model, "name": name, **origin(entry)}
    return canonical({**chosen, "code": code("fetch_model")})


def folder_files(path):
    """All files of a folder, none where it is missing, so that planning always works; the job says what to do."""
    folder = Path(path).expanduser()
    if folder.is_relative_to(Path.cwd()):  # an absolute path would make all results stale in a moved checkout
        folder = folder.relative_to(Path.cwd())
    return sorted(str(file) for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []


def model_files(wildcards):
    """The files of a local model that are there at planning time; other origins have none."""
    entry = {**CONFIG.models, **CONFIG.encoders}[wildcards.model]
    return folder_files(entry.path) if entry.origin == "path" else []


def fetched_benchmark_settings(wildcards):
    entry = CONFIG.benchmarks[wildcards.benchmark]
    return canonical({"benchmark": wildcards.benchmark, **origin(entry), "code": code("fetch_benchmark")})


def benchmark_settings(wildcards):
    name = wildcards.benchmark
    entry = CONFIG.benchmarks[name]
    known = REGISTRY.get(name)
    reader = [f"mixtune.data.readers.{name}"] if known else []
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
    others = {"max_length", "condition", "validation_rows", "encoder"}  # of rendering, and of encoders
    return canonical(
        {
            **CONFIG.training.model_dump(exclude=others),
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
    if wildcards.mixture == UNTUNED:
        return []
    runs = RUNS.format(**wildcards)
    folder = f"released/{runs}" if runs in RELEASED else f"adapters/{PATH.format(**wildcards)}"
    return f"results/{folder}/manifest.json"


def finetune_encoder_settings(wildcards):
    return canonical(
        {
            **CONFIG.training.encoder.model_dump(),
            "seed": int(wildcards.seed),
            "data_seed": CONFIG.data_seed,
            "code": code("finetune_encoder"),
        }
    )


def predict_encoder_settings(wildcards):
    return canonical(
        {
            "max_length": CONFIG.training.encoder.max_length,
            "test_rows": CONFIG.prediction.test_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("predict_encoder"),
        }
    )


def predict_floors_settings(wildcards):
    return canonical(
        {
            "test_rows": CONFIG.prediction.test_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("predict_floors"),
        }
    )


def asked(system):
    """The conditions of a system's predictions."""
    if system not in SYSTEMS:
        raise WorkflowError(
            f"{system} is no system of the configured matrix; add it to `matrix` in config.yaml"
        )
    found = {"cell": MATRIX.conditions, UNTUNED: MATRIX.conditions, "frontier": UNCONSTRAINED}
    return found.get(SYSTEMS[system]["kind"], [ANY])


def predictions(wildcards):
    """A system's predictions, of each condition one file."""
    pattern = f"results/predictions/{wildcards.system}/{{condition}}/{{benchmark}}.parquet"
    return one_a_condition(pattern, asked(wildcards.system))


def score_settings(wildcards):
    return canonical(
        {
            "system": {"system": wildcards.system, **SYSTEMS[wildcards.system]},
            "conditions": asked(wildcards.system),
            "benchmarks": sorted(MATRIX.benchmarks),
            "negatives": CONFIG.scoring.negatives,
            "code": code("score"),
        }
    )


def report_setup():
    """What tables and figures need to know of the experiment."""
    names = CONFIG.reports.names
    selected = [
        {
            "name": name,
            "title": names.get(name, REGISTRY[name].title if name in REGISTRY else name),
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
        "released": [
            RUNS.format(model=model, mixture=mixture, shots=shots)
            for model, mixture, shots in product(MATRIX.models, MATRIX.mixtures, MATRIX.shots)
            if CONFIG.released(model, mixture, shots)
        ],
        "names": names,
    }


# Mixtures that are trained on; benchmarks that are evaluated on or trained on; and all that is rendered of them.
MIXTURES = sorted({system.mixture for system in TUNED}, key=MATRIX.mixtures.index)
BENCHMARKS = list(
    dict.fromkeys(
        [*MATRIX.benchmarks, *(name for mixture in MIXTURES for name in CONFIG.mixtures[mixture].benchmarks)]
    )
)
RENDERED = [
    f"results/rendered/{model}/{f'training/{mixture}' if mixture else 'prompts'}/{shots}-shot/manifest.json"
    for model in MATRIX.models
    for mixture in [None, *MIXTURES]
    for shots in MATRIX.shots
    if mixture is None or not CONFIG.released(model, mixture, shots)
]


def audit_settings(wildcards):
    return canonical({"domains": {name: CONFIG.domain(name) for name in BENCHMARKS}, "code": code("audit")})


def aggregate_settings(wildcards):
    return canonical({"setup": report_setup(), "systems": list(SYSTEMS), "code": code("aggregate")})


def mixture_sources(mixture):
    """What others must know of the benchmarks that a mixture is made of."""
    sources = [
        (name, CONFIG.benchmarks[name], REGISTRY.get(name)) for name in CONFIG.mixtures[mixture].benchmarks
    ]
    return [
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
    ]


def page_settings(wildcards):
    templates = sorted(Path("src/mixtune/reports/page/templates").iterdir())
    return canonical(
        {
            "setup": report_setup(),
            "templates": {file.name: file_sha256(file) for file in templates},
            "code": code("page"),
        }
    )


def export_settings(wildcards):
    mixture = CONFIG.mixtures[wildcards.mixture]
    return canonical(
        {
            "mixture": wildcards.mixture,
            "balance": mixture.balance,
            "max_rows": mixture.max_rows,
            "data_seed": CONFIG.data_seed,
            "shots": MATRIX.shots,
            "sources": mixture_sources(wildcards.mixture),
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
