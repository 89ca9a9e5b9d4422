"""What can be wrong with a configuration, in the words its user needs: key, fact, limit, remedy."""

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from ..data.registry import REGISTRY
from .models import Floor
from .section import Condition

RESERVED = ("untuned", "encoder", "frontier", "floor", "ceiling")


def _suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where something known is close, else the list of what is known."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


def explain(error: Mapping[str, Any], model: Any) -> str:
    """One of pydantic's errors as: key, fact, limit, remedy."""
    location = [part for part in error["loc"] if part != "[key]"]
    key = ".".join(map(str, location))
    if error["type"] == "extra_forbidden":
        section: Any = model
        names = 0  # how many of the next parts are names that the user gave, or places in a list, and no fields
        for part in location[:-1]:
            if not names:
                annotation = section.model_fields[part].annotation
                section, names = _section(annotation), _levels(annotation)
            else:
                names -= 1
        return f"{key}: unknown key; {_suggest(location[-1], section.model_fields)}"
    if error["type"] == "missing":
        return f"{key}: missing; config.yaml shows it with its meaning"
    if error["type"] == "model_type":
        return f"{key}: {error['input']!r} is not a mapping; config.yaml shows its keys"
    if location[-1] in ("key_variable", "base_url"):  # not shown: it may be a key, or hold one
        wanted = {
            "key_variable": "the name of an environment variable",
            "base_url": "an http(s) URL without a key in it",
        }
        return f"{key}: not {wanted[location[-1]]}; keys stand in the environment alone; change {key}"
    if "pattern" in error.get("ctx", {}):
        return f"{key}: {error['input']!r} does not match {error['ctx']['pattern']}; choose another name"
    return f"{key}: {error['input']!r} is not possible ({error['msg'].lower()}); change {key}"


