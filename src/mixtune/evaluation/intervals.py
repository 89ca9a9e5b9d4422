"""Bootstrap confidence intervals of scores, per arm: systems that differ in the training seed alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from ..artifacts.manifests import write_json
from .formats import ArmIntervals, Estimate, Interval
from .outcomes import check_ids, counts, label_counts, read_groups, read_negative, read_predictions
from .scoring import average_members, macro_f1, micro_f1
from .settings import ArmSettings, IntervalsSettings
from .significance import bootstrap, generator, interval

METRICS = {"micro_f1": (counts, micro_f1), "macro_f1": (label_counts, macro_f1)}


def intervals(
    settings: IntervalsSettings, predictions: Sequence[Path], benchmarks: Mapping[str, Path], output: Path
) -> None:
    """Write the intervals of the scores of several arms as a JSON list.

    The test set is resampled, for all seeds at once, so that the mean over the seeds has its own interval. An interval
    does not include the variation between training runs; `sd` reports it.

    Args:
        settings: The arms, resampling, and the benchmarks with their domains.
        predictions: Manifest of each system's predictions, in the folder of `{condition}/{benchmark}.parquet`, arm by
            arm.
        benchmarks: Folder of each prepared benchmark.
        output: JSON file to write.
    """
    folders = iter([manifest.parent for manifest in predictions])
    arms: list[ArmIntervals] = []
    for arm in settings.arms:
        systems = {system: next(folders) for system in arm.systems}
        rows = [
            row
            for condition in arm.conditions
            for row in _condition_intervals(settings, arm, condition, systems, benchmarks)
        ]
        arms.append(
            {
                "arm": arm.arm,
                "systems": arm.systems,
                "negatives": settings.negatives,
                "resamples": settings.resamples,
                "level": settings.level,
                "cluster": settings.cluster,
                "intervals": rows,
            }
        )
    write_json(output, arms)


def _condition_intervals(
    settings: IntervalsSettings,
    arm: ArmSettings,
    condition: str,
    systems: Mapping[str, Path],
    benchmarks: Mapping[str, Path],
) -> Iterator[Interval]:
    """Yield the intervals of every benchmark of an arm under one condition, and of the averages over benchmarks."""
    micro: dict[str, tuple[np.ndarray, np.ndarray, int, int]] = {}
    for name in (name for name in settings.benchmarks if name not in arm.excluded):
        labels = {
            system: read_predictions(folder / condition / f"{name}.parquet") for system, folder in systems.items()
        }
        check_ids({f"{system}, {condition}, {name}": predicted.ids for system, predicted in labels.items()})
        ids = next(iter(labels.values())).ids
        groups = read_groups(benchmarks[name], ids) if settings.cluster else None
        n, units = len(ids), len(set(groups or ids))
        negative = read_negative(benchmarks[name], settings.negatives)
        for metric, (count, statistic) in METRICS.items():
            rows = np.stack([count(predicted, negative) for predicted in labels.values()], axis=1)
            rng = generator("intervals", arm.arm, condition, name, metric)
            resampled = bootstrap(rows, statistic, rng, settings.resamples, groups)
            values = statistic(rows.sum(0, dtype=int))
            for row in _estimates(arm.systems, values, resampled, settings.level):
                yield {"condition": condition, "benchmark": name, "metric": metric, **row, "n": n, "units": units}
            if metric == "micro_f1":
                micro[name] = values, resampled, n, units
    members = average_members(settings.benchmarks, list(settings.benchmarks)) | {"overall": arm.overall}
    for average, names in members.items():
        if names and not set(names) & set(arm.excluded):
            values, resampled, ns, units_of = zip(*(micro[name] for name in names), strict=True)
            name, n, units = f"{average}_avg", sum(ns), sum(units_of)
            for row in _estimates(arm.systems, np.mean(values, axis=0), np.mean(resampled, axis=0), settings.level):
                yield {"condition": condition, "benchmark": name, "metric": "micro_f1", **row, "n": n, "units": units}


def _estimates(systems: Sequence[str], values: np.ndarray, resampled: np.ndarray, level: float) -> Iterator[Estimate]:
    """Yield a row for each system, and if there are several one for their mean."""
    for system, value, scores in zip(systems, values, resampled.T, strict=True):
        yield {"system": system, "seeds": 1, "sd": None, **_bounds(value, scores, level)}
    if len(values) > 1:
        sd = float(np.std(values, ddof=1))
        yield {"system": None, "seeds": len(values), "sd": sd, **_bounds(values.mean(), resampled.mean(1), level)}


class _Bounds(TypedDict):
    value: float
    low: float | None
    high: float | None


def _bounds(value: float, resampled: np.ndarray, level: float) -> _Bounds:
    """Return a score with its interval; None where the interval is undefined."""
    low, high = (None if np.isnan(bound) else float(bound) for bound in interval(resampled, level))
    return {"value": float(value), "low": low, "high": high}
