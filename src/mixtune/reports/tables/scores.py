"""Score files as tables: scores, scores of each label, and confidence intervals."""

import itertools
from collections.abc import Iterable, Iterator

import pandas as pd

from ...errors import UserError
from ...evaluation.formats import ArmIntervals, ScoreFile, Scores
from .matrix import CELL, KEYS

ROW = ["system", "kind", *KEYS, "benchmark"]
COUNTS = ["n", "tp", "fp", "fn"]
RATIOS = ["precision", "recall", "micro_f1", "macro_f1", "accuracy", "out_of_schema", "empty"]
OF_INTERVAL = [
    "system", *KEYS, "benchmark", "metric", "value", "low", "high", "level", "sd", "seeds", "n", "resampled", "units",
    "resamples",
]  # fmt: skip
OF_CLASS = ["support", "tp", "fp", "fn", "precision", "recall", "f1"]


def _rows(files: Iterable[ScoreFile]) -> Iterator[tuple[dict[str, object], Scores]]:
    """Yield the values of ROW and the score of each system, condition and benchmark, sorted."""
    files = sorted(files, key=lambda file: [file[key] for key in (*CELL, "system")])
    for file, following in itertools.pairwise(files):
        if file["system"] == following["system"]:
            raise UserError(f"{file['system']}: duplicate score file; pass each file once")
        if file["negatives"] != following["negatives"]:
            raise UserError(
                f"{file['system']} and {following['system']} are scored with different negative words and "
                "cannot be compared in one table; score all systems again with one value of scoring.negatives"
            )
    for file in files:
        for condition, by_benchmark in sorted(file["scores"].items()):
            for benchmark, score in sorted(by_benchmark.items()):
                row = {**file, "condition": condition, "benchmark": benchmark}
                yield {key: row[key] for key in ROW}, score


def scores(files: Iterable[ScoreFile]) -> pd.DataFrame:
    """Return every score, one row per system, condition and benchmark.

    Args:
        files: Score files, in any order.

    Returns:
        Columns ROW, COUNTS and RATIOS (0..1), sorted.

    Raises:
        UserError: Two files are of one system, or the files differ in `negatives`.
    """
    rows = [row | {key: score[key] for key in (*COUNTS, *RATIOS)} for row, score in _rows(files)]
    return pd.DataFrame(rows, columns=[*ROW, *COUNTS, *RATIOS])


def per_class(files: Iterable[ScoreFile]) -> pd.DataFrame:
    """Return the scores of each positive label: columns ROW, `label` and OF_CLASS, otherwise as `scores`."""
    rows = [
        row | {"label": label} | {key: of_label[key] for key in OF_CLASS}
        for row, score in _rows(files)
        for label, of_label in sorted(score["per_class"].items())
    ]
    return pd.DataFrame(rows, columns=[*ROW, "label", *OF_CLASS])


def intervals(arms: Iterable[ArmIntervals], scores: pd.DataFrame) -> pd.DataFrame:
    """Return every interval, one row per system, condition, benchmark or average, and metric; also of seed means.

    Args:
        arms: The contents of `results/intervals/*.json`, in any order.
        scores: As returned by `scores`.

    Returns:
        Columns OF_INTERVAL. `low` and `high` bound `value` over other test sets; a mean over seeds has no `seed`, its
        `sd` over `seeds` training runs, and the name of its arm as `system`. `units` were `resampled`.

    Raises:
        UserError: The value of an interval is not the score in the table.
    """
    keys_of = scores.drop_duplicates("system").set_index("system")[CELL].to_dict("index")
    measured = scores.set_index(["system", "condition", "benchmark"]).to_dict("index")
    rows = []
    for arm in sorted(arms, key=lambda arm: arm["arm"]):
        method = {"resampled": "groups" if arm["cluster"] else "rows"}
        method |= {key: arm[key] for key in ("level", "resamples")}
        for row in arm["intervals"]:
            system, keys = row["system"] or arm["arm"], keys_of[row["system"] or arm["systems"][0]]
            key = row["system"], row["condition"], row["benchmark"]
            score = measured[key][row["metric"]] if key in measured else row["value"]
            if abs(score - row["value"]) > 1e-9:
                raise UserError(
                    f"{', '.join(map(str, key))}: the interval is of the value {row['value']}, but {row['metric']} is "
                    f"{score}; rerun both (snakemake --forcerun score intervals)"
                )
            rows.append({**keys, **row, **method, "system": system, "seed": keys["seed"] if row["system"] else None})
    return pd.DataFrame(rows, columns=OF_INTERVAL).astype({"seed": "Int64"})
