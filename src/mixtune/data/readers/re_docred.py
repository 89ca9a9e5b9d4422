"""Re-DocRED: documents of tokenised sentences, entities with all their mentions, and triples with evidence.

One example is one triple, in one of its evidence sentences or in the whole document. The traps: most triples
have no evidence, and so give no example by sentence; an evidence sentence need not mention both entities; an
entity is spelt differently from sentence to sentence, and `name` is not always the tokens, so a mention is a
slice by `pos` (tokens of its own sentence, end exclusive; `global_pos` is something else); one pair may hold
several relations; pairs without a relation are not listed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from reprlib import repr as shown
from typing import Any, NamedTuple

from ...resources import resource
from ..example import Example, ReadError, join_tokens, json_records, native_file
from ..official import DRAWN

FILES = {"train": ("train_revised.json",), "validation": ("dev_revised.json",), "test": ("test_revised.json",)}


class _Mention(NamedTuple):
    start: int
    end: int
    surface: str
    name: str
    type: str


@dataclass(frozen=True)
class _Document:
    """A document as one text; all offsets count in it, and a scope is a span of it."""

    title: str
    text: str
    sentences: list[tuple[int, int]]
    entities: list[list[_Mention]]

    def example(
        self, id: str, pair: tuple[int, int], relation: str, scope: tuple[int, int], counts: Counter[str]
    ) -> Example:
        """A pair of entities with its relation, in the text of a scope."""
        head, tail = _mentions_in(scope, *(self.entities[entity] for entity in pair), counts)
        return Example(
            id=id,
            benchmark="re_docred",
            split=id.split("/")[1],
            text=self.text[slice(*scope)],
            head=head.surface,
            tail=tail.surface,
            head_start=head.start,
            head_end=head.end,
            tail_start=tail.start,
            tail_end=tail.end,
            head_type=head.type,
            tail_type=tail.type,
            relation=relation,
            group=self.title,
        )


def read(
    folder: Path,
    split: str,
    counts: Counter[str],
    *,
    unit: str = "evidence",
    negative_share: float = 0.0,
    seed: int = 42,
) -> Iterator[Example]:
    """One example a triple and evidence sentence, or one a triple of the document.

    Args:
        unit: "evidence" gives the sentence, where a mention that is not in it has offsets -1; "document" gives
            the whole document, its sentences joined by a blank, also for triples without evidence.
        negative_share: Share of the ordered pairs of different entities without a label that become examples of
            `Na`; only with unit "document", since no evidence is known of them.
        seed: Seed of that draw, which depends on (seed, id) alone: any machine and order draws the same.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: An option makes no sense or a record is broken; names file and record.
    """
    if unit not in ("evidence", "document"):
        raise ReadError(folder, None, f"unit is {unit!r}; set benchmarks.re_docred.unit to evidence or document")
    if not 0 <= negative_share <= (1 if unit == "document" else 0):
        remedy = "set benchmarks.re_docred.negative_share to 0, or from 0 to 1 with unit: document"
        raise ReadError(folder, None, f"negative_share is {negative_share} and unit {unit}; {remedy}")
    path = native_file(folder, split, FILES)
    names = json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8"))
    for number, record in json_records(path):
        where, prefix = f"record {number}", f"re_docred/{split}/{number}"
        if isinstance(record, dict) and "labels" not in record:
            raise ReadError(path, where, "no labels (DocRED's test.json has none); use Re-DocRED's files")
        try:
            document = _document(record, counts)
            whole = 0, len(document.text)
            seen: Counter[str] = Counter()
            labelled = set()
            if not _list(record["labels"]):
                counts["documents without triples"] += 1
            for position, triple in enumerate(record["labels"]):
                where = f"record {number}, label {position}"
                pair, relation = (triple["h"], triple["t"]), triple["r"]
                if relation not in names:
                    raise ReadError(path, where, f"{relation!r} is none of the {len(names)} properties")
                for entity in pair:
                    _item(document.entities, entity)
                labelled.add(pair)
                evidence = [(f"/{index}", _item(document.sentences, index)) for index in _list(triple["evidence"])]
                counts["triples"] += 1
                counts["triples without evidence"] += not evidence
                for place, scope in evidence if unit == "evidence" else [("", whole)]:
                    id = f"{prefix}/{pair[0]}-{pair[1]}-{relation}{place}"
                    seen[id] += 1
                    if seen[id] > 1:
                        counts[f"triple{' and evidence sentence' if place else ''} repeated"] += 1
                        id += f"/{seen[id]}"
                    yield document.example(id, pair, names[relation], scope, counts)
            where = f"record {number}, unlabelled pairs"
            for pair in permutations(range(len(document.entities)), 2) if unit == "document" else ():
                if pair not in labelled:
                    counts["unlabelled pairs"] += 1
                    id = f"{prefix}/{pair[0]}-{pair[1]}-{DRAWN}"
                    if _drawn(seed, id, negative_share):
                        counts["negatives drawn"] += 1
                        yield document.example(id, pair, DRAWN, whole, counts)
        except ReadError:
            raise
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise ReadError(path, where, f"not a Re-DocRED document ({error!r})") from error


def _drawn(seed: int, id: str, share: float) -> bool:
    # Not the hash of `seed/id` alone: mixtures sort by that one, and all negatives drawn would come first.
    digest = hashlib.sha256(f"{seed}/negatives/{id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _document(record: dict[str, Any], counts: Counter[str]) -> _Document:
    parts = [join_tokens(_list(tokens)) for tokens in _list(record["sents"])]
    text, sentences = join_tokens(sentence for sentence, _ in parts)
    tokens = [
        [(begin + start, begin + end) for start, end in spans]
        for (begin, _), (_, spans) in zip(sentences, parts, strict=True)
    ]
    entities = [[_mention(m, text, tokens) for m in _list(entity)] for entity in _list(record["vertexSet"])]
    counts["documents"] += 1
    counts["mention whose name is not its text"] += sum(m.name != m.surface for entity in entities for m in entity)
    return _Document(record["title"], text, sentences, entities)


def _mention(record: dict[str, Any], text: str, tokens: list[list[tuple[int, int]]]) -> _Mention:
    spans = _item(tokens, record["sent_id"])
    first, end = record["pos"]
    if type(first) is not int or type(end) is not int:  # Python would take true for 1
        raise TypeError(f"pos {shown(record['pos'])} is not two whole numbers")
    if not 0 <= first < end <= len(spans):
        raise IndexError(f"pos [{first}, {end}] in a sentence of {len(spans)} tokens")
    start, stop = spans[first][0], spans[end - 1][1]
    # Some names of the real files hold line ends, which would break a prompt's lines.
    name = " ".join(record["name"].splitlines())
    return _Mention(start, stop, text[start:stop], name, "" + record["type"])


def _mentions_in(
    scope: tuple[int, int], head: list[_Mention], tail: list[_Mention], counts: Counter[str]
) -> tuple[_Mention, _Mention]:
    """The first mentions of two entities in a scope that do not overlap, their offsets counted from its start.

    An entity that is not mentioned there has its first mention's name and offsets -1.
    """
    begin, end = scope
    found = []
    for entity in (head, tail):
        here = sorted((m for m in entity if begin <= m.start and m.end <= end), key=lambda m: m.start)
        counts["mention not in the evidence sentence"] += not here
        absent = entity[0]._replace(start=-1, end=-1, surface=entity[0].name)
        found.append([m._replace(start=m.start - begin, end=m.end - begin) for m in here] or [absent])
    for h, t in product(*found):
        if min(h.start, t.start) < 0 or h.end <= t.start or t.end <= h.start:
            return h, t
    counts["mentions overlap"] += 1
    return found[0][0], found[1][0]


def _list(value: Any) -> list:
    if not isinstance(value, list):
        raise TypeError(f"{shown(value)} where a list belongs")
    return value


def _item(values: list, index: int) -> Any:
    # A negative index would silently mean another sentence or entity.
    if type(index) is not int or index < 0:
        raise IndexError(f"index {shown(index)}")
    return values[index]
