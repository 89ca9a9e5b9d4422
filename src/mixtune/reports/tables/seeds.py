"""Tables for readers: means over training seeds, with their standard deviations and confidence intervals."""

from collections.abc import Sequence

import pandas as pd

from ...evaluation.scoring import DOMAINS
from ...systems import ANY, DEFAULT
from ..experiment import Setup, with_display_names
from ..markdown import ScoreEstimate
from .matrix import AVERAGES, KEYS, titles

ARM = [key for key in KEYS if key != "seed"]


def average_seeds(frame: pd.DataFrame, columns: Sequence[str], intervals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Average rows that differ in the training seed alone.

    Args:
        frame: KEYS, `columns` and others.
        columns: Scores to average.
        intervals: As returned by `scores.intervals`; None: means without intervals.

    Returns:
        ARM, `seeds` (their number), and `columns`: a ScoreEstimate, a plain number where neither deviation nor
        interval is known, NaN where the score of one seed is missing. `sd` is the sample standard deviation over
        seeds.
    """
    bounds: dict[tuple[object, ...], tuple[float, float]] = {}
    if intervals is not None:
        micro = intervals[(intervals["metric"] == "micro_f1") & intervals["low"].notna()]
        keys = micro[[*ARM, "seeds", "benchmark"]].itertuples(index=False, name=None)
        bounds = dict(zip(keys, zip(micro["low"], micro["high"], strict=True), strict=True))
    rows = []
    for key, group in frame.groupby(ARM, sort=False):
        seeds = len(group)
        means, sds = group[list(columns)].mean(skipna=False), group[list(columns)].std()
        row = {**dict(zip(ARM, key, strict=True)), "seeds": seeds}
        for column in columns:
            interval = bounds.get((*key, seeds, _interval_of(column, group.iloc[0])))
            sd = sds[column] if seeds > 1 else None
            is_plain = pd.isna(means[column]) or (sd is None and interval is None)
            row[column] = means[column] if is_plain else ScoreEstimate(means[column], sd, interval)
        rows.append(row)
    return pd.DataFrame(rows, columns=[*ARM, "seeds", *columns])


def _interval_of(column: str, row: pd.Series) -> str:
    """Return the benchmark of a column's interval: the overall average of one domain has that domain's."""
    covered = [domain for domain in DOMAINS if row.get(f"{domain}_n", 0)]
    return f"{covered[0]}_avg" if column == "overall_avg" and len(covered) == 1 else column


def format_matrix(matrix: pd.DataFrame, setup: Setup, intervals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a matrix or transfer table with titles as headers, without columns that hold no information.

    The headers include the numbers of benchmarks averaged; `Flagged` counts the flagged benchmarks.

    Args:
        matrix: As returned by `matrix.matrix` or `matrix.transfer`.
        setup: The experiment.
        intervals: As for `average_seeds`.
    """
    groups = matrix.groupby(ARM, sort=False)
    table = average_seeds(matrix, [*setup["benchmarks"], *AVERAGES], intervals)
    names = {column: [_union(texts) for _, texts in groups[column]] for column in ("missing", "flagged")}
    table["missing"] = [", ".join(missing) for missing in names["missing"]]
    table["flagged"] = [len(flagged) for flagged in names["flagged"]]
    table["variant"] = table["variant"].where(table["mixture"].isin(setup["mixtures"]), "")  # of tuned cells alone
    is_left_out = {
        "seeds": not (table["seeds"] > 1).any(),
        "condition": len(set(matrix["condition"]) - {ANY}) < 2,
        "variant": not (matrix["variant"] != DEFAULT).any(),
        "missing": not matrix["missing"].any(),
        "flagged": not matrix["flagged"].any(),
    }
    headers = {name: name.capitalize() for name in table.columns} | titles(matrix, setup)
    table = with_display_names(table, setup)
    return table[[name for name in table.columns if not is_left_out.get(name, False)]].rename(columns=headers)


def _union(texts: pd.Series) -> list[str]:
    """Return the names in comma-separated lists, each once."""
    return list(dict.fromkeys(name for text in texts if text for name in text.split(", ")))
