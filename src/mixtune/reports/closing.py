"""Closing summary of a run: the best cells, their baselines, whether fine-tuning helped, and where to read on."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from .. import layout
from ..errors import UserError
from ..systems import DEFAULT, UNTUNED, System
from .experiment import Setup, display_name, setup_of
from .page.summary import BestAverage, best_averages, format_interval
from .settings import Experiment
from .tables.files import read_table
from .tables.matrix import KEYS, headline

TABLES = ("matrix", "intervals", "comparisons")


def describe_reports(experiment: Experiment, since: float) -> str | None:
    """Return the closing summary of a run; None if it has not made the table `matrix`.

    Args:
        experiment: The experiment that the tables report.
        since: Start of the run, in seconds since the epoch.
    """
    paths = {name: Path(layout.TABLE.format(table=name, ending="csv")) for name in TABLES}
    if not paths["matrix"].is_file() or paths["matrix"].stat().st_mtime < since:
        return None
    try:
        tables = {name: read_table(path) for name, path in paths.items() if path.is_file()}
        lines = summarise(tables, setup_of(experiment))
    except (UserError, OSError, ValueError, KeyError) as error:  # the run itself has succeeded
        lines = [f"{layout.TABLES}: no summary of these tables ({error}); {layout.README} has the results."]
    where = [path for path in (layout.PAGE, layout.README) if Path(path).is_file()]
    if where:
        lines.append(f"Open {' or '.join(where)}; all tables are in {layout.TABLES}.")
    lines.append(f"Type `mixtune why {paths['matrix']}` to trace these numbers to data, settings and code.")
    return "\n".join(["", *lines])


def summarise(tables: Mapping[str, pd.DataFrame], setup: Setup) -> list[str]:
    """Return the results in lines.

    Args:
        tables: `matrix` and, where they exist, `intervals` and `comparisons`, as read from their CSV files.
        setup: The experiment.

    Raises:
        UserError: No score under the headline condition.
    """
    name_of, rows = display_name(setup), headline(tables["matrix"], setup)
    bests = {best.part: best for best in best_averages(tables, setup)}
    lines = [(best.title, best.value, best.interval, " · ".join(map(name_of, best.cell))) for best in bests.values()]
    part = next((part for part in bests if _is_comparable(rows, part, bests[part])), next(iter(bests), "overall"))
    verdict: list[str] = []
    if part in bests:
        untuned = _select(rows, **_untuned(bests[part]))
        name = f"{name_of(bests[part].cell[0])} · {bests[part].cell[2]}"
        lines += _describe_baseline(f"Its untuned model, {part}", untuned, part, tables, name)
        verdict = _describe_gain(tables, setup, bests[part], part)
    floors = _select(rows, mixture="floor").dropna(subset=f"{part}_avg").sort_values(f"{part}_avg", ascending=False)
    if len(floors):
        lines += _describe_baseline(f"Best trivial baseline, {part}", floors, part, tables, floors.iloc[0]["model"])
    title = f"Results: F1 × 100 and its interval, under the condition {setup['headline_condition']}"
    return [title, *_align(lines), *verdict, *_warn(setup)]


def _is_comparable(rows: pd.DataFrame, part: str, best: BestAverage) -> bool:
    """Return whether a best cell and its untuned model have an average over the same benchmarks."""
    pair = [_select(rows, **keys) for keys in (best.keys, _untuned(best))]
    return all(len(side) for side in pair) and pd.concat(pair)[f"{part}_n"].nunique() == 1


def _untuned(best: BestAverage) -> dict[str, object]:
    """Return the values of the keys of the best cell's untuned model."""
    return {**best.keys, "mixture": UNTUNED, "variant": DEFAULT}


def _select(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows with these values; an empty table without a column, where the frame lacks it."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame


def _describe_baseline(
    title: str, rows: pd.DataFrame, part: str, tables: Mapping[str, pd.DataFrame], name: str
) -> list[tuple[str, str, str, str]]:
    """Return the line of the first of these rows: its average and interval × 100; no line where there is no row."""
    if rows.empty:
        return []
    row = rows.iloc[0]
    interval = format_interval(tables, {**row[KEYS], "benchmark": f"{part}_avg"})
    return [(title, f"{100 * float(row[f'{part}_avg']):.1f}", interval, name)]


def _describe_gain(tables: Mapping[str, pd.DataFrame], setup: Setup, best: BestAverage, part: str) -> list[str]:
    """Return whether fine-tuning helped: the paired difference of the best cell, and the count over all cells."""
    if UNTUNED not in set(tables["matrix"]["mixture"]):
        return ["Whether fine-tuning helped is unknown: no untuned model was evaluated (matrix.untuned: true does)."]
    pairs = []
    if "comparisons" in tables:
        sides = {side: setup["headline_condition"] for side in ("condition_a", "condition_b")}
        for _, row in _select(tables["comparisons"], **sides, benchmark=f"{part}_avg").iterrows():
            untuned, cell = System.parse(row["system_a"]), System.parse(row["system_b"])
            if untuned and cell and untuned.mixture == UNTUNED:
                is_best = best.keys.items() <= vars(cell).items()
                pairs.append((is_best, *(100 * float(row[name]) for name in ("difference", "low", "high"))))
    own = [(difference, low, high) for is_best, difference, low, high in pairs if is_best]
    if not own:
        return [
            "Whether fine-tuning helped is untested: statistics.comparisons does not compare the best cell with an "
            "untuned model."
        ]
    difference = sum(values[0] for values in own) / len(own)
    low, high = min(values[1] for values in own), max(values[2] for values in own)
    better, worse = sum(low > 0 for *_, low, _ in pairs), sum(high < 0 for *_, high in pairs)
    verdict = "helped" if low > 0 else "lowered the score" if high < 0 else "made no clear difference"
    seeds = f", over {len(own)} seeds" if len(own) > 1 else ""
    return [
        f"Fine-tuning {verdict}: {difference:+.1f} for the best cell ({part} average; interval of the paired "
        f"difference {low:+.1f} to {high:+.1f}{seeds}).",
        f"Cells with such an interval above 0: {better} of {len(pairs)}; below 0: {worse}.",
    ]


def _align(lines: list[tuple[str, str, str, str]]) -> list[str]:
    """Return lines in columns: title, score with interval, system."""
    cells = [(title, f"{score:>5} {interval and f'({interval})'}", name) for title, score, interval, name in lines]
    first, second = (max((len(line[index]) for line in cells), default=0) for index in range(2))
    return [f"  {title:{first}}  {score:{second}}  {name}" for title, score, name in cells]


def _warn(setup: Setup) -> list[str]:
    """Return a warning where data are sample corpora."""
    if not setup["sample"]:
        return []
    titles = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    names = ", ".join(titles.get(name, name) for name in setup["sample"])
    names = "all benchmarks" if titles.keys() <= set(setup["sample"]) else names
    return [
        f"The data of {names} are small sample corpora: these scores are no results on the benchmarks they imitate.",
        "Your own matrix: docs/choose.md, then `mixtune doctor --configfile mine.yaml`.",
    ]
