"""Paired significance tests of all compared systems, joined by example id."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from .outcomes import check_ids, counts, read_groups, read_negative, read_predictions
from .pairing import SystemCondition, pairs, system_conditions
from .scoring import average_members
from .settings import CompareSettings
from .significance import Paired, generator, holm, mcnemar

COLUMNS = [
    "family", "system_a", "condition_a", "system_b", "condition_b", "benchmark", "micro_f1_a", "micro_f1_b",
    "difference", "low", "high", "p_bootstrap", "p_randomisation", "p_mcnemar", "p_holm", "n", "units",
]  # fmt: skip


def compare(settings: CompareSettings, predictions: Path, benchmarks: Mapping[str, Path]) -> pd.DataFrame:
    """Test every pair of the comparisons on every benchmark of both, and on the averages over benchmarks.

    Args:
        settings: The comparisons, their systems, and resampling.
        predictions: Folder of `{system}/{condition}/{benchmark}.parquet`.
        benchmarks: Folder of each prepared benchmark.

    Returns:
        COLUMNS, one row per pair and benchmark or average. `difference` is micro-F1 of b minus that of a, `low` and
        `high` its interval; `p_holm` is `p_randomisation`, adjusted for all pairs and benchmarks (or for all pairs
        and averages) of `family`; `p_mcnemar` tests correctness on single rows, and is blank for averages.

    Raises:
        UserError: Two systems have predictions of different examples.
    """
    rows: list[dict[str, object]] = []
    tests = _PairTests(settings, predictions, benchmarks)
    members = system_conditions(settings.systems)
    for comparison in settings.comparisons:
        new = [row for pair in pairs(comparison, members) for row in tests.rows(*pair)]
        print(f"{comparison.name}: {len(new)} tests" if new else f"{comparison.name}: no pair in this matrix")
        rows += new
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for family, group in frame.groupby("family"):
        frame.loc[group.index, "p_holm"] = holm(group["p_randomisation"].tolist())
        least = len(group) / (settings.resamples + 1)
        if least > 1 - settings.level:
            print(
                f"warning: {family} has {len(group)} tests, so that no p_holm can be below {least:.3f}; raise "
                "statistics.resamples"
            )
    return frame


class _PairTests:
    """Tests of pairs of systems; inputs that several pairs need are read once."""

    def __init__(self, settings: CompareSettings, predictions: Path, benchmarks: Mapping[str, Path]):
        self._settings, self._predictions, self._benchmarks = settings, predictions, benchmarks
        members = average_members(settings.benchmarks, list(settings.benchmarks))
        self._averages = {average: names for average, names in members.items() if names}
        if len(self._averages) == 2:  # with one domain, the overall average equals the domain's
            del self._averages["overall"]
        self._shared_ids: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._read, self._groups = cache(self._read_counts), cache(self._read_groups)

    def rows(self, family: str, a: SystemCondition, b: SystemCondition) -> Iterator[dict[str, object]]:
        """Yield the row of each benchmark and average."""
        settings, keys = self._settings, ((a.system, a.condition), (b.system, b.condition))
        pair = dict(zip(COLUMNS[1:5], keys[0] + keys[1], strict=True))
        excluded = {*settings.excluded.get(a.system, ()), *settings.excluded.get(b.system, ())}
        parts: dict[str, tuple[Paired, int, int]] = {}
        for name in (name for name in settings.benchmarks if name not in excluded):
            (ids, first), (other_ids, second) = (self._read(*key, name) for key in keys)
            check_ids({", ".join((*key, name)): of_key for key, of_key in zip(keys, (ids, other_ids), strict=True)})
            groups = self._groups(ids, name)
            rng = generator("comparison", *keys[0], *keys[1], name)
            paired = Paired.of(first, second, rng, settings.resamples, groups)
            n, units = len(ids), len(set(groups or ids))
            parts[name] = paired, n, units
            tests = {**paired.tests(settings.level), "p_mcnemar": mcnemar(first, second)}
            yield {"family": family, **pair, "benchmark": name, **tests, "n": n, "units": units}
        for average, names in self._averages.items():
            if excluded & set(names):  # an average over some of its benchmarks is another one
                continue
            paired, n, units = zip(*(parts[name] for name in names), strict=True)
            tests = {**Paired.mean(paired).tests(settings.level), "n": sum(n), "units": sum(units)}
            yield {"family": f"{family} averages", **pair, "benchmark": f"{average}_avg", **tests}

    def _read_counts(self, system: str, condition: str, name: str) -> tuple[tuple[str, ...], np.ndarray]:
        labels = read_predictions(self._predictions / system / condition / f"{name}.parquet")
        rows = counts(labels, read_negative(self._benchmarks[name], self._settings.negatives))
        return self._shared_ids.setdefault(labels.ids, labels.ids), rows

    def _read_groups(self, ids: tuple[str, ...], name: str) -> list[str] | None:
        return read_groups(self._benchmarks[name], ids) if self._settings.cluster else None
