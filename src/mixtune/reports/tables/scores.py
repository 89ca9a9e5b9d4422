"""Score files to the tables that people read, and the text that opens the reports."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from ...errors import UserError
from ...systems import BASELINES, UNTUNED
from ..markdown import escape, markdown
from .matrix import GAINS, KEYS, Setup, gain, headline, in_print, matrix, printed, titles, transfer
from .seeds import over_seeds, readable

__all__ = [
    "Setup", "escape", "gain", "headline", "intervals", "markdown", "matrix", "per_class", "readable",
    "scores", "summary", "titles", "transfer",
]  # fmt: skip

ROW = ["system", "kind", *KEYS, "benchmark"]
COUNTS = ["n", "tp", "fp", "fn"]
RATIOS = ["precision", "recall", "micro_f1", "macro_f1", "accuracy", "out_of_schema", "empty"]
OF_INTERVAL = [
    "system", *KEYS, "benchmark", "metric", "value", "low", "high", "level", "sd", "seeds", "n", "resampled", "units",
    "resamples",
]  # fmt: skip
OF_CLASS = ["support", "tp", "fp", "fn", "precision", "recall", "f1"]

TABLES = {
    "matrix": "micro-F1 of every system on the domains that its mixture trains on, and averages",
    "transfer": "the same for specialists, on the domain that they do not train on",
    "scores": "precision, recall, F1, accuracy and counts of every system, condition and benchmark",
    "per_class": "precision, recall and F1 of every label",
    "intervals": "confidence intervals of micro- and macro-F1, and of the averages",
    "comparisons": "differences between systems, their intervals, and paired tests",
    "published": "scores and averages beside those that the paper published",
    "confusion": "labels that are taken for others, the most frequent pairs first",
    "strata": "F1 by length of text, distance of the mentions, kind of answer, and frequency of the label in train",
    "errors": "wrong answers with their texts, drawn at random",
    "efficiency": "parameters, sizes, times and memory beside the headline average",
    "data": "what each split of each benchmark holds: rows, labels, mentions, ceilings, and what its reader counted",
    "mixtures": "how many training rows come from which benchmark",
    "overlap": "test rows whose text is among the training rows of a mixture",
    "lengths": "tokens of training rows and prompts for each model, and what was cut",
}
FIGURES = {
    "matrix": "the matrix as a heat map",
    "shots": "the overall average by number of shots",
    "scaling": "the overall average by parameters, within families of models",
    "domains": "the general against the literary average",
    "benchmarks": "every system on every benchmark, with intervals",
    "published": "our scores against the paper's",
    "data": "the audit of the benchmarks",
    "training": "learning curves",
}

WARNING = """\
> **These are not benchmark results.** The data of {sample} are small sample corpora. Numbers on them show
> that the workflow runs; they say nothing about the benchmarks, nor about which model is better.

"""
READING = """\
## How to read the numbers

- A score is micro-F1 over the positive labels, from 0 to 1. The negative label has no F1 of its own; an
  empty answer counts as negative, an answer outside the label list as a wrong positive.
- An average is the plain mean over the benchmarks of a domain, and n is their number. Averages over
  different benchmarks do not compare: a specialist's overall average covers its own domain alone.
- A blank is a domain that the mixture does not train on (its scores are in the transfer table), or a score
  that `missing` names; the averages that need this score are blank, too.
- The last rows stand beside the cells, and in no average over them: an `encoder` is tuned on each benchmark's
  own train split; a `frontier` model is asked the same prompts zero-shot over the network; a `floor` is what no
  reading of the text gives; a `ceiling` is the best that equal inputs with different labels leave. All but frontier
  models are asked in one way, whatever the condition.
- `flagged` names the benchmarks on which over half of the answers were empty or outside the label list. The
  scores stand as they were measured.
"""
INTERVALS = """\
- In brackets stands the {level:.4g} % confidence interval of the score before it, for the chance in drawing the
  test set (percentile bootstrap, {resamples:,} resamples of its {resampled}). It says nothing of other training runs.
"""
SEEDS = """\
- Cells are means over {seeds} training seeds ± their sample standard deviation.
"""
PLACES = """\

## Where everything is

Tables are there as `.csv`, with all digits, and as `.md`; figures as `.png` and as `.pdf`. For papers,
[tables/tables.tex](tables/tables.tex) takes in what stands beside it as `.tex`.

"""


def _rows(files: Iterable[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """The values of ROW and the score of each system, condition and benchmark, sorted."""
    files = sorted(files, key=lambda file: [file[key] for key in (*KEYS[:4], "system")])
    for file, following in itertools.pairwise(files):
        if file["system"] == following["system"]:
            raise UserError(f"{file['system']} has two score files; name each file once")
        if file["negatives"] != following["negatives"]:
            raise UserError(
                f"{file['system']} and {following['system']} are scored with different negative words and "
                "cannot stand in one table; score all again with one value of scoring.negatives"
            )
    for file in files:
        for condition, by_benchmark in sorted(file["scores"].items()):
            for benchmark, score in sorted(by_benchmark.items()):
                row = {**file, "condition": condition, "benchmark": benchmark}
                yield {key: row[key] for key in ROW}, score


def scores(files: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Every score, one row a system, condition and benchmark.

    Args:
        files: The contents of `results/scores/**/*.json`, in any order.

    Returns:
        Columns ROW, COUNTS and RATIOS (0..1), sorted.

    Raises:
        UserError: A system comes twice, or the files differ in `negatives`.
    """
    rows = [row | {key: score[key] for key in (*COUNTS, *RATIOS)} for row, score in _rows(files)]
    return pd.DataFrame(rows, columns=[*ROW, *COUNTS, *RATIOS])


