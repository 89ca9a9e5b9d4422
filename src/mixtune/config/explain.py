"""Messages for pydantic's validation errors: key, fact, remedy."""

import difflib
from collections.abc import Iterable, Sequence
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

SECRETS = {
    "key_variable": "the name of an environment variable",
    "base_url": "an http(s) URL without a key in it",
}


def suggest(word: object, known: Iterable[object]) -> str:
    """Return `did you mean …?` with the closest known word, or the list of all known words.

    >>> suggest("gentun", ["gentune", "littune"])
    "did you mean 'gentune'?"
    >>> suggest("zzz", ["gentune", "littune"])
    'known: gentune, littune'
    """
    words = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(words) or 'none'}"


def explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return the message for one validation error of a model: key, fact, remedy."""
    location = [part for part in error["loc"] if part != "[key]"]
    key = ".".join(map(str, location))
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {suggest(location[-1], _section_at(location[:-1], model).model_fields)}"
    if error["type"] == "missing":
        return f"{key}: missing; config.yaml shows it with its meaning"
    if error["type"] == "model_type":
        return f"{key}: {error['input']!r} is not a mapping; config.yaml shows its keys"
    if location[-1] in SECRETS:  # the value may be or contain an API key, so it is not shown
        return f"{key}: not {SECRETS[location[-1]]}; API keys must be in the environment only; change {key}"
    context = error.get("ctx", {})
    if "pattern" in context:
        return f"{key}: {error['input']!r} does not match {context['pattern']}; choose another name"
    return f"{key}: {error['input']!r} is not possible ({error['msg'].lower()}); change {key}"


def _section_at(location: Sequence[str | int], model: type[BaseModel]) -> type[BaseModel]:
    """Return the class of the section at a location."""
    section = model
    names = 0  # how many of the next parts are user-given names or list indices, not fields
    for part in location:
        if names:
            names -= 1
        else:
            annotation = section.model_fields[str(part)].annotation
            section, names = _section_in(annotation) or section, _count_levels(annotation)
    return section


def _section_in(annotation: object) -> type[BaseModel] | None:
    """Return the model class inside an annotation such as `dict[Slug, Model]` or `Hub | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    sections = (_section_in(part) for part in getattr(annotation, "__args__", ()))
    return next((section for section in sections if section), None)


def _count_levels(annotation: object) -> int:
    """Return the number of names or indices above the model class: one per `dict` and `list`."""
    return 1 + _count_levels(get_args(annotation)[-1]) if get_origin(annotation) in (dict, list) else 0
