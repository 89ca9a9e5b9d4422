# The configuration, its matrix, and what the rules of several files share. No rules.
import gc
import re
import sys
from inspect import signature

from mixtune import layout
from mixtune.config import inputs, jobs, overlays
from mixtune.config.config import ConfigError, load
from mixtune.config.matrix import ENCODER, FRONTIER, MatrixPlan
from mixtune.errors import UserError
from mixtune.runs import code_hash, run_lock
from mixtune.systems import ANY, PATH, SHAPE, UNTUNED

# Thousands of jobs are millions of objects, and none is garbage: the search for it took an eighth of planning.
gc.set_threshold(1_000_000, 50, 1000)

try:
    if workflow.is_main_process:
        overlays.check_command_line(sys.argv[1:], workflow.overwrite_configfiles)
        overlays.check_sections(config)
    CONFIG = load(config)
    if workflow.is_main_process:
        run_lock.check()
except (ConfigError, UserError) as error:
    raise WorkflowError(str(error)) from None


MATRIX = CONFIG.matrix
PLAN = MatrixPlan(CONFIG)
CELL = PATH.replace("{", "{wildcards.")  # in messages


def alternatives(values):
    """Return a regular expression that matches these values and nothing else."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!x)x"


# Tables by category of Snakemake's report, the tables that each figure needs, and the tables in LaTeX.
SCORE_TABLES = ["matrix", "transfer", "scores", "per_class", "intervals"]
DATA_TABLES = ["data", "mixtures", "overlap", "lengths"]
ERROR_TABLES = ["confusion", "strata", "errors"]
FIGURES = {
    "matrix": ["matrix"],
    "shots": ["matrix"],
    "scaling": ["matrix"],
    "domains": ["matrix", "transfer"],
    "benchmarks": ["intervals"],
    "published": ["published"],
    "data": ["data"],
    "training": [],
}
PAPER_TABLES = ["matrix", "averages", "transfer", "comparisons", "published", "efficiency", "data"]


# Constraints become part of every path, which Snakemake scans for each job: with names of models in them, planning
# would grow with the square of their number. So the rule that fetches models alone names them.
wildcard_constraints:
    model="[^/]+",
    mixture=alternatives([*CONFIG.mixtures, UNTUNED]),
    benchmark=alternatives(CONFIG.benchmarks),
    draw=alternatives(PLAN.draws),
    rows=alternatives(PLAN.rows),
    shots=r"\d+",
    variant="([^/]+/)?",
    seed=r"\d+",
    encoder=alternatives(CONFIG.encoders),
    frontier=alternatives(CONFIG.frontier),
    series=alternatives(PLAN.series),
    figure=alternatives(FIGURES),
    released=alternatives(PLAN.released),


def settings(rule, hash_code=True):
    """Return a function of wildcards that gives the settings of a rule's job as one JSON param.

    One param, since Snakemake compares the values of params and not their names. With the hash of the job's code in
    it, a change of that code makes the job's results stale.
    """
    build = getattr(jobs, rule)
    names = [name for name in signature(build).parameters if name != "plan"]

    def param(wildcards):
        of_job = build(PLAN, **{name: getattr(wildcards, name) for name in names})
        return of_job.serialise(code_hash.of_job(rule, vars(of_job)) if hash_code else "")

    return param


def log_of(rule, job=""):
    """Return the path of a job's log."""
    return str(layout.log(rule, job))


def runtime_of(rule, job=""):
    """Return the path of a job's resource measurements."""
    return f"{layout.RESULTS}/runtimes/{rule}{job and '/'}{job}.tsv"


def every(pattern, **values):
    """Expand some wildcards of a path and leave the others."""
    return expand(pattern, allow_missing=True, **values)


def tables(names, ending="csv"):
    """Return the paths of tables."""
    return every(layout.TABLE, table=names, ending=ending)


def card_of(tables=""):
    """Return the path of the run card of tables."""
    return f"{layout.TABLES}/run_card{tables and '_'}{tables}.json"


def reported(names, category):
    """Return the CSV files of tables by name, each with its category and caption in Snakemake's report."""
    return {
        name: report(
            layout.TABLE.format(table=name, ending="csv"),
            caption=f"../report/{name}.rst",
            category=category,
            labels={"table": name},
        )
        for name in names
    }


def mixture_benchmarks(wildcards):
    """Return the manifests of the benchmarks that a mixture is drawn from."""
    return inputs.of_mixture(PLAN, wildcards.draw)


def of_cell(find):
    """Return a function of wildcards that finds a file by the path of a cell or untuned model."""

    def path(wildcards):
        cell = PATH.format(**wildcards)
        try:
            return find(PLAN, cell)
        except KeyError:
            raise WorkflowError(f"matrix: unknown cell {cell}; add it to `matrix` in config.yaml")

    return path


def predictions(wildcards):
    """Return a system's predictions of one benchmark per condition."""
    try:
        return inputs.predictions(PLAN, wildcards.system)
    except KeyError:
        raise WorkflowError(f"matrix: unknown system {wildcards.system}; add it to `matrix` in config.yaml")