def _section(annotation: Any) -> Any:
    """The model class inside an annotation such as `dict[Slug, Model]` or `Hub | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_section(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in found if part), None)


def _levels(annotation: Any) -> int:
    """How many names or places lead to the model class in an annotation: one for each `dict` and `list`."""
    return 1 + _levels(get_args(annotation)[-1]) if get_origin(annotation) in (dict, list) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def references(raw: Mapping[str, Any]) -> list[str]:
    """Problems between sections; works on the raw mapping, so that it runs beside type errors."""
    raw = _mapping(raw)
    matrix = _mapping(raw.get("matrix"))
    problems = []

    def check(where: str, names: list[str], section: str) -> None:
        known = _mapping(raw.get(section))
        for name in names:
            if name not in known:
                problems.append(f"{where}: {name!r} is not under `{section}`; {_suggest(name, known)}")

    def unique(where: str, values: Any) -> None:
        for value in sorted({str(v) for v in values if values.count(v) > 1}) if isinstance(values, list) else ():
            problems.append(f"{where}: {value!r} stands there more than once; remove one")

    for key in ("models", "mixtures", "benchmarks", "encoders", "frontier"):
        check(f"matrix.{key}", _names(matrix.get(key)), key)
    for key in ("models", "mixtures", "shots", "conditions", "benchmarks", "seeds", "encoders", "frontier", "floors"):
        unique(f"matrix.{key}", matrix.get(key))
    if matrix.get("mixtures") == [] and matrix.get("untuned") is False:
        problems.append("matrix.mixtures: nothing would run; name a mixture or set matrix.untuned: true")
    for name, mixture in _mapping(raw.get("mixtures")).items():
        sources = _names(_mapping(mixture).get("benchmarks"))
        check(f"mixtures.{name}.benchmarks", sources, "benchmarks")
        unique(f"mixtures.{name}.benchmarks", sources)
        if _mapping(mixture).get("balance") == "domain" and len({_domain(raw, s) for s in sources}) < 2:
            problems.append(
                f"mixtures.{name}.balance: 'domain' needs benchmarks of both domains; "
                f"add one to mixtures.{name}.benchmarks or set balance: natural"
            )
    for section in ("models", "mixtures", "encoders", "frontier"):
        for name in _mapping(raw.get(section)):
            if name in RESERVED or re.search(r"(^|[._-])seed-\d|-shot$", str(name)):
                problems.append(f"{section}.{name}: the name is reserved for paths of results; choose another")
    for section in ("encoders", "frontier"):
        for name in sorted({*_mapping(raw.get("models"))} & {*_mapping(raw.get(section))}):
            problems.append(f"{section}.{name}: a model has this name, too; choose another")
    if matrix.get("frontier") and matrix.get("conditions") == ["constrained"]:
        problems.append(
            "matrix.frontier: no endpoint is asked under constrained; add generic or schema to matrix.conditions"
        )
    for key, entry in _entries(raw):
        origin = entry.get("origin")
        if origin in ("hub", "path", "pypi") and not entry.get(origin):
            problems.append(
                f"{key}.origin: {origin!r} is chosen but {key}.{origin} is missing; set it or choose another origin"
            )
    for name, entry in _mapping(raw.get("benchmarks")).items():
        if name not in REGISTRY and not _mapping(entry).get("domain"):
            problems.append(
                f"benchmarks.{name}: no benchmark of that name ships with a reader ({_suggest(name, REGISTRY)}); "
                f"for one of your own, in hub layout, set benchmarks.{name}.domain"
            )
        elif name in REGISTRY and {"domain", "negative"} & set(_mapping(entry)):
            problems.append(f"benchmarks.{name}: domain and negative are known and cannot be set; remove them")
        elif name not in REGISTRY and _mapping(entry).get("origin") == "sample":
            problems.append(f"benchmarks.{name}.origin: there is no sample corpus of it; use path or hub")
        problems += _options(name, _mapping(entry))
    check("export.licensed", _names(_mapping(raw.get("export")).get("licensed")), "benchmarks")
    for name, model in _mapping(raw.get("models")).items():
        check(f"models.{name}.adapters", list(_mapping(_mapping(model).get("adapters"))), "mixtures")
    check("publish.mixtures", _names(_mapping(raw.get("publish")).get("mixtures")), "mixtures")
    problems += _adapters(raw, matrix)
    problems += _comparisons(raw)
    problems += _printed(raw)
    headline = _mapping(raw.get("reports")).get("headline_condition")
    if isinstance(matrix.get("conditions"), list) and headline not in matrix["conditions"]:
        problems.append(
            f"reports.headline_condition: {headline!r} is not in matrix.conditions; add it there or choose one of them"
        )
    return problems


def _released(raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    """Model, mixture, shots and entry of each adapter that exists."""
    for model, entry in _mapping(raw.get("models")).items():
        for mixture, by_shots in _mapping(_mapping(entry).get("adapters")).items():
            for shots, adapter in _mapping(by_shots).items():
                yield model, mixture, shots, adapter


def _entries(raw: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All that has an origin, with its key."""
    for section in ("models", "encoders", "benchmarks"):
        for name, entry in _mapping(raw.get(section)).items():
            yield f"{section}.{name}", _mapping(entry)
    for model, mixture, shots, adapter in _released(raw):
        yield f"models.{model}.adapters.{mixture}.{shots}", _mapping(adapter)


def _adapters(raw: Mapping[str, Any], matrix: Mapping[str, Any]) -> Iterator[str]:
    """Problems of adapters that exist, and of those to publish."""
    models, mixtures, shots, seeds = (
        value if isinstance(value := matrix.get(key), list) else [] for key in ("models", "mixtures", "shots", "seeds")
    )
    cells = [f"{model}/{mixture}/{n}-shot" for model, mixture, n in itertools.product(models, mixtures, shots)]
    released = {f"{m}/{mixture}/{n}-shot": f"models.{m}.adapters.{mixture}.{n}" for m, mixture, n, _ in _released(raw)}
    for cell in cells if len(seeds) > 1 else ():
        if cell in released:
            yield f"{released[cell]}: it is one run, and matrix.seeds names {len(seeds)}; name one, or remove this"
    publish = _mapping(raw.get("publish"))
    chosen = _names(publish.get("adapters"))
    tuned = [f"{cell}/seed-{seed}" for cell in cells if cell not in released for seed in seeds]
    for name in chosen:
        if name not in tuned:
            yield f"publish.adapters: {name!r} is no cell that the matrix tunes; {_suggest(name, tuned)}"
    for cell, number in Counter(name.rpartition("/")[0] for name in chosen).items():
        if number > 1:
            yield f"publish.adapters: {cell!r} stands there {number} times, and its repository holds one; keep one"
    if (chosen or publish.get("mixtures")) and publish.get("namespace") is None:
        yield "publish.namespace: not set, but something is to be published; name a user or organisation to upload as"


