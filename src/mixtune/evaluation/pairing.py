"""Which systems are compared: the pairs that `statistics.comparisons` stands for."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ..systems import ANY, UNTUNED, System

Run = dict[str, str]
"""What made one set of predictions: `system`, `condition`; of cells and untuned models `model`, `mixture`, `shots`,
`seed`."""


def runs(systems: Mapping[str, Sequence[str]]) -> list[Run]:
    """A run for each system and each of its conditions."""
    found = []
    for system, conditions in systems.items():
        cell = System.parse(system)
        facts = {"system": system, **({name: str(value) for name, value in vars(cell).items()} if cell else {})}
        found += [{**facts, "condition": condition} for condition in conditions]
    return found


def pairs(comparison: Mapping[str, Any], runs: Sequence[Run]) -> Iterator[tuple[str, Run, Run]]:
    """The pairs of one comparison.

    Args:
        comparison: `name`; `vary`, the field that differs; `of`, patterns of its values (`*` stands for anything),
            of which each is paired with each that follows it; maybe `where`, patterns that other fields match.
        runs: All runs there are.

    Yields:
        The family that a pair is tested in (the comparison, under one condition unless conditions are compared),
        and its two runs: alike but in the varied field (an untuned model has no seed to be alike in), or, where
        systems are compared, alike in the condition alone (ANY is like every one).
    """
    vary, patterns = comparison["vary"], comparison["of"]
    kept = [
        run
        for run in runs
        if all(_place(run.get(field), among) is not None for field, among in comparison.get("where", {}).items())
    ]
    sides: list[list[Run]] = [[] for _ in patterns]
    for run in kept:
        place = _place(run.get(vary), patterns)
        if place is not None:
            sides[place].append(run)
    name = comparison["name"]
    for second, others in enumerate(sides):
        alike = defaultdict(list)
        for b in others:
            alike[_rest(b, vary)].append(b)
        for a in (run for side in sides[:second] for run in side):
            rest = _rest(a, vary)
            # What is asked in one way stands beside every condition of the others.
            rests = [r for r in alike if r == rest or ANY in (*r, *rest)] if vary == "system" else [rest]
            for b in (b for r in rests for b in alike[r]):
                if vary in ("system", "condition") or a["seed"] == b["seed"] or UNTUNED in (a["mixture"], b["mixture"]):
                    condition = (b if a["condition"] == ANY else a)["condition"]
                    yield name if vary == "condition" else f"{name}/{condition}", a, b


def _place(value: str | None, patterns: Sequence[Any]) -> int | None:
    """The place of the first pattern that a value matches."""
    matches = (i for i, pattern in enumerate(patterns) if value is not None and fnmatchcase(value, str(pattern)))
    return next(matches, None)


def _rest(run: Run, vary: str) -> tuple[str, ...]:
    """What two runs that are compared have in common, the seed aside."""
    if vary in ("system", "condition"):
        return (run["condition" if vary == "system" else "system"],)
    return tuple(run[field] for field in ("model", "mixture", "shots", "condition") if field != vary)
