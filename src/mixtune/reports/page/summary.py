"""Summary of the experiment and the best averages, for the top of the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from ...systems import DEFAULT, UNTUNED
from ..experiment import Setup
from ..tables.matrix import CELL, KEYS, PARTS

MEANS = {"overall": "Best overall average", "general": "Best general average", "literary": "Best literary average"}


def lead(setup: Setup, matrix: pd.DataFrame) -> str:
    """Return one sentence with the sizes of the matrix and the number of cells."""
    cells = matrix.loc[matrix["mixture"].isin(setup["mixtures"]), CELL].drop_duplicates()
    parts = [
        _count(len(setup["models"]), "base model"), _count(len(setup["mixtures"]), "training mixture"),
        _count(len(setup["shots"]), "number of shots", "numbers of shots"),
        *([_count(len(setup["variants"]), "variant")] if len(setup["variants"]) > 1 else []),
        _count(len(setup["seeds"]), "seed"),
    ]  # fmt: skip
    benchmarks, conditions = (
        _count(len(setup["benchmarks"]), "benchmark"),
        _count(len(setup["conditions"]), "condition"),
    )
    cell_count = _count(len(cells), "cell")
    return f"{' × '.join(parts)}: {cell_count}, each evaluated on {benchmarks} under {conditions}."


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def experiment_facts(setup: Setup, matrix: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the design of the experiment as terms and values."""
    is_baseline = ~matrix["mixture"].isin([UNTUNED, *setup["mixtures"]])
    caps = [f"{rows:,} of {name}" for name, rows in setup["caps"]["max_rows"].items()]
    test_rows = setup["caps"]["test_rows"]
    facts = [
        ("Models", _list(setup["models"])),
        ("Training mixtures", _list(setup["mixtures"])),
        ("Shots", _list(setup["shots"])),
        ("Variants", _list(setup["variants"])),
        ("Training seeds", _list(setup["seeds"])),
        ("Conditions", _list(setup["conditions"])),
        ("Headline condition", f"{setup['headline_condition']} (charts, best averages)"),
        ("Benchmarks", _list(benchmark["title"] for benchmark in setup["benchmarks"].values())),
        ("Training rows", f"at most {_list(caps)}" if caps else "all"),
        ("Test rows", f"at most {test_rows:,} per benchmark" if test_rows else "all"),
    ]
    untuned = set(matrix.loc[matrix["mixture"] == UNTUNED, "model"])
    names = zip(matrix.loc[is_baseline, "mixture"], matrix.loc[is_baseline, "model"], strict=True)
    baselines = _list(dict.fromkeys(f"{kind} {name}" for kind, name in names))
    facts += [("Untuned models", str(len(untuned)))] if untuned else []
    return facts + ([("Baselines", baselines)] if baselines else [])


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


@dataclass(frozen=True)
class BestAverage:
    """The best cell of one average.

    Attributes:
        part: The average: "overall" or a domain.
        keys: Model, mixture, shots and variant of the cell.
        tables: Names of the tables with these numbers.
    """

    part: str
    value: str
    interval: str
    keys: Mapping[str, object]
    note: str
    tables: list[str]

    @property
    def title(self) -> str:
        """Its name for readers."""
        return MEANS[self.part]

    @property
    def cell(self) -> list[str]:
        """Model, mixture, shots and, but for the default, variant."""
        model, mixture, shots, variant = map(str, self.keys.values())
        return [model, mixture, f"{shots}-shot", *([] if variant == DEFAULT else [variant])]


def best_averages(tables: Mapping[str, pd.DataFrame], setup: Setup) -> list[BestAverage]:
    """Return the best cell of each average under the headline condition, among those over the most benchmarks.

    Seeds are averaged; a cell without the score of a seed is excluded.
    """
    matrix = tables["matrix"]
    is_shown = matrix["mixture"].isin(setup["mixtures"]) & (matrix["condition"] == setup["headline_condition"])
    return [best for part in MEANS if (best := _best_average(part, matrix.loc[is_shown], tables))]


def _best_average(part: str, cells: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> BestAverage | None:
    column, size = f"{part}_avg", f"{part}_n"
    n = max(map(int, cells[size]), default=0)
    parts = [name for name in PARTS[:-1] if any(cells[f"{name}_n"] > 0)]
    if n == 0 or (part == "overall" and len(parts) < 2):
        return None
    complete = cells.loc[cells[size] == n].astype({column: float})
    keys = ["model", "mixture", "shots", "variant"]
    means = pd.Series(complete.groupby(keys, sort=False)[column].mean(skipna=False)).dropna()
    if means.empty:
        return None
    cell = cast(tuple[str, str, int, str], means.idxmax())
    best = complete.loc[(complete[keys] == [*cell]).all(axis=1)]
    used = ["matrix"]
    interval = published_score = ""
    if len(best) == 1:
        key = {**best.iloc[0][KEYS], "benchmark": column}
        interval = format_interval(tables, key)
        used += ["intervals"] if interval else []
        published = _find_row(tables, "published", key)
        if published is not None and bool(published.notna()["published"]):
            published_score = f" Published: {100 * published['published']:.1f}."
            used.append("published")
    seeds = f"; mean over {len(best)} seeds" if len(best) > 1 else ""
    return BestAverage(
        part=part,
        value=f"{100 * means.max():.1f}",
        interval=interval,
        keys=dict(zip(keys, cell, strict=True)),
        note=f"F1 × 100, mean of {_count(n, 'benchmark')}{seeds}.{published_score}",
        tables=used,
    )


def format_interval(tables: Mapping[str, pd.DataFrame], key: Mapping[str, object]) -> str:
    """Return the interval × 100 of a micro-F1 by KEYS and benchmark; "" where it is unknown."""
    bounds = _find_row(tables, "intervals", {**key, "metric": "micro_f1"})
    return "" if bounds is None else f"{100 * bounds['low']:.1f}–{100 * bounds['high']:.1f}"


def _find_row(tables: Mapping[str, pd.DataFrame], name: str, key: Mapping[str, object]) -> pd.Series | None:
    if name not in tables:
        return None
    frame = tables[name]
    for column, value in key.items():
        frame = frame.loc[frame[column] == value]
    return frame.iloc[0] if len(frame) else None
