"""Labels: cleaned, compared, distinguished, and recognised in model output."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

_QUOTES = frozenset("\"'`“”„‟‘’‚‛«»‹›")


def clean(text: str) -> str:
    """Return the first line that is not blank, white space collapsed, outer quotes removed; case is kept."""
    # Blank lines before the answer are skipped: taken as the first line, they would make it an abstention.
    lines = text.strip().splitlines()
    label = " ".join(lines[0].split()) if lines else ""
    while len(label) > 1 and label[0] in _QUOTES and label[-1] in _QUOTES:
        label = label[1:-1].strip()
    return label


def normalise(label: str) -> str:
    """Return the form in which labels are compared.

    Args:
        label: A label, or a model's output in its place.

    Returns:
        Its first line that is not blank, case-folded, each run of white space one blank, no blanks or
        quotes around it; "" where nothing remains.

    >>> normalise(' "Work_For" ')
    'work_for'
    """
    return clean(label).casefold()


@lru_cache(maxsize=64)
def _inventory(labels: tuple[str, ...]) -> dict[str, str]:
    return {normalise(label): label for label in reversed(labels)}  # of equal labels the first stays


def recognise(raw: str, labels: Sequence[str]) -> tuple[str, bool]:
    """Return the label that a model's output names.

    Args:
        raw: The output as decoded.
        labels: The benchmark's inventory.

    Returns:
        The label as the inventory spells it and True; or the output's first line, stripped and unquoted,
        case kept, and False. Nothing but blanks or quotes gives ("", False).

    >>> recognise("work_for", ["Work_For", "Kill"]), recognise("I think so", ["Work_For", "Kill"])
    (('Work_For', True), ('I think so', False))
    """
    label = clean(raw)
    known = _inventory(tuple(labels)).get(label.casefold())
    return (label, False) if known is None else (known, True)


def describe_indistinct(labels: Iterable[str]) -> str:
    """Describe the labels that scoring cannot distinguish from each other or from an abstention; "" if there is none.

    >>> describe_indistinct(["USES", "Uses", "none"])
    "duplicate label: uses (spelt 'USES', 'Uses'; scoring ignores case, white space and outer quotes)"
    """
    spellings = defaultdict[str, list[str]](list)
    for label in labels:
        spellings[normalise(label)].append(label)
    for label, group in spellings.items():
        if not label:
            return f"label {group[0]!r} is an empty answer in scoring, which ignores white space and outer quotes"
        if len(group) > 1:
            found = ", ".join(map(repr, group))
            return f"duplicate label: {label} (spelt {found}; scoring ignores case, white space and outer quotes)"
    return ""
