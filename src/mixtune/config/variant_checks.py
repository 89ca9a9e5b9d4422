"""Checks of variants, on the raw configuration: grids, names, and the models that they are for."""

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import ValidationError

from ..systems import DEFAULT
from .explain import explain, suggest
from .raw import Raw, as_list, as_mapping, as_names
from .variants import Member, Variant, expand, members_by_name


def known_variants(raw: Raw) -> dict[str, list[Member]]:
    """Return all variants of a raw configuration, and those of each grid, by the names that `matrix.variants` takes."""
    return members_by_name(as_mapping(raw.get("variants")))


def listed_variants(raw: Raw) -> dict[str, Member]:
    """Return the variants of a raw matrix by name, without those that are unknown."""
    known, listed = known_variants(raw), as_names(as_mapping(raw.get("matrix")).get("variants"))
    return {member.name: member for name in listed for member in known.get(name, [])}


def check_variants(raw: Raw) -> Iterator[str]:
    """Find problems of `variants` and `matrix.variants`."""
    models = as_mapping(raw.get("models"))
    for name, value in as_mapping(raw.get("variants")).items():
        entry = as_mapping(value)
        if name == DEFAULT:
            yield "variants.default: the name is that of the configuration's own settings; choose another"
        yield from _check_grid(name, entry)
        for pattern in as_names(entry.get("models")):
            if not any(fnmatchcase(model, pattern) for model in models):
                yield f"variants.{name}.models: {pattern!r} matches no model; {suggest(pattern, models)}"
    yield from _check_listed(raw)


def _check_listed(raw: Raw) -> Iterator[str]:
    """Find names in `matrix.variants` that are unknown, listed twice, or of no cell."""
    matrix, known = as_mapping(raw.get("matrix")), known_variants(raw)
    names, models = as_names(matrix.get("variants")), as_names(matrix.get("models"))
    for name in names:
        if name not in known:
            yield f"matrix.variants: unknown name {name!r}, not found under `variants`; {suggest(name, known)}"
    counts = Counter(member.name for name in dict.fromkeys(names) for member in known.get(name, []))
    for name, number in counts.items():
        if number > 1:
            yield f"matrix.variants: {name!r} is listed by itself and in its grid; keep one"
    for name, member in listed_variants(raw).items():
        patterns = as_names(member.settings.get("models")) or ["*"]
        if models and not any(fnmatchcase(model, pattern) for model in models for pattern in patterns):
            yield f"matrix.variants: {name!r} is for {', '.join(patterns)}, no model of matrix.models; remove one"


def _check_grid(name: str, entry: Raw) -> Iterator[str]:
    """Find the keys of a grid that no variant has, and values that they cannot have; a problem of many members once."""
    grid, found = as_mapping(entry.get("grid")), []
    for member in expand({name: entry}) if grid else ():
        try:
            Variant.model_validate(member.settings)
        except ValidationError as error:
            found += [f"variants.{name}.grid: {explain(detail, Variant)}" for detail in error.errors()]
    yield from dict.fromkeys(found)
    for key, values in grid.items():
        section = key.partition(".")[0]
        if as_mapping(entry.get(section)).get(key.partition(".")[2]) is not None:
            yield f"variants.{name}.grid.{key}: variants.{name}.{key} sets it, too; remove one"
        if len({str(value) for value in as_list(values)}) < len(as_list(values)):
            yield f"variants.{name}.grid.{key}: a value is listed twice; remove the duplicate"
