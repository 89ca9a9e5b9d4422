"""Score files worked by hand, of three benchmarks; general and overall averages are round numbers."""

import math

import pytest

from mixtune.reports.settings import Experiment
from mixtune.reports.tables.matrix import matrix
from mixtune.reports.tables.scores import scores

SETUP = {
    "models": ["small", "large"],
    "mixtures": {
        "mixtune": {"benchmarks": ["tacred", "gids", "pg_fiction"]},
        "gentune": {"benchmarks": ["tacred", "gids"]},
        "littune": {"benchmarks": ["pg_fiction"]},
    },
    "shots": [0],
    "variants": ["default"],
    "seeds": [42],
    "conditions": ["generic", "schema"],
    "benchmarks": {
        "tacred": {"title": "TACRED", "domain": "general"},
        "gids": {"title": "GIDS", "domain": "general"},
        "pg_fiction": {"title": "PG-Fiction", "domain": "literary"},
    },
    "headline_condition": "schema",
    "caps": {"test_rows": None, "max_rows": {"mixtune": 2000}},
    "sample": [],
}
F1 = {"tacred": 0.5, "gids": 0.75, "pg_fiction": 0.25}  # general 0.625, overall 0.5
BASE = {"tacred": 0.25, "gids": 0.25, "pg_fiction": 0.0}  # general 0.25, overall 1/6


def score_of(f1, **more):
    rates = dict.fromkeys(["precision", "recall", "micro_f1", "macro_f1", "accuracy"], f1)
    return {
        "n": 8,
        "tp": 1,
        "fp": 2,
        "fn": 3,
        **rates,
        "out_of_schema": 0.0,
        "empty": 0.0,
        "per_class": {},
        **more,
    }


def file_of(mixture, f1, model="small", seed=42, conditions=("schema",), **more):
    """A score file with the same micro-F1 under each condition."""
    kind, seed = ("untuned", 0) if mixture == "untuned" else ("cell", seed)
    scores = {name: {benchmark: score_of(value) for benchmark, value in f1.items()} for name in conditions}
    return {
        "system": f"{model}/{mixture}/0-shot/seed-{seed}", "kind": kind, "model": model, "mixture": mixture,
        "shots": 0, "variant": "default", "seed": seed, "negatives": "benchmark", "scores": scores, **more,
    }  # fmt: skip


def baseline_file(kind, model, f1, seed=0):
    """A score file of a baseline."""
    system, any_condition = f"{kind}/{model}", {"any": {benchmark: score_of(value) for benchmark, value in f1.items()}}
    return file_of(kind, {}, model=model, kind=kind, system=system, seed=seed, scores=any_condition)


BASELINE_FILES = [
    baseline_file("ceiling", "duplicates", dict.fromkeys(F1, 1.0)),
    baseline_file("floor", "majority", dict.fromkeys(F1, 0.0)),
    baseline_file("encoder", "roberta-large", F1, seed=42),
    baseline_file("encoder", "roberta-base", {"tacred": 0.25, "gids": 0.25, "pg_fiction": 0.625}, seed=42),
]


def matrix_of(*files, setup=SETUP):
    return matrix(scores(files), setup)


def equal(values, expected):
    """Whether two rows of numbers are equal, NaN being equal to NaN."""
    pairs = zip(values, expected, strict=True)
    return all(a == pytest.approx(b, abs=1e-12, nan_ok=True) for a, b in pairs)


NAN = math.nan
AVERAGES = ["general_avg", "literary_avg", "overall_avg"]


def experiment(**changes):
    """The experiment of SETUP."""
    lists = {key: [{"name": name, **entry} for name, entry in SETUP[key].items()] for key in ("mixtures", "benchmarks")}
    return Experiment(**{**SETUP, **lists, "domains": {}, "released": [], "names": {}, **changes})
