"""The tables that go into papers: what each shows, with names and order of the config, as LaTeX."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ...artifacts.manifests import write_text
from ...systems import BASELINES
from .. import chart_data as chart_rows
from ..markdown import Estimate
from ..tables import matrix as matrices
from ..tables.matrix import AVERAGES, KEYS, PARTS, SAMPLE, Setup, headline, printed, titles
from ..tables.seeds import over_seeds
from .tabular import Block, Column, escape, marks, number, tabular, upright

Tables = Mapping[str, pd.DataFrame]
NO_RIVALS = ("floor", "ceiling")  # no systems that one would choose: they are never the best


def _notes(setup: Setup, *notes: str) -> list[str]:
    return [escape(note) for note in (*notes, *([SAMPLE] if setup["sample"] else []))]


def _by_model(frame: pd.DataFrame, setup: Setup, cells: Sequence[Sequence[str]]) -> list[Block]:
    """Rows of cells in blocks by model; what stands beside the cells in blocks by kind."""
    name, blocks = printed(setup), {}
    seeds = "seed" in frame and len(setup["seeds"]) > 1
    for system, row in zip(frame.to_dict("records"), cells, strict=True):
        model, mixture, shots = name(system["model"]), system["mixture"], str(system["shots"])
        aside = mixture in BASELINES
        first = [model, ""] if aside else [name(mixture), f"{shots} (seed {system['seed']:.0f})" if seeds else shots]
        heading = escape(mixture.capitalize() if aside else model)
        blocks.setdefault(heading, []).append([*map(escape, first), *row])
    return list(blocks.items())


FIRST = [Column("Mixture", align="l"), Column("Shots")]


def _scores(table: pd.DataFrame, setup: Setup, intervals: pd.DataFrame, columns: Sequence[str]) -> tuple:
    """Means over seeds of the headline condition, and their cells (× 100) with the best of each column marked."""
    shown = headline(table, setup)
    frame = over_seeds(shown, columns, intervals)
    sizes = shown.groupby(["model", "mixture", "shots", "condition"], sort=False)["overall_n"].max()
    rivals = ~frame["mixture"].isin(NO_RIVALS).to_numpy()
    cells = []
    for column in columns:
        values = [100 * (v.value if isinstance(v, Estimate) else v) for v in frame[column]]
        # An overall average of fewer benchmarks is another one.
        taken = rivals & (sizes == sizes.max()).to_numpy() if column == "overall_avg" else rivals
        found = zip(frame[column], marks(values, taken), strict=True)
        cells.append([number(value, scale=100, mark=mark) for value, mark in found])
    return frame, list(zip(*cells, strict=True))


def _whole(table: pd.DataFrame, tables: Tables, setup: Setup) -> str:
    if table.empty:
        return _nothing("No system has such a score.", setup)
    named = titles(headline(table, setup), setup)
    groups = matrices.columns(table, setup)
    columns = [Column(upright(escape(named[name])), escape(group)) for group, names in groups.items() for name in names]
    frame, cells = _scores(table, setup, tables["intervals"], [name for names in groups.values() for name in names])
    return tabular([*FIRST, *columns], _by_model(frame, setup, cells), _notes(setup), "scriptsize", stacked=True)


def matrix(tables: Tables, setup: Setup) -> str:
    """Every benchmark and average, with bounds of the intervals above and below."""
    return _whole(tables["matrix"], tables, setup)


def transfer(tables: Tables, setup: Setup) -> str:
    """The same for specialists, on the domain that they do not train on."""
    return _whole(tables["transfer"], tables, setup)


def averages(tables: Tables, setup: Setup) -> str:
    """The averages alone."""
    named = titles(headline(tables["matrix"], setup), setup)
    shown = matrices.columns(tables["matrix"], setup)["average"]
    columns = [Column(escape(named[name])) for name in shown]
    frame, cells = _scores(tables["matrix"], setup, tables["intervals"], shown)
    return tabular([*FIRST, *columns], _by_model(frame, setup, cells), _notes(setup), stacked=True)


def comparisons(tables: Tables, setup: Setup) -> str:
    """Differences of averages, with intervals and adjusted p-values, by family."""
    rows = chart_rows.tests(tables, setup, printed(setup))
    blocks = {}
    for row in rows.to_dict("records"):
        difference = Estimate(row["difference"], interval=(row["low"], row["high"]))
        p = row["p_holm"]
        told = "--" if pd.isna(p) else r"$<$\,0.001" if p < 0.001 else f"{p:.3f}"
        blocks.setdefault(row["family"], []).append([escape(row["pair"]), number(difference), told])
    if not blocks:
        return _nothing("No pair of systems was compared.", setup)
    columns = [Column("Systems", align="l"), Column("Difference"), Column("$p$ (Holm)")]
    families = [(escape(family), lines) for family, lines in blocks.items()]
    return tabular(columns, families, _notes(setup), stacked=True)


def published(tables: Tables, setup: Setup) -> str:
    """Averages of cells beside those that the paper published."""
    table = tables["published"]
    table = table[table["ours"].notna() & table["benchmark"].isin(AVERAGES)]
    if table.empty:
        return _nothing("No average of ours can be compared with a published one.", setup)
    order = {name: n for n, name in enumerate([*setup["models"], *setup["mixtures"]])}
    named = ("model", "mixture")
    table = table.sort_values(KEYS[:4], key=lambda column: column.map(order) if column.name in named else column)
    columns = [Column(what, part) for part in map(str.capitalize, PARTS) for what in ("ours", "paper", "diff.")]
    frame, cells = table.drop_duplicates(KEYS), []
    for _, own in table.groupby(KEYS, sort=False):
        of = own.set_index("benchmark").reindex(AVERAGES)
        marks_of = [r"\textsuperscript{*}" if note else "" for note in of["note"].fillna("")]
        numbers = ([number(value, scale=100) for value in of[what]] for what in ("ours", "published", "difference"))
        rows = zip(*numbers, marks_of, strict=True)
        cells.append([cell for ours, paper, difference, mark in rows for cell in (ours, paper + mark, difference)])
    broken = ["* The paper's own run is known to be broken."] if table["note"].any() else []
    return tabular([*FIRST, *columns], _by_model(frame, setup, cells), _notes(setup, *broken))


_COSTS = {
    # title, group, what the column is multiplied with, digits, whether higher is better
    "base_parameters": (r"param.\ ($10^9$)", "base", 1e-9, 2, False),
    "adapter_bytes": ("adapter (MB)", "tuning", 1e-6, 1, False),
    "seconds": ("hours", "tuning", 1 / 3600, 2, False),
    "examples_per_second": ("rows/s", "tuning", 1, 1, False),
    "peak_gpu_bytes": ("GPU (GiB)", "tuning", 2**-30, 1, False),
    "prediction_seconds": ("hours", "prediction", 1 / 3600, 2, False),
    "prediction_examples_per_second": ("rows/s", "prediction", 1, 1, False),
    "prediction_peak_gpu_bytes": ("GPU (GiB)", "prediction", 2**-30, 1, False),
    "overall_avg": ("average", "F1", 100, 1, True),
    "overall_n": ("$n$", "F1", 1, 0, False),
    "f1_per_billion": (r"per $10^9$ param.", "F1", 100, 1, True),
}


def efficiency(tables: Tables, setup: Setup) -> str:
    """What systems cost beside their average; a column that no run card fills is left out."""
    table = tables["efficiency"]
    known = {name: facts for name, facts in _COSTS.items() if name in table and table[name].notna().any()}
    if table.empty or not known:
        return _nothing("Nothing is known of what systems cost.", setup)
    rivals = table["overall_n"] == table["overall_n"].max() if "overall_n" in table else [True] * len(table)
    cells = []
    for name, (_, _, scale, digits, better) in known.items():
        values = table[name].astype(float)
        marked = marks(scale * values, rivals, digits) if better else [""] * len(table)
        found = zip(values, marked, strict=True)
        cells.append([number(value, digits, scale, mark) for value, mark in found])
    columns = [Column(upright(title), group) for title, group, *_ in known.values()]
    blocks = _by_model(table, setup, list(zip(*cells, strict=True)))
    return tabular([*FIRST, *columns], blocks, _notes(setup))


def data(tables: Tables, setup: Setup) -> str:
    """What each benchmark's splits hold."""
    table = tables["data"]
    known = {name: one["title"] for name, one in setup["benchmarks"].items()}
    rows = []
    for name, splits in table.groupby("benchmark", sort=False):
        by = splits.set_index("split")
        test, total = by.loc["test"], by["rows"].sum()
        mentions = by["mentions_missing"].sum() / (2 * total)
        shares = [test["negatives"] / test["rows"], mentions, test["ceiling"], test["rows_in_train"] / test["rows"]]
        counts = [*(by.loc[split, "rows"] for split in ("train", "validation", "test")), by["labels"].max()]
        row = [escape(known.get(name, name)), escape(test["domain"])]
        rows.append([*row, *(number(n, 0) for n in counts), *(number(share, 1, 100) for share in shares)])
    heads = [("train", "rows"), ("validation", "rows"), ("test", "rows"), ("labels", "")]
    heads += [("negative", r"\%"), ("not in text", r"\%"), ("ceiling", r"\%"), ("in train", r"\%")]
    columns = [Column("Benchmark", align="l"), Column("Domain", align="l"), *(Column(*head) for head in heads)]
    return tabular(columns, [("", rows)], _notes(setup))


