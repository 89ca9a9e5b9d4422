"""Pairs of systems that the comparisons of the configuration compare."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..systems import ANY, UNTUNED, System
from .settings import ComparisonSettings


@dataclass(frozen=True)
class SystemCondition:
    """A system under one condition: one set of predictions. Baselines lack the fields of a cell."""

    system: str
    condition: str
    model: str | None = None
    mixture: str | None = None
    shots: str | None = None
    seed: str | None = None
    variant: str | None = None


def system_conditions(systems: Mapping[str, Sequence[str]]) -> list[SystemCondition]:
    """Return each system under each of its conditions.

    >>> [(member.system, member.condition) for member in system_conditions({"encoder/base/seed-1": ["any"]})]
    [('encoder/base/seed-1', 'any')]
    """
    members = []
    for system, conditions in systems.items():
        cell = System.parse(system)
        fields = {name: str(value) for name, value in vars(cell).items()} if cell else {}
        members += [SystemCondition(system, condition, **fields) for condition in conditions]
    return members


def pairs(
    comparison: ComparisonSettings, members: Sequence[SystemCondition]
) -> Iterator[tuple[str, SystemCondition, SystemCondition]]:
    """Yield the pairs of one comparison.

    Args:
        comparison: The field that differs, and patterns of its values: each is paired with each that follows it.
        members: All systems and conditions.

    Yields:
        The family in which a pair is tested (the comparison, under one condition unless conditions are compared), and
        the pair: equal except in the varied field (an untuned model has neither variant nor seed) or, where systems are
        compared, equal in the condition alone (ANY matches every one).

    >>> comparison = ComparisonSettings(name="shots", vary="shots", of=[0, 2], where={})
    >>> members = system_conditions({f"smol/all/{shots}-shot/seed-1": ["schema"] for shots in (0, 2)})
    >>> [(family, a.system, b.system) for family, a, b in pairs(comparison, members)]
    [('shots/schema', 'smol/all/0-shot/seed-1', 'smol/all/2-shot/seed-1')]
    """
    vary = comparison.vary
    sides: list[list[SystemCondition]] = [[] for _ in comparison.of]
    for member in members:
        index = _match(getattr(member, vary), comparison.of)
        if index is not None and _is_selected(member, comparison.where):
            sides[index].append(member)
    for number, side in enumerate(sides):
        by_context = defaultdict(list)
        for b in side:
            by_context[_context(b, vary)].append(b)
        for a in (member for preceding in sides[:number] for member in preceding):
            context = _context(a, vary)
            contexts = [context]
            if vary == "system":  # a system with one way to predict is compared under every condition of the others
                contexts = [other for other in by_context if other == context or ANY in (*other, *context)]
            for b in (b for other in contexts for b in by_context[other]):
                if vary in ("system", "condition") or UNTUNED in (a.mixture, b.mixture) or _is_same_run(a, b, vary):
                    yield _family(comparison, a, b), a, b


def _family(comparison: ComparisonSettings, a: SystemCondition, b: SystemCondition) -> str:
    """Return the name of the family in which a pair is tested."""
    if comparison.vary == "condition":
        return comparison.name
    return f"{comparison.name}/{(b if a.condition == ANY else a).condition}"


def _is_selected(member: SystemCondition, where: Mapping[str, Sequence[int | str]]) -> bool:
    """Return whether each of these fields matches one of its patterns."""
    return all(_match(getattr(member, field), patterns) is not None for field, patterns in where.items())


def _match(value: str | None, patterns: Sequence[int | str]) -> int | None:
    """Return the index of the first pattern that a value matches.

    >>> _match("smol", ["untuned", "*"])
    1
    """
    matches = (i for i, pattern in enumerate(patterns) if value is not None and fnmatchcase(value, str(pattern)))
    return next(matches, None)


def _is_same_run(a: SystemCondition, b: SystemCondition, vary: str) -> bool:
    """Return whether two cells are of one training seed and, unless variants are compared, of one variant."""
    return a.seed == b.seed and (vary == "variant" or a.variant == b.variant)


def _context(member: SystemCondition, vary: str) -> tuple[str | None, ...]:
    """Return the fields in which two compared members are equal, variant and seed aside."""
    if vary == "system":
        return (member.condition,)
    if vary == "condition":
        return (member.system,)
    return tuple(getattr(member, field) for field in ("model", "mixture", "shots", "condition") if field != vary)
