"""Tables of papers as LaTeX, with the names and the order of the config: the job `typeset`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ...artifacts.manifests import write_text
from ...systems import BASELINES
from .. import chart_data
from ..experiment import SAMPLE, Setup, display_name, setup_of, with_variants_as_models
from ..markdown import ScoreEstimate
from ..settings import TypesetSettings
from ..tables import matrix as matrices
from ..tables.files import read_table
from ..tables.matrix import AVERAGES, CELL, KEYS, PARTS, headline, titles
from ..tables.seeds import average_seeds
from .tabular import Block, Column, escape, format_number, rank_marks, rotate, tabular

Tables = Mapping[str, pd.DataFrame]
NOT_RANKED = ("floor", "ceiling")  # bounds, not systems to choose from: never marked as the best


def _notes(setup: Setup, *notes: str) -> list[str]:
    """Return the notes below a table as LaTeX, with that on sample corpora where it applies."""
    return [escape(note) for note in (*notes, *([SAMPLE] if setup["sample"] else []))]


def _by_model(frame: pd.DataFrame, setup: Setup, cells: Sequence[Sequence[str]]) -> list[Block]:
    """Return rows of cells in blocks by model, those of baselines in blocks by kind."""
    name_of = display_name(setup)
    blocks: dict[str, list[Sequence[str]]] = {}
    has_seeds = "seed" in frame and len(setup["seeds"]) > 1
    for system, row in zip(frame.to_dict("records"), cells, strict=True):
        model, mixture, shots = name_of(system["model"]), system["mixture"], str(system["shots"])
        shots = f"{shots} (seed {system['seed']:.0f})" if has_seeds else shots
        is_baseline = mixture in BASELINES
        first = [model, ""] if is_baseline else [name_of(mixture), shots]
        heading = escape(mixture.capitalize() if is_baseline else model)
        blocks.setdefault(heading, []).append([*map(escape, first), *row])
    return list(blocks.items())


FIRST = [Column("Mixture", align="l"), Column("Shots")]


def _format_scores(
    table: pd.DataFrame, setup: Setup, intervals: pd.DataFrame, columns: Sequence[str]
) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Return means over seeds of the headline condition, and their cells (× 100), the best of each column marked."""
    rows = headline(table, setup)
    frame = average_seeds(rows, columns, intervals)
    sizes = rows.groupby(["model", "mixture", "shots", "condition"], sort=False)["overall_n"].max()
    is_system = [mixture not in NOT_RANKED for mixture in frame["mixture"]]
    is_complete = [size == sizes.max() for size in sizes]
    cells = []
    for column in columns:
        values = [100 * (score.value if isinstance(score, ScoreEstimate) else score) for score in frame[column]]
        # Overall averages of different benchmarks are not comparable.
        is_ranked = map(all, zip(is_system, is_complete, strict=True)) if column == "overall_avg" else is_system
        marked = zip(frame[column], rank_marks(values, list(is_ranked)), strict=True)
        cells.append([format_number(value, scale=100, mark=mark) for value, mark in marked])
    return frame, list(zip(*cells, strict=True))


def _typeset_pivot(table: pd.DataFrame, tables: Tables, setup: Setup) -> str:
    if table.empty:
        return _typeset_note("No system has such a score.", setup)
    title_of = titles(headline(table, setup), setup)
    columns = [(name, group) for group, names in matrices.columns(table, setup).items() for name in names]
    heads = [Column(rotate(escape(title_of[name])), escape(group)) for name, group in columns]
    frame, cells = _format_scores(table, setup, tables["intervals"], [name for name, _ in columns])
    return tabular([*FIRST, *heads], _by_model(frame, setup, cells), _notes(setup), "scriptsize", stacked=True)


def matrix(tables: Tables, setup: Setup) -> str:
    """Return the matrix: every benchmark and average, with the bounds of their intervals."""
    return _typeset_pivot(tables["matrix"], tables, setup)


def transfer(tables: Tables, setup: Setup) -> str:
    """Return the scores of specialists on the domain that they do not train on."""
    return _typeset_pivot(tables["transfer"], tables, setup)


def averages(tables: Tables, setup: Setup) -> str:
    """Return the averages of the matrix."""
    title_of = titles(headline(tables["matrix"], setup), setup)
    names = matrices.columns(tables["matrix"], setup)["average"]
    columns = [Column(escape(title_of[name])) for name in names]
    frame, cells = _format_scores(tables["matrix"], setup, tables["intervals"], names)
    return tabular([*FIRST, *columns], _by_model(frame, setup, cells), _notes(setup), stacked=True)