def _nothing(text: str, setup: Setup) -> str:
    return tabular([Column(escape(text), align="l")], [], _notes(setup))


_MARKED = (
    "The best system of a column is bold, the second underlined; floors and ceilings take no part, nor do averages "
    "over fewer benchmarks."
)
_BOUNDS = "Small numbers are the bounds of the {level:g} % confidence interval."
PAPERS = {
    "matrix": (matrix, f"Positive-class micro-F1 (× 100) on the domains that a mixture trains on. {_BOUNDS} {_MARKED}"),
    "averages": (averages, f"Plain means of micro-F1 (× 100) over n benchmarks. {_BOUNDS} {_MARKED}"),
    "transfer": (transfer, f"Micro-F1 (× 100) of specialists on the domain that they do not train on. {_BOUNDS}"),
    "comparisons": (
        comparisons,
        "Differences of averages of micro-F1 (× 100), of the system behind the arrow minus the one before it. "
        f"{_BOUNDS} The p-values are adjusted for the tests of a family.",
    ),
    "published": (
        published,
        "Our averages of micro-F1 (× 100) beside those of arXiv:2606.22606. What differs from the paper's runs is in "
        "published.csv.",
    ),
    "efficiency": (
        efficiency, "What systems cost, from their run cards, beside their average of micro-F1 (× 100). Averages over "
        "different numbers of benchmarks do not compare.",
    ),
    "data": (
        data,
        "What the splits of each benchmark hold: rows, labels, mentions that are not in their text, and of the test "
        "split the shares of negative rows and of rows whose text is in train, too. The ceiling is the highest "
        "accuracy (× 100) that equal inputs with different labels leave.",
    ),
}  # fmt: skip
"""What makes each table, and its caption."""

