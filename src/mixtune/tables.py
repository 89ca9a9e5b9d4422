"""Score files and audits to the tables that people read, and their Markdown."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from .errors import UserError
from .matrices import KEYS, SIZES, UNTUNED, Setup, gain, headline, load, matrix, titles, transfer

__all__ = [
    "Setup", "escape", "gain", "headline", "load", "markdown", "matrix", "per_class", "readable",
    "scores", "summary", "titles", "transfer",
]  # fmt: skip

ROW = ["system", "kind", *KEYS, "benchmark"]
COUNTS = ["n", "tp", "fp", "fn"]
RATIOS = ["precision", "recall", "micro_f1", "macro_f1", "accuracy", "out_of_schema", "empty"]
OF_CLASS = ["support", "tp", "fp", "fn", "precision", "recall", "f1"]

TABLES = {
    "matrix": "micro-F1 of every system on the domains that its mixture trains on, and averages",
    "transfer": "the same for specialists, on the domain that they do not train on",
    "scores": "precision, recall, F1, accuracy and counts of every system, condition and benchmark",
    "per_class": "precision, recall and F1 of every label",
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
    "data": "the audit of the benchmarks",
    "published": "our scores against the paper's",
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
- `flagged` names the benchmarks on which over half of the answers were empty or outside the label list. The
  scores stand as they were measured.

## Where everything is

Tables are there as `.csv`, with all digits, and as `.md`; figures as `.png` and as `.pdf`.

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


def readable(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """A matrix or transfer table with titles for headers, without columns that say nothing.

    The numbers of benchmarks averaged go into the headers; `Flagged` counts the flagged benchmarks.
    """
    shown = matrix.assign(flagged=[len(names.split(", ")) if names else 0 for names in matrix["flagged"]])
    silent = {
        "seed": len(setup["seeds"]) < 2,
        "condition": matrix["condition"].nunique() < 2,
        "missing": not matrix["missing"].any(),
        "flagged": not matrix["flagged"].any(),
        **dict.fromkeys(SIZES, True),
    }
    named = {name: name.capitalize() for name in shown} | titles(matrix, setup)
    return shown[[name for name in shown if not silent.get(name, False)]].rename(columns=named)


def escape(text: str) -> str:
    """Text as one line of Markdown that shows it as it is."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word is no markup, and labels are full of them.
    return re.sub(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def markdown(frame: pd.DataFrame, digits: int = 4) -> str:
    """A table in Markdown: text escaped, floats with `digits` decimals, missing values blank."""

    def cell(value: Any) -> str:
        if pd.isna(value):
            return ""
        return f"{value:.{digits}f}" if isinstance(value, float) else escape(str(value))

    rule = ["---:" if pd.api.types.is_numeric_dtype(dtype) else "---" for dtype in frame.dtypes]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [[escape(name) for name in frame], rule, *rows])


def _list(names: Iterable[Any]) -> str:
    return ", ".join(escape(str(name)) for name in names)


def _what_was_run(setup: Setup, shown: pd.DataFrame) -> str:
    names = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    untuned = int((shown["mixture"] == UNTUNED).sum())
    limits = [f"{rows:,} of {name}" for name, rows in setup["caps"]["max_rows"].items()]
    test_rows = setup["caps"]["test_rows"]
    lines = [
        f"Cells: {len(shown) - untuned}; runs of untuned models: {untuned}",
        f"Models: {_list(setup['models'])}",
        f"Training mixtures: {_list(setup['mixtures'])}",
        f"Shots: {_list(setup['shots'])}; seeds: {_list(setup['seeds'])}",
        f"Conditions: {_list(setup['conditions'])}; the headline's is {escape(setup['headline_condition'])}",
        f"Benchmarks: {_list(names.values())}",
        f"Training rows: at most {_list(limits)}" if limits else "Training rows: all",
        f"Test rows: at most {test_rows:,} a benchmark" if test_rows else "Test rows: all",
    ]
    sample = _list(names.get(name, name) for name in setup["sample"])
    warning = WARNING.format(sample=sample) if sample else ""
    return warning + "## What was run\n\n" + "".join(f"- {line}\n" for line in lines)


def summary(setup: Setup, matrix: pd.DataFrame) -> str:
    """The Markdown that opens `reports/README.md`: what was run, the headline matrix, how to read it.

    Args:
        setup: What was asked for.
        matrix: As `matrix` gives it.

    Raises:
        UserError: There is no score under the headline condition.
    """
    shown = headline(matrix, setup)
    sections = [
        "# Results\n",
        _what_was_run(setup, shown),
        "## Headline\n",
        markdown(readable(shown, setup)),
        "![The matrix as a heat map](figures/matrix.png)\n",
    ]
    gains = gain(shown).drop(columns=["condition"] if len(setup["seeds"]) > 1 else ["condition", "seed"])
    if len(gains):
        named = gains.rename(columns=lambda name: name.removesuffix("_gain").capitalize())
        sections += ["What tuning adds to the averages of the untuned model:\n", markdown(named)]
    places = [f"- [tables/{name}.csv](tables/{name}.csv): {what}\n" for name, what in TABLES.items()]
    places += [f"- [figures/{name}.png](figures/{name}.png): {what}\n" for name, what in FIGURES.items()]
    return "\n".join([*sections, READING + "".join(places)])