def comparisons(tables: Tables, setup: Setup) -> str:
    """Return differences of averages, with intervals and adjusted p-values, by family."""
    rows = chart_data.tests(tables, setup, display_name(setup))
    blocks: dict[str, list[Sequence[str]]] = {}
    for row in rows.to_dict("records"):
        difference = ScoreEstimate(row["difference"], interval=(row["low"], row["high"]))
        p = row["p_holm"]
        p = "--" if pd.isna(p) else r"$<$\,0.001" if p < 0.001 else f"{p:.3f}"
        blocks.setdefault(row["family"], []).append([escape(row["pair"]), format_number(difference), p])
    if not blocks:
        return _typeset_note("No pair of systems was compared.", setup)
    columns = [Column("Systems", align="l"), Column("Difference"), Column("$p$ (Holm)")]
    families = [(escape(family), lines) for family, lines in blocks.items()]
    return tabular(columns, families, _notes(setup), stacked=True)


def published(tables: Tables, setup: Setup) -> str:
    """Return averages of cells, compared with those that the paper published."""
    table = tables["published"]
    table = table[table["ours"].notna() & table["benchmark"].isin(AVERAGES)]
    if table.empty:
        return _typeset_note("No average of ours can be compared with a published one.", setup)
    order = {name: rank for rank, name in enumerate([*setup["models"], *setup["mixtures"]])}
    in_order = ("model", "mixture")
    table = table.sort_values(CELL, key=lambda column: column.map(order) if column.name in in_order else column)
    columns = [Column(title, part) for part in map(str.capitalize, PARTS) for title in ("ours", "paper", "diff.")]
    frame, cells = table.drop_duplicates(KEYS), []
    for _, of_cell in table.groupby(KEYS, sort=False):
        of_part = of_cell.set_index("benchmark").reindex(AVERAGES)
        asterisks = [r"\textsuperscript{*}" if note else "" for note in of_part["note"].fillna("")]
        scores = (of_part[name] for name in ("ours", "published", "difference"))
        numbers = ([format_number(value, scale=100) for value in values] for values in scores)
        rows = zip(*numbers, asterisks, strict=True)
        cells.append([cell for ours, paper, difference, mark in rows for cell in (ours, paper + mark, difference)])
    broken = ["* The paper's own run is known to be broken."] if table["note"].any() else []
    return tabular([*FIRST, *columns], _by_model(frame, setup, cells), _notes(setup, *broken))


class Cost(NamedTuple):
    """A column of the table `efficiency`.

    Attributes:
        title: As LaTeX.
        group: The heading over the column.
        scale: Factor of its values.
        digits: Digits after the point.
        is_ranked: Whether its best values are marked; higher is better.
    """

    title: str
    group: str
    scale: float = 1
    digits: int = 1
    is_ranked: bool = False


_COSTS = {
    "base_parameters": Cost(r"param.\ ($10^9$)", "base", 1e-9, 2),
    "adapter_bytes": Cost("adapter (MB)", "tuning", 1e-6),
    "seconds": Cost("hours", "tuning", 1 / 3600, 2),
    "examples_per_second": Cost("rows/s", "tuning"),
    "peak_gpu_bytes": Cost("GPU (GiB)", "tuning", 2**-30),
    "prediction_seconds": Cost("hours", "prediction", 1 / 3600, 2),
    "prediction_examples_per_second": Cost("rows/s", "prediction"),
    "prediction_peak_gpu_bytes": Cost("GPU (GiB)", "prediction", 2**-30),
    "overall_avg": Cost("average", "F1", 100, is_ranked=True),
    "overall_n": Cost("$n$", "F1", digits=0),
    "f1_per_billion": Cost(r"per $10^9$ param.", "F1", 100, is_ranked=True),
}


def efficiency(tables: Tables, setup: Setup) -> str:
    """Return costs and averages of systems; a column that no run card fills is left out."""
    table = tables["efficiency"]
    costs = {name: cost for name, cost in _COSTS.items() if name in table and table[name].notna().any()}
    if table.empty or not costs:
        return _typeset_note("No run card holds the costs of systems.", setup)
    comparable = table["overall_n"] == table["overall_n"].max() if "overall_n" in table else [True] * len(table)
    cells = []
    for name, cost in costs.items():
        values = table[name].astype(float).tolist()
        scaled = [cost.scale * value for value in values]
        marks = rank_marks(scaled, list(comparable), cost.digits) if cost.is_ranked else [""] * len(table)
        marked = zip(values, marks, strict=True)
        cells.append([format_number(value, cost.digits, cost.scale, mark) for value, mark in marked])
    columns = [Column(rotate(cost.title), cost.group) for cost in costs.values()]
    blocks = _by_model(table, setup, list(zip(*cells, strict=True)))
    return tabular([*FIRST, *columns], blocks, _notes(setup))


