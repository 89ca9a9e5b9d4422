"""Intervals of scores, arm by arm: an arm is what differs in nothing but the training seed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..artifacts.manifests import write_json
from .outcomes import check_ids, counts, label_counts, read_answers, read_groups, read_negative
from .scoring import average_members, macro_f1, micro_f1
from .significance import bootstrap, generator, interval

METRICS = {"micro_f1": (counts, micro_f1), "macro_f1": (label_counts, macro_f1)}


def write_intervals(
    settings: Mapping[str, Any], predictions: Sequence[Path], benchmarks: Mapping[str, Path], output: Path
) -> None:
    """Write the intervals of the scores of several arms as a JSON list.

    What is resampled is the test set, for all seeds at once, so that the mean over the seeds has an interval of its
    own. How far training runs lie apart is no part of an interval: `sd` tells it.

    Args:
        settings: `arms`, each with its name `arm`, its `systems` (one a seed), `conditions`, and `overall` (the
            benchmarks that the overall average is over, as in the matrix); `benchmarks` (their domains), `negatives`,
            `resamples`, `level`, `cluster`.
        predictions: Folder of each system, as it holds `{condition}/{benchmark}.parquet`, arm by arm.
        benchmarks: Folder of each prepared benchmark.
        output: JSON file to write.
    """
    folders, found = iter(predictions), []
    for arm in settings["arms"]:
        systems = {system: next(folders) for system in arm["systems"]}
        rows = [
            {"condition": condition, **row}
            for condition in arm["conditions"]
            for row in _condition({**settings, **arm}, condition, systems, benchmarks)
        ]
        how = {key: settings[key] for key in ("negatives", "resamples", "level", "cluster")}
        found.append({"arm": arm["arm"], "systems": arm["systems"], **how, "intervals": rows})
    write_json(output, found)


def _condition(settings, condition: str, systems: Mapping[str, Path], benchmarks) -> Iterator[dict[str, Any]]:
    """Rows of every benchmark under one condition, and of the averages over benchmarks."""
    found: dict[str, tuple[np.ndarray, np.ndarray, dict[str, int]]] = {}
    for name in settings["benchmarks"]:
        answers = {system: read_answers(folder / condition / f"{name}.parquet") for system, folder in systems.items()}
        check_ids({f"{system}, {condition}, {name}": one.ids for system, one in answers.items()})
        ids = next(iter(answers.values())).ids
        groups = read_groups(benchmarks[name], ids) if settings["cluster"] else None
        size = {"n": len(ids), "units": len(set(groups or ids))}
        negative = read_negative(benchmarks[name], settings["negatives"])
        for metric, (count, statistic) in METRICS.items():
            rows = np.stack([count(one, negative) for one in answers.values()], axis=1)
            random = generator("intervals", settings["arm"], condition, name, metric)
            draws = bootstrap(rows, statistic, random, settings["resamples"], groups)
            values = statistic(rows.sum(0, dtype=int))
            for row in _rows(settings, values, draws):
                yield {"benchmark": name, "metric": metric, **row, **size}
            if metric == "micro_f1":
                found[name] = values, draws, size
    members = average_members(settings["benchmarks"], settings["benchmarks"]) | {"overall": settings["overall"]}
    for part, names in members.items():
        if names:
            values, draws = (np.mean([found[name][i] for name in names], axis=0) for i in (0, 1))
            size = {key: sum(found[name][2][key] for name in names) for key in ("n", "units")}
            for row in _rows(settings, values, draws):
                yield {"benchmark": f"{part}_avg", "metric": "micro_f1", **row, **size}


def _rows(settings, values: np.ndarray, draws: np.ndarray) -> Iterator[dict[str, Any]]:
    """A row for each system, and where there are several one for their mean (`system` is null)."""
    for system, value, drawn in zip(settings["systems"], values, draws.T, strict=True):
        yield {"system": system, "seeds": 1, "sd": None, **_estimate(settings, value, drawn)}
    if len(values) > 1:
        sd = float(np.std(values, ddof=1))
        yield {"system": None, "seeds": len(values), "sd": sd, **_estimate(settings, values.mean(), draws.mean(1))}


def _estimate(settings, value: float, draws: np.ndarray) -> dict[str, float | None]:
    low, high = (None if np.isnan(bound) else float(bound) for bound in interval(draws, settings["level"]))
    return {"value": float(value), "low": low, "high": high}
