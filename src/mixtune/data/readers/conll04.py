"""CoNLL04 in SpERT's JSON: one array of sentences, each with its tokens, entities and relations.

A sentence is `{"tokens": [...], "entities": [{"type", "start", "end"}], "relations": [{"type", "head",
"tail"}], "orig_id"}`; `start` and `end` count tokens, `end` is exclusive, and `head` and `tail` are positions
in `entities`. Traps: one sentence gives up to eleven rows, so data are divided by sentence; a mention's words
may occur twice in a sentence, so it is sliced by its tokens; TablERT's files hold `tags` instead of
entities; Bekoulis' copy divides train and dev in another way (910 and 243 sentences instead of 922 and 231).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import TypeVar

from ..example import Example, ReadError
from .parsing import join_tokens, json_records, native_file

FILES = {
    "train": ("conll04_train.json", "train.json"),
    "validation": ("conll04_dev.json", "dev.json"),
    "test": ("conll04_test.json", "test.json"),
}

_T = TypeVar("_T")


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per relation; sentences without a relation give none and are counted.

    Raises:
        ReadError: A sentence is not in SpERT's form, or names one pair of entities twice.
    """
    path = native_file(path, split, FILES)
    seen: set[str] = set()
    for number, record in json_records(path):
        try:
            examples = list(_examples(record, split))
        except ValueError as error:
            raise ReadError(path, f"record {number}", f"not a sentence in SpERT's form: {error}") from None
        for example in examples:
            if example.id in seen:
                remedy = "give each sentence its own 'orig_id' and each pair one relation"
                raise ReadError(path, f"record {number}", f"duplicate id {example.id}; {remedy}")
            seen.add(example.id)
        counts["sentences"] += 1
        counts["sentences without a relation"] += not examples
        yield from examples


def _examples(record: object, split: str) -> Iterator[Example]:
    if isinstance(record, dict) and "tags" in record and "entities" not in record:
        raise ValueError("this is TablERT's variant ('tags', no 'entities'); use SpERT's conll04_*.json")
    tokens = _get(record, "tokens", list)
    if not all(isinstance(token, str) for token in tokens):
        raise ValueError("'tokens' holds something that is not a string")
    text, spans = join_tokens(tokens)
    entities = []
    for entity in _get(record, "entities", list):
        start, end = _get(entity, "start", int), _get(entity, "end", int)
        if not 0 <= start < end <= len(tokens):  # Python would take a negative index for one from the end
            raise ValueError(f"entity {start}:{end} is empty or outside the {len(tokens)} tokens (end is exclusive)")
        entities.append((_get(entity, "type", str), (spans[start][0], spans[end - 1][1])))
    for relation in _get(record, "relations", list):
        head, tail = _get(relation, "head", int), _get(relation, "tail", int)
        if not (0 <= head < len(entities) and 0 <= tail < len(entities)):
            raise ValueError(f"relation {head}-{tail} points outside the {len(entities)} entities")
        if head == tail:
            raise ValueError(f"relation {head}-{tail} joins an entity with itself")
        (head_type, head_span), (tail_type, tail_span) = entities[head], entities[tail]
        yield Example.at(
            text,
            head_span,
            tail_span,
            benchmark="conll04",
            split=split,
            key=f"{_get(record, 'orig_id', (int, str))}/{head}-{tail}",
            relation=_get(relation, "type", str),
            head_type=head_type,
            tail_type=tail_type,
        )


def _get(record: object, key: str, kind: type[_T] | tuple[type[_T], ...]) -> _T:
    if not isinstance(record, dict) or key not in record:
        raise ValueError(f"no {key!r} in {shorten(record)}")
    value = record[key]
    if not isinstance(value, kind) or isinstance(value, bool):  # True is an int to Python, not to JSON
        raise ValueError(f"{key!r} is {shorten(value)}")
    return value