OPTIONS = ("unit", "negative_share", "annotation")  # of one reader each; the registry says of which


def _options(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Problems of a benchmark's reading options."""
    taken = REGISTRY[name].options if name in REGISTRY else ()
    for option in OPTIONS:
        if entry.get(option) is not None and option not in taken:
            owners = ", ".join(sorted(known.name for known in REGISTRY.values() if option in known.options))
            yield f"benchmarks.{name}.{option}: only {owners} has this; remove it"
    if entry.get("negative_share") and entry.get("unit") != "document":
        yield f"benchmarks.{name}.negative_share: only documents have unlabelled pairs; set unit: document"
    columns = _mapping(entry.get("columns"))
    offsets = {"head_start", "head_end", "tail_start", "tail_end"}
    given = offsets & columns.keys()
    if given and given != offsets:
        yield f"benchmarks.{name}.columns: {', '.join(sorted(offsets - given))} missing; give all four offsets or none"
    elif columns and not given and not {"head", "tail"} <= columns.keys():
        yield f"benchmarks.{name}.columns: head or tail missing; name both, or all four offsets"


def _comparisons(raw: Mapping[str, Any]) -> Iterator[str]:
    """Problems of `statistics.comparisons`; what this matrix lacks is none, so that an overlay may cut it down."""
    listed = _mapping(raw.get("statistics")).get("comparisons")
    entries = [_mapping(entry) for entry in listed] if isinstance(listed, list) else []
    known = {
        "model": _mapping(raw.get("models")),
        "mixture": [*_mapping(raw.get("mixtures")), "untuned"],
        "condition": get_args(Condition),
    }
    names = [entry.get("name") for entry in entries]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"statistics.comparisons: the name {name!r} stands there more than once; choose another"
    for place, entry in enumerate(entries):
        key = f"statistics.comparisons.{place}"
        vary, where = entry.get("vary"), _mapping(entry.get("where"))
        if vary in where:
            yield f"{key}.where.{vary}: it is what differs; say in {key}.of what is compared"
        for at, field, values in (("of", vary, entry.get("of")), *((f"where.{f}", f, where[f]) for f in where)):
            for value in _names(values):
                if field in known and value not in known[field] and not set("*?[") & set(value):
                    yield f"{key}.{at}: {value!r} is no {field}; {_suggest(value, known[field])}"


def _printed(raw: Mapping[str, Any]) -> Iterator[str]:
    """Problems of `reports.names`."""
    names = _mapping(_mapping(raw.get("reports")).get("names"))
    sections = ("models", "encoders", "frontier", "mixtures", "benchmarks")
    known = {name: str(name) for section in sections for name in _mapping(raw.get(section))}
    known |= {name: REGISTRY[name].title for name in known if name in REGISTRY}
    known |= {name: name for name in (*get_args(Floor), "untuned")}
    for name in names:
        if name not in known:
            yield f"reports.names: nothing is called {name!r}; {_suggest(name, known)}"
    for printed, number in Counter(str(names.get(name, title)) for name, title in known.items()).items():
        if number > 1 and printed in names.values():
            yield f"reports.names: {number} things would be called {printed!r} in print; choose other names"


def _domain(raw: Mapping[str, Any], name: str) -> Any:
    known = REGISTRY.get(name)
    return known.domain if known else _mapping(_mapping(raw.get("benchmarks")).get(name)).get("domain")
