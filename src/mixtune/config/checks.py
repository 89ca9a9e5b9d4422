"""Checks between sections of the configuration; each problem is reported as key, fact, remedy.

All checks take the raw mapping, so that they report problems even where the types of values are wrong.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from ..data.registry import REGISTRY
from ..systems import BASELINES, UNTUNED, variant_folder
from .benchmark_checks import check_benchmarks, check_evaluation_only, check_train_splits
from .explain import suggest
from .raw import Raw
from .raw import as_list as _list
from .raw import as_mapping as _mapping
from .raw import as_names as _names
from .section import Condition, Floor
from .variant_checks import check_variants, known_variants, listed_variants

RESERVED = (UNTUNED, *BASELINES)


def find_problems(raw: object) -> list[str]:
    """Return the problems between sections of a raw configuration."""
    checks = (
        _check_matrix,
        _check_mixtures,
        check_variants,
        _check_names,
        _check_origins,
        check_benchmarks,
        check_evaluation_only,
        check_train_splits,
        _check_export,
        _check_released,
        _check_publish,
        _check_comparisons,
        _check_display_names,
        _check_headline,
    )
    config = _mapping(raw)
    return [problem for check in checks for problem in check(config)]


def _check_references(raw: Raw, key: str, names: Sequence[str], section: str) -> Iterator[str]:
    known = _mapping(raw.get(section))
    for name in names:
        if name not in known:
            yield f"{key}: unknown name {name!r}, not found under `{section}`; {suggest(name, known)}"


def _check_unique(key: str, values: Sequence[object]) -> Iterator[str]:
    for value in sorted({str(value) for value in values if values.count(value) > 1}):
        yield f"{key}: {value!r} is listed more than once; remove the duplicate"


def _check_matrix(raw: Raw) -> Iterator[str]:
    matrix = _mapping(raw.get("matrix"))
    for key in ("models", "mixtures", "benchmarks", "encoders", "frontier"):
        yield from _check_references(raw, f"matrix.{key}", _names(matrix.get(key)), key)
    lists = ("models", "mixtures", "shots", "variants", "conditions", "benchmarks", "seeds", "encoders", "frontier")
    for key in (*lists, "floors"):
        yield from _check_unique(f"matrix.{key}", _list(matrix.get(key)))
    if matrix.get("mixtures") == [] and matrix.get("untuned") is False:
        yield "matrix.mixtures: nothing would run; name a mixture or set matrix.untuned: true"
    if matrix.get("frontier") and matrix.get("conditions") == ["constrained"]:
        yield (
            "matrix.frontier: constrained decoding is impossible behind an endpoint; "
            "add generic or schema to matrix.conditions"
        )


def _check_mixtures(raw: Raw) -> Iterator[str]:
    listed, variants = _names(_mapping(raw.get("matrix")).get("mixtures")), listed_variants(raw)
    overrides = {name: _mapping(variant.settings.get("mixture")) for name, variant in variants.items()}
    balanced = [
        f"variants.{name}.mixture.balance" for name, mixed in overrides.items() if mixed.get("balance") == "domain"
    ]
    for name, entry in _mapping(raw.get("mixtures")).items():
        key, mixture = f"mixtures.{name}", _mapping(entry)
        sources = _names(mixture.get("benchmarks"))
        yield from _check_references(raw, f"{key}.benchmarks", sources, "benchmarks")
        yield from _check_unique(f"{key}.benchmarks", sources)
        in_one_domain = len({_domain(raw, source) for source in sources}) < 2
        for balance_key in balanced if in_one_domain and name in listed else ():
            yield f"{balance_key}: 'domain' needs benchmarks of both domains, and {key}.benchmarks has one; remove it"
        if mixture.get("balance") == "domain" and in_one_domain:
            yield (
                f"{key}.balance: 'domain' needs benchmarks of both domains; "
                f"add one to {key}.benchmarks or set balance: natural"
            )


def _domain(raw: Raw, benchmark: str) -> object:
    known = REGISTRY.get(benchmark)
    return known.domain if known else _mapping(_mapping(raw.get("benchmarks")).get(benchmark)).get("domain")


def _check_names(raw: Raw) -> Iterator[str]:
    """Find names of systems that paths of results cannot contain or distinguish."""
    for section in ("models", "mixtures", "variants", "encoders", "frontier"):
        for name in _mapping(raw.get(section)):
            if name in RESERVED or re.search(r"(^|[._-])seed-\d|-shot$", str(name)):
                yield f"{section}.{name}: the name is reserved for paths of results; choose another"
    for section in ("encoders", "frontier"):
        for name in sorted({*_mapping(raw.get("models"))} & {*_mapping(raw.get(section))}):
            yield f"{section}.{name}: duplicate name, a model has it, too; choose another"


def _check_origins(raw: Raw) -> Iterator[str]:
    """Find entries whose chosen origin is not given."""
    sections = ("models", "encoders", "benchmarks")
    entries = {f"{section}.{name}": entry for section in sections for name, entry in _mapping(raw.get(section)).items()}
    entries |= {key: entry for _, key, entry in _released(raw)}
    for key, value in entries.items():
        entry = _mapping(value)
        origin = entry.get("origin")
        if origin in ("hub", "path", "pypi") and not entry.get(origin):
            yield f"{key}.origin: {origin!r} is chosen but {key}.{origin} is missing; set it or choose another origin"


def _check_export(raw: Raw) -> Iterator[str]:
    licensed = _names(_mapping(raw.get("export")).get("licensed"))
    yield from _check_references(raw, "export.licensed", licensed, "benchmarks")


def _released(raw: Raw) -> Iterator[tuple[str, str, object]]:
    """Yield the cell (without its seed), the key and the entry of each released adapter."""
    for model, entry in _mapping(raw.get("models")).items():
        for mixture, by_shots in _mapping(_mapping(entry).get("adapters")).items():
            for shots, adapter in _mapping(by_shots).items():
                yield f"{model}/{mixture}/{shots}-shot", f"models.{model}.adapters.{mixture}.{shots}", adapter


def _cells(matrix: Raw) -> list[str]:
    """Return the cells of a matrix, without their seeds."""
    axes = (_list(matrix.get(key)) for key in ("models", "mixtures", "shots"))
    return [f"{model}/{mixture}/{number}-shot" for model, mixture, number in itertools.product(*axes)]


def _check_released(raw: Raw) -> Iterator[str]:
    for name, model in _mapping(raw.get("models")).items():
        mixtures = list(_mapping(_mapping(model).get("adapters")))
        yield from _check_references(raw, f"models.{name}.adapters", mixtures, "mixtures")
    matrix = _mapping(raw.get("matrix"))
    keys, seeds = {cell: key for cell, key, _ in _released(raw)}, _list(matrix.get("seeds"))
    for cell in _cells(matrix) if len(seeds) > 1 else ():
        if cell in keys:
            yield (
                f"{keys[cell]}: a released adapter is one training run, but matrix.seeds lists {len(seeds)}; "
                "list one seed, or remove the adapter"
            )


def _check_publish(raw: Raw) -> Iterator[str]:
    publish, matrix = _mapping(raw.get("publish")), _mapping(raw.get("matrix"))
    adapters, mixtures = _names(publish.get("adapters")), _names(publish.get("mixtures"))
    yield from _check_references(raw, "publish.mixtures", mixtures, "mixtures")
    released = {f"{cell}/" for cell, _, _ in _released(raw)}
    cells = (f"{cell}/{variant_folder(name)}" for cell in _cells(matrix) for name in listed_variants(raw))
    tuned = [f"{cell}seed-{seed}" for cell in cells if cell not in released for seed in _list(matrix.get("seeds"))]
    for name in adapters:
        if name not in tuned:
            yield f"publish.adapters: unknown cell {name!r}, the matrix does not tune it; {suggest(name, tuned)}"
    for cell, number in Counter(name.rpartition("/")[0] for name in adapters).items():
        if number > 1:
            yield f"publish.adapters: {cell!r} is listed {number} times, but its repository holds one; keep one seed"
    if (adapters or publish.get("mixtures")) and publish.get("namespace") is None:
        yield "publish.namespace: missing, but uploads are configured; name the user or organisation to upload as"


def _check_comparisons(raw: Raw) -> Iterator[str]:
    """Find problems of `statistics.comparisons`; values outside this matrix are allowed, as overlays may reduce it."""
    entries = [_mapping(entry) for entry in _list(_mapping(raw.get("statistics")).get("comparisons"))]
    yield from _check_unique("statistics.comparisons", [entry.get("name") for entry in entries])
    known = {
        "model": _mapping(raw.get("models")),
        "mixture": [*_mapping(raw.get("mixtures")), UNTUNED],
        "variant": known_variants(raw),
        "condition": get_args(Condition),
    }
    for index, entry in enumerate(entries):
        key, vary, where = f"statistics.comparisons.{index}", str(entry.get("vary")), _mapping(entry.get("where"))
        if vary in where:
            yield f"{key}.where.{vary}: the compared field must not be fixed; list its values in {key}.of"
        patterns = [("of", vary, entry.get("of")), *((f"where.{field}", field, where[field]) for field in where)]
        for part, field, values in patterns:
            for value in _names(values):
                if field in known and value not in known[field] and not set("*?[") & set(value):
                    yield f"{key}.{part}: unknown {field} {value!r}; {suggest(value, known[field])}"


def _check_display_names(raw: Raw) -> Iterator[str]:
    names = _mapping(_mapping(raw.get("reports")).get("names"))
    sections = ("models", "encoders", "frontier", "mixtures", "benchmarks")
    titles = {name: str(name) for section in sections for name in _mapping(raw.get(section))}
    titles |= {name: REGISTRY[name].title for name in titles if name in REGISTRY}
    titles |= {name: name for name in (*get_args(Floor), UNTUNED)}
    for name in names:
        if name not in titles:
            yield f"reports.names: unknown name {name!r}; {suggest(name, titles)}"
    for title, number in Counter(str(names.get(name, title)) for name, title in titles.items()).items():
        if number > 1 and title in names.values():
            yield f"reports.names: duplicate display name {title!r} ({number} entries); choose other names"


def _check_headline(raw: Raw) -> Iterator[str]:
    headline = _mapping(raw.get("reports")).get("headline_condition")
    conditions = _mapping(raw.get("matrix")).get("conditions")
    if isinstance(conditions, list) and headline not in conditions:
        yield (
            f"reports.headline_condition: {headline!r} not found in matrix.conditions; "
            "add it there or choose one of them"
        )