def per_class(files: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The scores of each positive label: columns ROW, `label` and OF_CLASS, otherwise as `scores`."""
    rows = [
        row | {"label": label} | {key: one[key] for key in OF_CLASS}
        for row, score in _rows(files)
        for label, one in sorted(score["per_class"].items())
    ]
    return pd.DataFrame(rows, columns=[*ROW, "label", *OF_CLASS])


def intervals(arms: Iterable[Mapping[str, Any]], scores: pd.DataFrame) -> pd.DataFrame:
    """Every interval, one row a system, condition, benchmark or average, and metric; and one for means over seeds.

    Args:
        arms: What stands in `results/intervals/*.json`, in any order.
        scores: As `scores` gives them.

    Returns:
        Columns OF_INTERVAL. `low` and `high` bound what other test sets would give for `value`; a mean over seeds has
        no `seed`, its `sd` over `seeds` training runs, and its arm's name for `system`. `units` were `resampled`.

    Raises:
        UserError: An interval is not of the score that stands in the tables.
    """
    facts = scores.drop_duplicates("system").set_index("system")[KEYS[:4]].to_dict("index")
    measured = scores.set_index(["system", "condition", "benchmark"])
    rows = []
    for arm in sorted(arms, key=lambda arm: arm["arm"]):
        how = {"resampled": "groups" if arm["cluster"] else "rows"} | {key: arm[key] for key in ("level", "resamples")}
        for row in arm["intervals"]:
            system, of = row["system"] or arm["arm"], facts[row["system"] or arm["systems"][0]]
            key = row["system"], row["condition"], row["benchmark"]
            if key in measured.index and abs(measured.loc[key, row["metric"]] - row["value"]) > 1e-9:
                raise UserError(
                    f"{', '.join(key)}: the interval is one of {row['value']}, but {row['metric']} is "
                    f"{measured.loc[key, row['metric']]}; make both anew (snakemake --forcerun score intervals)"
                )
            rows.append({**of, **row, **how, "system": system, "seed": of["seed"] if row["system"] else None})
    return pd.DataFrame(rows, columns=OF_INTERVAL).astype({"seed": "Int64"})


def _list(names: Iterable[Any]) -> str:
    return ", ".join(escape(str(name)) for name in names)


def _what_was_run(setup: Setup, shown: pd.DataFrame) -> str:
    names = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    name = printed(setup)
    untuned = int((shown["mixture"] == UNTUNED).sum())
    beside = shown[shown["mixture"].isin(BASELINES)].drop_duplicates(["mixture", "model"])
    limits = [f"{rows:,} of {name(mixture)}" for mixture, rows in setup["caps"]["max_rows"].items()]
    test_rows = setup["caps"]["test_rows"]
    lines = [
        f"Cells: {int((~shown['mixture'].isin([UNTUNED, *BASELINES])).sum())}; runs of untuned models: {untuned}",
        f"Models: {_list(map(name, setup['models']))}",
        f"Training mixtures: {_list(map(name, setup['mixtures']))}",
        f"Shots: {_list(setup['shots'])}; seeds: {_list(setup['seeds'])}",
        f"Conditions: {_list(setup['conditions'])}; the headline's is {escape(setup['headline_condition'])}",
        f"Benchmarks: {_list(names.values())}",
        f"Beside the cells: {_list(beside['mixture'] + ' ' + beside['model']) or 'nothing'}",
        f"Training rows: at most {_list(limits)}" if limits else "Training rows: all",
        f"Test rows: at most {test_rows:,} a benchmark" if test_rows else "Test rows: all",
    ]
    if released := setup.get("released"):
        lines.append(f"Evaluated with adapters that exist, not tuned here: {_list(released)}")
    sample = _list(names.get(name, name) for name in setup["sample"])
    warning = WARNING.format(sample=sample) if sample else ""
    return warning + "## What was run\n\n" + "".join(f"- {line}\n" for line in lines)


def summary(setup: Setup, matrix: pd.DataFrame, intervals: pd.DataFrame | None = None) -> str:
    """The Markdown that opens `reports/README.md`: what was run, the headline matrix, how to read it.

    Args:
        setup: What was asked for.
        matrix: As `matrix` gives it.
        intervals: As `intervals` gives them; None: scores stand without.

    Raises:
        UserError: There is no score under the headline condition.
    """
    shown = headline(matrix, setup)
    sections = [
        "# Results\n",
        _what_was_run(setup, shown),
        "## Headline\n",
        markdown(readable(shown, setup, intervals)),
        "![The matrix as a heat map](figures/matrix.png)\n",
    ]
    gains = in_print(over_seeds(gain(shown), GAINS), setup)
    if len(gains):
        named = gains.drop(columns=["condition"] if len(setup["seeds"]) > 1 else ["condition", "seeds"])
        named = named.rename(columns=lambda name: name.removesuffix("_gain").capitalize())
        sections += ["What tuning adds to the averages of the untuned model:\n", markdown(named)]
    reading = READING
    if intervals is not None:
        how = intervals.iloc[0]
        reading += INTERVALS.format(**how[["resamples", "resampled"]], level=100 * how["level"])
    if len(setup["seeds"]) > 1:
        reading += SEEDS.format(seeds=len(setup["seeds"]))
    places = [f"- [tables/{name}.csv](tables/{name}.csv): {what}\n" for name, what in TABLES.items()]
    places += [f"- [figures/{name}.png](figures/{name}.png): {what}\n" for name, what in FIGURES.items()]
    return "\n".join([*sections, reading + PLACES + "".join(places)])
