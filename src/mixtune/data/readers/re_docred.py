"""Re-DocRED: documents of tokenised sentences, entities with all their mentions, and triples with evidence.

One example is one triple, in one of its evidence sentences or in the whole document. Traps: most triples
have no evidence, and so give no example by sentence; an evidence sentence need not mention both entities; an
entity is spelt differently from sentence to sentence, and `name` is not always the tokens, so a mention is a
slice by `pos` (tokens of its own sentence, end exclusive; `global_pos` is something else); one pair may hold
several relations; pairs without a relation are not listed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from reprlib import repr as shorten
from typing import NamedTuple, TypedDict, TypeVar, cast

from ...resources import resource
from ..example import Example, ReadError, Span
from ..mentions import ABSENT, is_overlap
from ..official import UNLABELLED
from .parsing import join_tokens, json_records, native_file

FILES = {"train": ("train_revised.json",), "validation": ("dev_revised.json",), "test": ("test_revised.json",)}

_T = TypeVar("_T")


class _MentionRecord(TypedDict):
    name: str
    sent_id: int
    pos: list[int]
    type: str


class _Triple(TypedDict):
    h: int
    t: int
    r: str
    evidence: list[int]


class _DocumentRecord(TypedDict):
    title: str
    sents: list[list[str]]
    vertexSet: list[list[_MentionRecord]]
    labels: list[_Triple]


class _Mention(NamedTuple):
    span: Span
    surface: str
    name: str
    type: str


@dataclass(frozen=True)
class _Document:
    """A document as one text; all offsets count in it, and a scope is a span of it."""

    split: str
    number: int
    title: str
    text: str
    sentences: list[Span]
    entities: list[list[_Mention]]

    def example(
        self, key: str, pair: tuple[int, int], relation: str, scope: Span | None, counts: Counter[str]
    ) -> Example:
        """Return a pair of entities with its relation, in the text of a scope (None: the whole document)."""
        scope = scope or (0, len(self.text))
        head, tail = _mentions_in(scope, self.entities[pair[0]], self.entities[pair[1]], counts)
        return Example.at(
            self.text[slice(*scope)],
            head.span,
            tail.span,
            benchmark="re_docred",
            split=self.split,
            key=f"{self.number}/{key}",
            relation=relation,
            head=head.surface,
            tail=tail.surface,
            head_type=head.type,
            tail_type=tail.type,
            group=self.title,
        )


def read(
    path: Path,
    split: str,
    counts: Counter[str],
    *,
    unit: str = "evidence",
    negative_share: float = 0.0,
    seed: int = 42,
) -> Iterator[Example]:
    """Yield one example per triple and evidence sentence, or one per triple of the document.

    Args:
        unit: "evidence" gives the sentence, where a mention that is not in it has offsets -1; "document" gives
            the whole document, its sentences joined by a blank, also for triples without evidence.
        negative_share: Share of the ordered pairs of different entities without a label that become examples of
            `Na`; only with unit "document", since no evidence is known of them.
        seed: Seed of that sample, which depends on (seed, id) alone: equal on any machine and in any order.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: An option is impossible or a record is broken; names file and record.
    """
    if unit not in ("evidence", "document"):
        raise ReadError(path, None, f"unit is {unit!r}; set benchmarks.re_docred.unit to evidence or document")
    if not 0 <= negative_share <= (1 if unit == "document" else 0):
        remedy = "set benchmarks.re_docred.negative_share to 0, or from 0 to 1 with unit: document"
        raise ReadError(path, None, f"negative_share is {negative_share} and unit {unit}; {remedy}")
    path = native_file(path, split, FILES)
    names = json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8"))
    for number, value in json_records(path):
        where = f"record {number}"
        if isinstance(value, dict) and "labels" not in value:
            raise ReadError(path, where, "no labels (DocRED's test.json has none); use Re-DocRED's files")
        record = cast(_DocumentRecord, value)
        with _errors_at(path, where):
            document = _document(record, split, number, counts)
            triples = _list(record["labels"])
        if not triples:
            counts["documents without triples"] += 1
        seen: Counter[str] = Counter()
        for position, triple in enumerate(triples):
            with _errors_at(path, f"{where}, label {position}"):
                if triple["r"] not in names:
                    problem = f"{triple['r']!r} is none of the {len(names)} properties"
                    raise ReadError(path, f"{where}, label {position}", problem)
                yield from _positives(document, triple, names[triple["r"]], unit, seen, counts)
        if unit == "document":
            with _errors_at(path, f"{where}, unlabelled pairs"):
                labelled = {(triple["h"], triple["t"]) for triple in triples}
                yield from _negatives(document, labelled, negative_share, seed, counts)


@contextmanager
def _errors_at(path: Path, where: str) -> Iterator[None]:
    """Turn errors of a broken record into a ReadError."""
    try:
        yield
    except ReadError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ReadError(path, where, f"not a Re-DocRED document ({error!r})") from error


def _positives(
    document: _Document, triple: _Triple, relation: str, unit: str, seen: Counter[str], counts: Counter[str]
) -> Iterator[Example]:
    """Yield the examples of a triple: one per evidence sentence, or one of the document.

    Args:
        seen: How often each key has occurred in the document.
    """
    pair = (triple["h"], triple["t"])
    for entity in pair:
        _item(document.entities, entity)
    evidence = [(f"/{index}", _item(document.sentences, index)) for index in _list(triple["evidence"])]
    counts["triples"] += 1
    counts["triples without evidence"] += not evidence
    for sentence, scope in evidence if unit == "evidence" else [("", None)]:
        key = f"{pair[0]}-{pair[1]}-{triple['r']}{sentence}"
        seen[key] += 1
        if seen[key] > 1:
            counts[f"triple{' and evidence sentence' if sentence else ''} repeated"] += 1
            key += f"/{seen[key]}"
        yield document.example(key, pair, relation, scope, counts)


def _negatives(
    document: _Document, labelled: set[tuple[int, int]], share: float, seed: int, counts: Counter[str]
) -> Iterator[Example]:
    """Yield a sample of the pairs without a label."""
    for pair in permutations(range(len(document.entities)), 2):
        if pair not in labelled:
            counts["unlabelled pairs"] += 1
            key = f"{pair[0]}-{pair[1]}-{UNLABELLED}"
            if _is_sampled(seed, f"re_docred/{document.split}/{document.number}/{key}", share):
                counts["negatives drawn"] += 1
                yield document.example(key, pair, UNLABELLED, None, counts)


def _is_sampled(seed: int, id: str, share: float) -> bool:
    # Not the hash of `seed/id` alone: mixtures sort by that one, and all sampled negatives would come first.
    digest = hashlib.sha256(f"{seed}/negatives/{id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _document(record: _DocumentRecord, split: str, number: int, counts: Counter[str]) -> _Document:
    parts = [join_tokens(_list(tokens)) for tokens in _list(record["sents"])]
    text, sentences = join_tokens(sentence for sentence, _ in parts)
    tokens = [
        [(begin + start, begin + end) for start, end in spans]
        for (begin, _), (_, spans) in zip(sentences, parts, strict=True)
    ]
    entities = [[_mention(m, text, tokens) for m in _list(entity)] for entity in _list(record["vertexSet"])]
    counts["documents"] += 1
    counts["mention whose name is not its text"] += sum(m.name != m.surface for entity in entities for m in entity)
    return _Document(split, number, "" + record["title"], text, sentences, entities)


def _mention(record: _MentionRecord, text: str, tokens: list[list[Span]]) -> _Mention:
    spans = _item(tokens, record["sent_id"])
    first, end = record["pos"]
    if type(first) is not int or type(end) is not int:  # Python would take true for 1
        raise TypeError(f"pos {shorten(record['pos'])} must be two whole numbers")
    if not 0 <= first < end <= len(spans):
        raise IndexError(f"pos [{first}, {end}] in a sentence of {len(spans)} tokens")
    span = spans[first][0], spans[end - 1][1]
    # Some names of the real files hold line ends, which would break a prompt's lines.
    name = " ".join(record["name"].splitlines())
    return _Mention(span, text[slice(*span)], name, "" + record["type"])


def _mentions_in(
    scope: Span, head: list[_Mention], tail: list[_Mention], counts: Counter[str]
) -> tuple[_Mention, _Mention]:
    """Return the first mentions of two entities in a scope that do not overlap, with offsets from its start.

    An entity that is not mentioned in it has its first mention's name and offsets -1.
    """
    begin, end = scope
    candidates: list[list[_Mention]] = []
    for entity in (head, tail):
        inside = sorted((m for m in entity if begin <= m.span[0] and m.span[1] <= end), key=lambda m: m.span[0])
        counts["mention not in the evidence sentence"] += not inside
        absent = entity[0]._replace(span=ABSENT, surface=entity[0].name)
        candidates.append([m._replace(span=(m.span[0] - begin, m.span[1] - begin)) for m in inside] or [absent])
    for pair in product(candidates[0], candidates[1]):
        if not is_overlap(pair[0].span, pair[1].span):
            return pair
    counts["mentions overlap"] += 1
    return candidates[0][0], candidates[1][0]


def _list(value: list[_T]) -> list[_T]:
    if not isinstance(value, list):
        raise TypeError(f"{shorten(value)} must be a list")
    return value


def _item(values: list[_T], index: int) -> _T:
    # A negative index would silently mean another sentence or entity.
    if type(index) is not int or index < 0:
        raise IndexError(f"index {shorten(index)}")
    return values[index]
