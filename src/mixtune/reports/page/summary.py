"""What stands on the first screen: what was run, and the best averages."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ...systems import UNTUNED
from ..experiment import Setup
from ..tables.matrix import KEYS, PARTS

MEANS = {"overall": "Best over both domains", "general": "Best general average", "literary": "Best literary average"}


def lead(setup: Setup, matrix: pd.DataFrame) -> str:
    """One sentence: what was combined, and how many cells that makes."""
    cells = matrix.loc[matrix["mixture"].isin(setup["mixtures"]), KEYS[:4]].drop_duplicates()
    parts = [
        _count(len(setup["models"]), "base model"), _count(len(setup["mixtures"]), "training mixture"),
        _count(len(setup["shots"]), "number of shots", "numbers of shots"), _count(len(setup["seeds"]), "seed"),
    ]  # fmt: skip
    asked = f"{_count(len(setup['benchmarks']), 'benchmark')} under {_count(len(setup['conditions']), 'condition')}"
    return f"{' × '.join(parts)}: {_count(len(cells), 'cell')}, each evaluated on {asked}."


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"


def facts(setup: Setup, matrix: pd.DataFrame) -> list[tuple[str, str]]:
    """What was run, as terms and values."""
    beside = matrix[~matrix["mixture"].isin([UNTUNED, *setup["mixtures"]])]
    caps = [f"{rows:,} of {name}" for name, rows in setup["caps"]["max_rows"].items()]
    test_rows = setup["caps"]["test_rows"]
    found = [
        ("Models", _list(setup["models"])),
        ("Training mixtures", _list(setup["mixtures"])),
        ("Shots", _list(setup["shots"])),
        ("Training seeds", _list(setup["seeds"])),
        ("Conditions", f"{_list(setup['conditions'])}; charts and best averages show {setup['headline_condition']}"),
        ("Benchmarks", _list(benchmark["title"] for benchmark in setup["benchmarks"].values())),
        ("Training rows", f"at most {_list(caps)}" if caps else "all"),
        ("Test rows", f"at most {test_rows:,} a benchmark" if test_rows else "all"),
    ]
    untuned = matrix.loc[matrix["mixture"] == UNTUNED, "model"].nunique()
    others = _list(
        dict.fromkeys(f"{kind} {name}" for kind, name in beside[["mixture", "model"]].itertuples(index=False))
    )
    found += [("Untuned models", str(untuned))] if untuned else []
    return found + ([("Beside the cells", others)] if others else [])


def _list(values: Any) -> str:
    return ", ".join(map(str, values))


def cards(tables: Mapping[str, pd.DataFrame], setup: Setup) -> list[dict[str, Any]]:
    """The best cell of each average under the headline condition, among those over the most benchmarks.

    Of several seeds, the mean is compared; a cell that lacks a seed's score has none.
    """
    matrix = tables["matrix"]
    cells = matrix[matrix["mixture"].isin(setup["mixtures"]) & (matrix["condition"] == setup["headline_condition"])]
    return [card for part in MEANS if (card := _card(part, cells, tables, setup))]


def _card(part: str, cells: pd.DataFrame, tables: Mapping[str, pd.DataFrame], setup: Setup) -> dict[str, Any] | None:
    column, size = f"{part}_avg", f"{part}_n"
    n = int(cells[size].max()) if len(cells) else 0
    parts = [name for name in PARTS[:-1] if (cells[f"{name}_n"] > 0).any()]
    if n == 0 or (part == "overall" and len(parts) < 2):
        return None
    whole = cells[cells[size] == n].astype({column: float})
    means = whole.groupby(["model", "mixture", "shots"], sort=False)[column].mean(skipna=False).dropna()
    if means.empty:
        return None
    model, mixture, shots = means.idxmax()
    best = whole[(whole["model"] == model) & (whole["mixture"] == mixture) & (whole["shots"] == shots)]
    used = ["matrix"]
    interval = paper = ""
    if len(best) == 1:
        key = {**best.iloc[0][KEYS], "benchmark": column}
        bounds = _find(tables, "intervals", key | {"metric": "micro_f1"})
        if bounds is not None:
            interval = f"{100 * bounds['low']:.1f}–{100 * bounds['high']:.1f}"
            used.append("intervals")
        published = _find(tables, "published", key)
        if published is not None and not pd.isna(published["published"]):
            paper = f" The paper’s: {100 * published['published']:.1f}."
            used.append("published")
    seeds = f"; mean over {len(best)} seeds" if len(best) > 1 else ""
    return {
        "title": MEANS[part],
        "value": f"{100 * means.max():.1f}",
        "interval": interval,
        "who": [model, mixture, f"{shots}-shot"],
        "note": f"F1 × 100, mean of {_count(n, 'benchmark')}{seeds}.{paper}",
        "tables": used,
    }


def _find(tables: Mapping[str, pd.DataFrame], name: str, key: Mapping[str, Any]) -> pd.Series | None:
    if name not in tables:
        return None
    frame = tables[name]
    for column, value in key.items():
        frame = frame[frame[column] == value]
    return frame.iloc[0] if len(frame) else None
