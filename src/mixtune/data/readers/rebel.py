"""REBEL: CROCODILE's JSON Lines (one document per line, triples aligned to its text) or the Hugging Face form."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as shorten
from typing import TypedDict, cast

from ..example import Example, MissingSplit, ReadError, Span
from ..mentions import find_mention, is_overlap, locate_mentions
from .hub_copy import split_files
from .parsing import native_file
from .rebel_triplets import parse_record, read_records

FILES = {"train": ("en_train.jsonl",), "validation": ("en_val.jsonl",), "test": ("en_test.jsonl",)}


class _Entity(TypedDict):
    surfaceform: str
    boundaries: list[int] | None


class _Predicate(TypedDict):
    surfaceform: str


class _Triple(TypedDict):
    subject: _Entity
    predicate: _Predicate
    object: _Entity


class _Document(TypedDict):
    docid: str
    text: str
    triples: list[_Triple]


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per triple; documents and records without triples give none and are counted.

    In CROCODILE's form the text is the whole document, paragraphs and all. An object may be a literal, whose
    `uri` is a dateTime or a number: its mention is the surface form, as for any entity. `boundaries` are wrong
    for about one mention in five; such a mention is searched in the text and counted. Relations are the
    predicates' English names, those outside the inventory included.

    A record with a key `triplets` is in the Hugging Face form, whatever the name of its file (see
    `rebel_triplets`): the text is its `context`, and the mentions are searched.

    Args:
        path: A file; or a folder with en_train.jsonl, en_val.jsonl and en_test.jsonl, or with
            {train,validation,test}.jsonl or .parquet, in shards or complete, directly or in its folder `data`. The
            former take precedence.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: A record is broken; names file and line or row.
    """
    for file in _files(path, split):
        for where, record in read_records(file):
            linearised = isinstance(record, dict) and "triplets" in record
            try:
                if linearised:
                    yield from parse_record(cast(Mapping[str, str], record), split, counts)
                else:
                    yield from _parse_document(cast(_Document, record), split, counts)
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                form = "a record with linearised triplets" if linearised else "a CROCODILE document"
                raise ReadError(file, where, f"not {form} ({error!r})") from error


def _files(path: Path, split: str) -> list[Path]:
    """Return CROCODILE's file of a split, else the files of the Hugging Face form."""
    try:
        return [native_file(path, split, FILES)]
    except MissingSplit:
        pass
    try:
        return split_files(path, split, "")
    except MissingSplit:
        names = (*FILES.get(split, ()), f"{split}.jsonl", f"{split}.parquet", f"data/{split}-*.parquet")
        raise MissingSplit(path, None, f"split {split!r} not found (looked for: {' or '.join(names)})") from None


def _parse_document(record: _Document, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per triple of a CROCODILE document."""
    docid, text, triples = record["docid"], record["text"], record["triples"]
    if not (isinstance(docid, str) and isinstance(text, str) and isinstance(triples, list)):
        raise TypeError("docid and text must be strings, triples a list")
    counts["documents"] += 1
    counts["documents without triples"] += not triples
    for index, triple in enumerate(triples):
        head, tail = triple["subject"], triple["object"]
        yield Example.at(
            text,
            *_spans(text, head, tail, counts),
            benchmark="rebel",
            split=split,
            key=f"{docid}/{index}",
            relation=triple["predicate"]["surfaceform"],
            head=head["surfaceform"],
            tail=tail["surfaceform"],
            group=docid,
        )


def _spans(text: str, head: _Entity, tail: _Entity, counts: Counter[str]) -> tuple[Span, Span]:
    """Return the spans of both mentions: the file's where they are right, else by the rule of `locate_mentions`."""
    head_span, tail_span = _given_span(text, head, counts), _given_span(text, tail, counts)
    if head_span and tail_span:
        pass
    elif head_span:
        tail_span = _find_apart(text, tail["surfaceform"], head_span, counts)
    elif tail_span:
        head_span = _find_apart(text, head["surfaceform"], tail_span, counts)
    else:
        return locate_mentions(text, head["surfaceform"], tail["surfaceform"], counts)
    # True of a date inside a name (`1964` in `1964 Summer Olympics`), so it is kept as it is.
    counts["mentions overlap"] += is_overlap(head_span, tail_span)
    return head_span, tail_span


def _given_span(text: str, entity: _Entity, counts: Counter[str]) -> Span | None:
    """Return the span in `boundaries` (end exclusive), or None, counted, where it does not hold the surface form."""
    if entity["boundaries"] is None:
        counts["boundaries missing"] += 1
        return None
    start, end = entity["boundaries"]
    if type(start) is not int or type(end) is not int or not 0 <= start < end:  # Python would take true for 1
        raise ValueError(f"boundaries {shorten(entity['boundaries'])} must be a span")
    # An end beyond the text is no error: marks removed from the text after the alignment have shifted spans.
    if end <= len(text) and text[start:end] == entity["surfaceform"]:
        return start, end
    counts["boundaries do not match the mention"] += 1
    return None


def _find_apart(text: str, mention: str, other: Span, counts: Counter[str]) -> Span:
    """Return the first occurrence of a mention that does not overlap the other mention, else the first."""
    spans = find_mention(text, mention, counts)
    return next((span for span in spans if not is_overlap(span, other)), spans[0])
