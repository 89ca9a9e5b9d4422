"""Layout of a project folder: which path each output has. Rules and commands take paths from here alone.

Wildcards are in braces. A system is a cell `MODEL/MIXTURE/N-shot/seed-S` (of a variant: `…/N-shot/VARIANT/seed-S`), or
a baseline such as `floor/majority`. A mixture is drawn, and its rows are rendered, once for all variants with the same
settings of it: `{draw}` and `{rows}` are its name, and the settings that differ from those of the configuration.
"""

import re
from pathlib import Path

from .systems import PATH, System

RESULTS, REPORTS, LOGS, SCRATCH = Path("results"), Path("reports"), Path("logs"), Path("scratch")

FETCHED = "results/fetched/{benchmark}/manifest.json"
BENCHMARK = "results/benchmarks/{benchmark}/manifest.json"
BENCHMARK_FILE = "results/benchmarks/{benchmark}/{file}"
ALL_BENCHMARKS = "results/benchmarks/all.json"
MIXTURE = "results/mixtures/{draw}/manifest.json"
MIXTURE_SPLIT = "results/mixtures/{draw}/{split}.parquet"

MODEL = "results/models/{model}/manifest.json"
RELEASED = "results/released/{released}/manifest.json"
RELEASED_FILE = "results/released/{released}/{file}"

TRAINING = "results/rendered/{model}/training/{rows}/{shots}-shot/manifest.json"
TRAINING_SPLIT = "results/rendered/{model}/training/{rows}/{shots}-shot/{split}.parquet"
PROMPTS = "results/rendered/{model}/prompts/{shots}-shot/manifest.json"
PROMPT_FILE = "results/rendered/{model}/prompts/{shots}-shot/{condition}/{benchmark}.parquet"

ADAPTER = f"results/adapters/{PATH}/manifest.json"
ADAPTER_FILE = f"results/adapters/{PATH}/{{file}}"
ENCODER = "results/encoders/{encoder}/{benchmark}/seed-{seed}/manifest.json"
ENCODER_FILE = "results/encoders/{encoder}/{benchmark}/seed-{seed}/{file}"

PREDICTIONS = "results/predictions/{system}/manifest.json"
PREDICTION_CARD = "results/predictions/{system}/run_card.json"
PREDICTION_FILE = "results/predictions/{system}/{condition}/{benchmark}.parquet"
SCORES = "results/scores/{system}.json"
INTERVALS = "results/intervals/{series}.json"

EXPORT = "results/exports/{mixture}/manifest.json"
EXPORT_DATA = "results/exports/{mixture}/data/{split}_{shots}-00000-of-00001.parquet"
EXPORT_CARD = "results/exports/{mixture}/README.md"
RECEIPT = "results/published.txt"

TABLES = "reports/tables"
TABLE = "reports/tables/{table}.{ending}"
README = "reports/README.md"
FIGURE = "reports/figures/{figure}.{ending}"
PAGE = "reports/index.html"


def of_system(pattern: str, system: str) -> str:
    """Return the path of one system: `pattern` has the wildcard `{system}`, or those of a cell.

    >>> of_system(ADAPTER, "smol/mixtune/0-shot/seed-42")
    'results/adapters/smol/mixtune/0-shot/seed-42/manifest.json'
    """
    return pattern.replace(PATH, system).replace("{system}", system)


def of_manifest(path: str) -> System | None:
    """Return the cell or untuned model that an adapter's or predictions' manifest belongs to; None for another file.

    >>> of_manifest("results/predictions/smol/mixtune/0-shot/seed-42/manifest.json")
    System(model='smol', mixture='mixtune', shots=0, seed=42, variant='default')
    """
    match = re.fullmatch(r"results/(?:adapters|predictions)/(.+)/manifest\.json", path)
    return System.parse(match[1]) if match else None


def log(rule: str, job: str = "") -> Path:
    """Return the log of a rule's job; `job` holds its wildcards.

    >>> log("score", "floor/majority").as_posix()
    'logs/score/floor/majority.log'
    """
    return LOGS / f"{rule}{job and '/'}{job}.log"
