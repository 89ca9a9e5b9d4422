"""Re-DocRED: documents of tokenised sentences, entities with all their mentions, and triples with evidence.

One example is one triple in one of its evidence sentences. The traps: most triples have no evidence, and so
give no example; an evidence sentence need not mention both entities; an entity is spelt differently from
sentence to sentence, and `name` is not always the tokens, so a mention is a slice by `pos` (tokens of its own
sentence, end exclusive; `global_pos` is something else); one pair may hold several relations.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..resources import resource
from .example import Example, ReadError, join_tokens, json_records, native_file

FILES = {
    "train": ("train_revised.json",),
    "validation": ("dev_revised.json",),
    "test": ("test_revised.json",),
}


class _Mention(NamedTuple):
    sentence: int
    start: int
    end: int
    surface: str
    name: str
    type: str


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a triple and evidence sentence; a mention that is not in that sentence has offsets -1."""
    path = native_file(folder, split, FILES)
    names = json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8"))
    for number, record in json_records(path):
        where = f"record {number}"
        if isinstance(record, dict) and "labels" not in record:
            raise ReadError(path, where, "no labels (DocRED's test.json has none); use Re-DocRED's files")
        try:
            sentences = [join_tokens(_list(tokens)) for tokens in _list(record["sents"])]
            entities = [[_mention(m, sentences) for m in _list(e)] for e in _list(record["vertexSet"])]
            counts["documents"] += 1
            counts["mention whose name is not its text"] += sum(m.name != m.surface for e in entities for m in e)
            seen: Counter[str] = Counter()
            for position, triple in enumerate(_list(record["labels"])):
                where = f"record {number}, label {position}"
                if triple["r"] not in names:
                    raise ReadError(path, where, f"{triple['r']!r} is none of the {len(names)} properties")
                pair = _item(entities, triple["h"]), _item(entities, triple["t"])
                counts["triples"] += 1
                counts["triples without evidence"] += not _list(triple["evidence"])
                for sentence in triple["evidence"]:
                    text, _ = _item(sentences, sentence)
                    head, tail = _mentions_in(sentence, *pair, counts)
                    native = f"{number}/{triple['h']}-{triple['t']}-{triple['r']}/{sentence}"
                    seen[native] += 1
                    if seen[native] > 1:
                        counts["triple and evidence sentence repeated"] += 1
                        native += f"/{seen[native]}"
                    yield Example(
                        id=f"re_docred/{split}/{native}",
                        benchmark="re_docred",
                        split=split,
                        text=text,
                        head=head.surface,
                        tail=tail.surface,
                        head_start=head.start,
                        head_end=head.end,
                        tail_start=tail.start,
                        tail_end=tail.end,
                        head_type=head.type,
                        tail_type=tail.type,
                        relation=names[triple["r"]],
                        group=record["title"],
                    )
        except ReadError:
            raise
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise ReadError(path, where, f"not a Re-DocRED document ({error!r})") from error


def _mention(record: dict[str, Any], sentences: list[tuple[str, list[tuple[int, int]]]]) -> _Mention:
    text, spans = _item(sentences, record["sent_id"])
    first, end = record["pos"]
    if not 0 <= first < end <= len(spans):
        raise IndexError(f"pos [{first}, {end}] in a sentence of {len(spans)} tokens")
    start, stop = spans[first][0], spans[end - 1][1]
    # Some names of the real files hold line ends, which would break a prompt's lines.
    name = " ".join(record["name"].splitlines())
    return _Mention(record["sent_id"], start, stop, text[start:stop], name, "" + record["type"])


def _mentions_in(sentence: int, head: list, tail: list, counts: Counter[str]) -> tuple[_Mention, _Mention]:
    """The first mentions of two entities in a sentence that do not overlap; else the first mention's name."""
    found = []
    for entity in (head, tail):
        here = sorted((m for m in entity if m.sentence == sentence), key=lambda m: m.start)
        counts["mention not in the evidence sentence"] += not here
        name, type_ = entity[0].name, entity[0].type
        found.append(here or [_Mention(sentence, -1, -1, name, name, type_)])
    for h in found[0]:
        for t in found[1]:
            if min(h.start, t.start) < 0 or h.end <= t.start or t.end <= h.start:
                return h, t
    counts["mentions overlap"] += 1
    return found[0][0], found[1][0]


def _list(value: Any) -> list:
    if not isinstance(value, list):
        raise TypeError(f"{str(value)[:40]!r} where a list belongs")
    return value


def _item(values: list, index: int) -> Any:
    # A negative index would silently mean another sentence or entity.
    if type(index) is not int or index < 0:
        raise IndexError(f"index {index!r}")
    return values[index]