_BEGIN = r"""% All tables on their own: pdflatex tables.tex. A paper takes one with \input, and the packages of line 3.
\documentclass[10pt]{article}
\usepackage{booktabs,graphicx}
\usepackage[margin=1in]{geometry}
\setlength{\parindent}{0pt}
\begin{document}
"""


def write_papers(tables: Tables, setup: Setup, folder: Path) -> None:
    """Write each table as LaTeX, and `tables.tex`, a document of them all.

    Args:
        tables: By name, as `table_files.read_table` gives them.
        setup: What was asked for.
        folder: Where to write.
    """
    level = 100 * tables["intervals"]["level"].iloc[0]
    about = f"Condition: {setup['headline_condition']}."
    sections = []
    for name, (table, caption) in PAPERS.items():
        told = f"{caption.format(level=level)} {'' if name == 'data' else about}".strip()
        write_text(
            folder / f"{name}.tex", f"% {told}\n% Needs the packages booktabs and graphicx.\n{table(tables, setup)}"
        )
        sections.append(f"\\subsection*{{{name.capitalize()}}}\n{escape(told)}\n\n\\medskip\n\\input{{{name}.tex}}\n\n")
    write_text(folder / "tables.tex", _BEGIN + "\\clearpage\n".join(sections) + "\\end{document}\n")
