"""Tables as people read them: means over training seeds, with what is known of their uncertainty."""

from collections.abc import Sequence

import pandas as pd

from ...evaluation.scoring import DOMAINS
from ...systems import ANY
from ..markdown import Estimate
from .matrix import AVERAGES, KEYS, Setup, in_print, titles

ARM = [key for key in KEYS if key != "seed"]


def over_seeds(frame: pd.DataFrame, columns: Sequence[str], intervals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Means over the training seeds of what differs in nothing else.

    Args:
        frame: KEYS, `columns` and others.
        columns: Scores to average.
        intervals: As `tables.intervals` gives them; None: the means stand without.

    Returns:
        ARM, `seeds` (how many), and `columns`: an Estimate, a plain number where its uncertainty is not known, NaN
        where one seed lacks the score. The sample standard deviation is that over the seeds.
    """
    known = {}
    if intervals is not None:
        micro = intervals[(intervals["metric"] == "micro_f1") & intervals["low"].notna()]
        bounds = zip(micro["low"], micro["high"], strict=True)
        known = dict(zip(micro[[*ARM, "seeds", "benchmark"]].itertuples(index=False, name=None), bounds, strict=True))
    rows = []
    for key, group in frame.groupby(ARM, sort=False):
        seeds = len(group)
        means, sds = group[list(columns)].mean(skipna=False), group[list(columns)].std()
        row = {**dict(zip(ARM, key, strict=True)), "seeds": seeds}
        for column in columns:
            interval = known.get((*key, seeds, _interval_of(column, group.iloc[0])))
            sd = sds[column] if seeds > 1 else None
            plain = pd.isna(means[column]) or (sd is None and interval is None)
            row[column] = means[column] if plain else Estimate(means[column], sd, interval)
        rows.append(row)
    return pd.DataFrame(rows, columns=[*ARM, "seeds", *columns])


def _interval_of(column: str, row: pd.Series) -> str:
    """The name that a column's interval has; the overall average of a row with one domain is that domain's."""
    shown = [domain for domain in DOMAINS if row.get(f"{domain}_n", 0)]
    return f"{shown[0]}_avg" if column == "overall_avg" and len(shown) == 1 else column


def readable(matrix: pd.DataFrame, setup: Setup, intervals: pd.DataFrame | None = None) -> pd.DataFrame:
    """A matrix or transfer table with titles for headers, without columns that say nothing.

    The numbers of benchmarks averaged go into the headers; `Flagged` counts the flagged benchmarks.

    Args:
        intervals: As for `over_seeds`.
    """
    groups = matrix.groupby(ARM, sort=False)
    shown = over_seeds(matrix, [*setup["benchmarks"], *AVERAGES], intervals)
    names = {column: [_union(texts) for _, texts in groups[column]] for column in ("missing", "flagged")}
    shown["missing"] = [", ".join(found) for found in names["missing"]]
    shown["flagged"] = [len(found) for found in names["flagged"]]
    silent = {
        "seeds": not (shown["seeds"] > 1).any(),
        "condition": len(set(matrix["condition"]) - {ANY}) < 2,
        "missing": not matrix["missing"].any(),
        "flagged": not matrix["flagged"].any(),
    }
    named = {name: name.capitalize() for name in shown} | titles(matrix, setup)
    shown = in_print(shown, setup)
    return shown[[name for name in shown if not silent.get(name, False)]].rename(columns=named)


def _union(texts: pd.Series) -> list[str]:
    """The names that stand in lists of names, each once."""
    return list(dict.fromkeys(name for text in texts if text for name in text.split(", ")))
