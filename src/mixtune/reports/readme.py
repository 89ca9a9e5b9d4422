"""The README of the reports: the experiment, the headline matrix, how to read it, and a list of all files."""

from collections.abc import Iterable

import pandas as pd

from ..systems import BASELINES, UNTUNED
from .experiment import Setup, display_name, with_display_names, without_default
from .markdown import escape, markdown
from .tables.matrix import GAINS, gain, headline
from .tables.seeds import average_seeds, format_matrix

TABLES = {
    "matrix": "micro-F1 of every system on the domains that its mixture trains on, and averages",
    "transfer": "micro-F1 of specialists on the domain that they do not train on",
    "scores": "precision, recall, F1, accuracy and counts of every system, condition and benchmark",
    "per_class": "precision, recall and F1 of every label",
    "intervals": "confidence intervals of micro- and macro-F1, and of the averages",
    "comparisons": "differences between systems, their intervals, and paired tests",
    "published": "scores and averages compared with those that the paper published",
    "confusion": "confused labels, the most frequent pairs first",
    "strata": "F1 by length of text, distance of the mentions, kind of answer, and frequency of the label in train",
    "errors": "wrong answers with their texts, sampled at random",
    "efficiency": "parameters, sizes, times and memory, with the headline average",
    "data": "rows, labels, mentions and ceilings of each split of each benchmark, and the counts of its reader",
    "mixtures": "training rows of each mixture by benchmark",
    "overlap": "test rows whose text is among the training rows of a mixture",
    "lengths": "tokens of training rows and prompts for each model, and truncated rows",
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
> that the workflow runs; they are no evidence about the benchmarks, nor about which model is better.

"""
READING = """\
## How to read the numbers

- A score is micro-F1 over the positive labels, from 0 to 1. The negative label has no F1 of its own; an
  empty answer counts as negative, an answer outside the label list as a wrong positive.
- An average is the plain mean over the benchmarks of a domain, and n is their number. Averages over
  different benchmarks are not comparable: a specialist's overall average covers its own domain alone.
- A blank is a domain that the mixture does not train on (its scores are in the transfer table), or a score
  that `missing` names; the averages that need this score are blank, too.
- The last rows are baselines, which no average over cells includes: an `encoder` is fine-tuned on each
  benchmark's own train split; a `frontier` model predicts zero-shot behind an API, with the same prompts; a `floor`
  is a baseline that ignores the text; a `ceiling` is the highest score possible where equal inputs have different
  labels. All baselines but frontier models predict in one way, whatever the condition.
- `flagged` names the benchmarks on which over half of the answers were empty or outside the label list. Their
  scores are reported as measured.
"""
INTERVALS = """\
- Brackets enclose the {level:.4g} % confidence interval of the score before them, for the sampling of the
  test set (percentile bootstrap, {resamples:,} resamples of its {resampled}). It does not cover other training runs.
"""
SEEDS = """\
- Cells are means over {seeds} training seeds ± their sample standard deviation.
"""
FILES = """\

## Files

Tables are stored as `.csv`, with all digits, and as `.md`; figures as `.png` and as `.pdf`. For papers,
[tables/tables.tex](tables/tables.tex) includes the `.tex` files of its folder.

"""


def _list(names: Iterable[object]) -> str:
    return ", ".join(escape(str(name)) for name in names)


def _format_experiment(setup: Setup, headline_rows: pd.DataFrame) -> str:
    """Return the section about the experiment, after a warning where data are sample corpora."""
    title_of = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    name_of = display_name(setup)
    mixture = headline_rows["mixture"]
    baselines = headline_rows[mixture.isin(BASELINES)].drop_duplicates(["mixture", "model"])
    caps = [f"{rows:,} of {name_of(name)}" for name, rows in setup["caps"]["max_rows"].items()]
    test_rows = setup["caps"]["test_rows"]
    lines = [
        f"Cells: {int((~mixture.isin([UNTUNED, *BASELINES])).sum())}; "
        f"runs of untuned models: {int((mixture == UNTUNED).sum())}",
        f"Models: {_list(map(name_of, setup['models']))}",
        f"Training mixtures: {_list(map(name_of, setup['mixtures']))}",
        f"Shots: {_list(setup['shots'])}; seeds: {_list(setup['seeds'])}; variants: {_list(setup['variants'])}",
        f"Conditions: {_list(setup['conditions'])}; the headline's is {escape(setup['headline_condition'])}",
        f"Benchmarks: {_list(title_of.values())}",
        f"Baselines: {_list(baselines['mixture'] + ' ' + baselines['model']) or 'none'}",
        f"Training rows: at most {_list(caps)}" if caps else "Training rows: all",
        f"Test rows: at most {test_rows:,} per benchmark" if test_rows else "Test rows: all",
    ]
    if released := setup.get("released"):
        lines.append(f"Evaluated with released adapters, not tuned here: {_list(released)}")
    sample = _list(title_of.get(name, name) for name in setup["sample"])
    warning = WARNING.format(sample=sample) if sample else ""
    return warning + "## Experiment\n\n" + "".join(f"- {line}\n" for line in lines)


def format_readme(setup: Setup, matrix: pd.DataFrame, intervals: pd.DataFrame | None = None) -> str:
    """Return the Markdown of `reports/README.md`.

    Args:
        setup: The experiment.
        matrix: As returned by `matrix.matrix`.
        intervals: As returned by `scores.intervals`; None: scores without intervals.

    Raises:
        UserError: No score under the headline condition.
    """
    rows = headline(matrix, setup)
    sections = [
        "# Results\n",
        _format_experiment(setup, rows),
        "## Headline\n",
        markdown(format_matrix(rows, setup, intervals)),
        "![The matrix as a heat map](figures/matrix.png)\n",
    ]
    gains = without_default(with_display_names(average_seeds(gain(rows), GAINS), setup))
    if len(gains):
        gains = gains.drop(columns=["condition"] if len(setup["seeds"]) > 1 else ["condition", "seeds"])
        gains = gains.rename(columns=lambda name: name.removesuffix("_gain").capitalize())
        sections += ["Gain of fine-tuning over the averages of the untuned model:\n", markdown(gains)]
    reading = READING
    if intervals is not None:
        method = intervals.iloc[0]
        reading += INTERVALS.format(**method[["resamples", "resampled"]], level=100 * method["level"])
    if len(setup["seeds"]) > 1:
        reading += SEEDS.format(seeds=len(setup["seeds"]))
    files = [f"- [tables/{name}.csv](tables/{name}.csv): {text}\n" for name, text in TABLES.items()]
    files += [f"- [figures/{name}.png](figures/{name}.png): {text}\n" for name, text in FIGURES.items()]
    return "\n".join([*sections, reading + FILES + "".join(files)])