def data(tables: Tables, setup: Setup) -> str:
    """Return the audit of each benchmark's splits."""
    title_of = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    rows = []
    for name, splits in tables["data"].groupby("benchmark", sort=False):
        of_split = splits.set_index("split")
        test, total = of_split.loc["test"], of_split["rows"].sum()
        mentions = of_split["mentions_missing"].sum() / (2 * total)
        shares = [test["negatives"] / test["rows"], mentions, test["ceiling"], test["rows_in_train"] / test["rows"]]
        counts = [*(of_split.loc[split, "rows"] for split in ("train", "validation", "test")), of_split["labels"].max()]
        row = [escape(title_of.get(str(name), str(name))), escape(str(test["domain"]))]
        row += [*(format_number(n, 0) for n in counts), *(format_number(share, 1, 100) for share in shares)]
        rows.append(row)
    heads = [("train", "rows"), ("validation", "rows"), ("test", "rows"), ("labels", "")]
    heads += [("negative", r"\%"), ("not in text", r"\%"), ("ceiling", r"\%"), ("in train", r"\%")]
    columns = [Column("Benchmark", align="l"), Column("Domain", align="l"), *(Column(*head) for head in heads)]
    return tabular(columns, [("", rows)], _notes(setup))


def _typeset_note(text: str, setup: Setup) -> str:
    """Return a table without rows, with a text in place of its header."""
    return tabular([Column(escape(text), align="l")], [], _notes(setup))


_MARKED = (
    "The best system of a column is bold, the second underlined; floors, ceilings and averages over fewer benchmarks "
    "are not ranked."
)
_BOUNDS = "Small numbers are the bounds of the {level:g} % confidence interval."
PAPERS: dict[str, tuple[Callable[[Tables, Setup], str], str]] = {
    "matrix": (matrix, f"Positive-class micro-F1 (× 100) on the domains that a mixture trains on. {_BOUNDS} {_MARKED}"),
    "averages": (averages, f"Plain means of micro-F1 (× 100) over n benchmarks. {_BOUNDS} {_MARKED}"),
    "transfer": (transfer, f"Micro-F1 (× 100) of specialists on the domain that they do not train on. {_BOUNDS}"),
    "comparisons": (
        comparisons,
        "Differences of averages of micro-F1 (× 100): the system after the arrow minus the one before it. "
        f"{_BOUNDS} The p-values are adjusted for the tests of a family.",
    ),
    "published": (
        published,
        "Our averages of micro-F1 (× 100) compared with those of arXiv:2606.22606. published.csv lists all differences "
        "from the paper's runs.",
    ),
    "efficiency": (
        efficiency, "Costs of systems from their run cards, and their average micro-F1 (× 100). Averages over "
        "different numbers of benchmarks are not comparable.",
    ),
    "data": (
        data,
        "The splits of each benchmark: rows, labels, mentions that are not in their text, and for the test split the "
        "shares of negative rows and of rows whose text is also in train. The ceiling is the highest accuracy (× 100) "
        "possible where equal inputs have different labels.",
    ),
}  # fmt: skip
"""The function that makes each table, and its caption."""

_BEGIN = r"""% All tables as a document: pdflatex tables.tex. Papers include one by \input, with the packages of line 3.
\documentclass[10pt]{article}
\usepackage{booktabs,graphicx}
\usepackage[margin=1in]{geometry}
\setlength{\parindent}{0pt}
\begin{document}
"""


def typeset(settings: TypesetSettings, tables: Sequence[Path], folder: Path) -> None:
    """Write tables as LaTeX.

    Args:
        settings: The job's settings.
        tables: CSV files.
        folder: Folder of the `.tex` files.
    """
    frames = {path.stem: read_table(path) for path in tables}
    write_latex(*with_variants_as_models(frames, setup_of(settings.setup)), folder)


def write_latex(tables: Tables, setup: Setup, folder: Path) -> None:
    """Write each table as LaTeX, and `tables.tex`, a document of them all.

    Args:
        tables: By name, as returned by `read_table`.
        setup: The experiment.
        folder: Folder of the `.tex` files.
    """
    level = 100 * tables["intervals"]["level"].iloc[0]
    condition = f"Condition: {setup['headline_condition']}."
    sections = []
    for name, (to_latex, caption) in PAPERS.items():
        text = f"{caption.format(level=level)} {'' if name == 'data' else condition}".strip()
        packages = "Needs the packages booktabs and graphicx."
        write_text(folder / f"{name}.tex", f"% {text}\n% {packages}\n{to_latex(tables, setup)}")
        sections.append(f"\\subsection*{{{name.capitalize()}}}\n{escape(text)}\n\n\\medskip\n\\input{{{name}.tex}}\n\n")
    write_text(folder / "tables.tex", _BEGIN + "\\clearpage\n".join(sections) + "\\end{document}\n")
