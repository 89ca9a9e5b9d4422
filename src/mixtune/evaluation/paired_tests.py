"""Paired tests of all compared systems, joined by example id."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .outcomes import check_ids, counts, read_answers, read_groups, read_negative
from .pairing import Run, pairs, runs
from .scoring import average_members
from .significance import Paired, generator, holm, mcnemar

COLUMNS = [
    "family", "system_a", "condition_a", "system_b", "condition_b", "benchmark", "micro_f1_a", "micro_f1_b",
    "difference", "low", "high", "p_bootstrap", "p_randomisation", "p_mcnemar", "p_holm", "n", "units",
]  # fmt: skip


def compare(settings: Mapping[str, Any], predictions: Path, benchmarks: Mapping[str, Path]) -> pd.DataFrame:
    """Test every pair of the comparisons on every benchmark, and on the averages over benchmarks.

    Args:
        settings: `comparisons`; `systems` that stand in one, with their conditions; `benchmarks` (their domains),
            `negatives`, `resamples`, `level`, `cluster`.
        predictions: Folder of `{system}/{condition}/{benchmark}.parquet`.
        benchmarks: Folder of each prepared benchmark.

    Returns:
        COLUMNS, one row a pair and benchmark or average. `difference` is micro-F1 of b minus that of a, `low` and
        `high` its interval; `p_holm` is `p_randomisation`, adjusted for all pairs and benchmarks (or for all pairs
        and averages) of `family`; `p_mcnemar` tests correctness on single rows, and is blank for averages.

    Raises:
        UserError: Two systems were not asked the same examples.
    """
    rows = []
    pair_rows = _pairs(settings, predictions, benchmarks)
    for comparison in settings["comparisons"]:
        found = [row for pair in pairs(comparison, runs(settings["systems"])) for row in pair_rows(*pair)]
        print(f"{comparison['name']}: {len(found)} tests" if found else f"{comparison['name']}: no pair in this matrix")
        rows += found
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for family, tests in frame.groupby("family"):
        frame.loc[tests.index, "p_holm"] = holm(tests["p_randomisation"])
        least = len(tests) / (settings["resamples"] + 1)
        if least > 1 - settings["level"]:
            print(
                f"warning: {family} has {len(tests)} tests, so that none can have a p_holm under {least:.3f}; "
                "raise statistics.resamples"
            )
    return frame


def _pairs(
    settings: Mapping[str, Any], predictions: Path, benchmarks: Mapping[str, Path]
) -> Callable[[str, Run, Run], Iterator[dict[str, Any]]]:
    """A function that gives the rows of one pair; it reads what several pairs need once."""
    resamples, level = settings["resamples"], settings["level"]
    members = average_members(settings["benchmarks"], list(settings["benchmarks"]))
    members = {part: names for part, names in members.items() if names}
    if len(members) == 2:  # of one domain alone, the overall average is the domain's
        del members["overall"]
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}

    @cache
    def read(system: str, condition: str, name: str) -> tuple[tuple[str, ...], np.ndarray]:
        answers = read_answers(predictions / system / condition / f"{name}.parquet")
        found = counts(answers, read_negative(benchmarks[name], settings["negatives"]))
        return shared.setdefault(answers.ids, answers.ids), found

    @cache
    def groups_of(ids: tuple[str, ...], name: str) -> list[str] | None:
        return read_groups(benchmarks[name], ids) if settings["cluster"] else None

    def rows(family: str, a: Run, b: Run) -> Iterator[dict[str, Any]]:
        keys = [(run["system"], run["condition"]) for run in (a, b)]
        pair = dict(zip(COLUMNS[1:5], keys[0] + keys[1], strict=True))
        found = {}
        for name in settings["benchmarks"]:
            (ids, first), (others, second) = (read(*key, name) for key in keys)
            check_ids({", ".join((*key, name)): of for key, of in zip(keys, (ids, others), strict=True)})
            groups = groups_of(ids, name)
            paired = Paired.of(first, second, generator("comparison", *keys[0], *keys[1], name), resamples, groups)
            sizes = {"n": len(ids), "units": len(set(groups or ids))}
            found[name] = paired, sizes
            tests = {**paired.tests(level), "p_mcnemar": mcnemar(first, second)}
            yield {"family": family, **pair, "benchmark": name, **tests, **sizes}
        for part, names in members.items():
            tests = Paired.mean([found[name][0] for name in names]).tests(level)
            sizes = {key: sum(found[name][1][key] for name in names) for key in ("n", "units")}
            yield {"family": f"{family} averages", **pair, "benchmark": f"{part}_avg", **tests, **sizes}

    return rows
