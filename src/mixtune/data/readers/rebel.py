"""REBEL: CROCODILE's JSON Lines (one document a line, triples aligned to its text) or the Hugging Face form."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from ..example import Example, MissingSplit, ReadError, locate, occurrences
from . import rebel_triplets
from .hub_copy import _split_files

SAMPLE = "sample_200.jsonl"
FILES = {
    "train": ("en_train.jsonl",),
    "validation": ("en_val.jsonl",),
    "test": ("en_test.jsonl", SAMPLE),
}


def _given(text: str, entity: dict[str, Any], counts: Counter[str]) -> tuple[int, int] | None:
    """The span in `boundaries` (end exclusive), or None, counted, where it does not hold the surface form."""
    if entity["boundaries"] is None:
        counts["boundaries missing"] += 1
        return None
    start, end = entity["boundaries"]
    if type(start) is not int or type(end) is not int or not 0 <= start < end:  # Python would take true for 1
        raise ValueError(f"boundaries {shown(entity['boundaries'])} are not a span")
    # An end beyond the text is no error: marks removed from the text after the alignment have shifted spans.
    if end <= len(text) and text[start:end] == entity["surfaceform"]:
        return start, end
    counts["boundaries do not match the mention"] += 1
    return None


def _offsets(text: str, head: dict, tail: dict, counts: Counter[str]) -> tuple[int, int, int, int]:
    """Offsets of both mentions: the file's where they are right, else by the rule of `locate`."""
    given = [_given(text, head, counts), _given(text, tail, counts)]
    if given == [None, None]:
        return locate(text, head["surfaceform"], tail["surfaceform"], counts)
    if None in given:
        known = next(span for span in given if span)
        lost = given.index(None)
        spans = occurrences(text, (head, tail)[lost]["surfaceform"])
        if len(spans) != 1:
            counts["mention found more than once" if spans else "mention not found"] += 1
        apart = (span for span in spans if span[1] <= known[0] or known[1] <= span[0])
        given[lost] = next(apart, spans[0] if spans else (-1, -1))
    (head_start, head_end), (tail_start, tail_end) = given
    # True of a date inside a name (`1964` in `1964 Summer Olympics`), so it is kept as it is.
    counts["mentions overlap"] += head_start < tail_end and tail_start < head_end
    return head_start, head_end, tail_start, tail_end


def _from_document(record: dict[str, Any], split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a triple of a CROCODILE document."""
    docid, text, triples = record["docid"], record["text"], record["triples"]
    if not (isinstance(docid, str) and isinstance(text, str) and isinstance(triples, list)):
        raise TypeError("docid and text must be strings, triples a list")
    counts["documents"] += 1
    counts["documents without triples"] += not triples
    for index, triple in enumerate(triples):
        head, tail = triple["subject"], triple["object"]
        head_start, head_end, tail_start, tail_end = _offsets(text, head, tail, counts)
        yield Example(
            id=f"rebel/{split}/{docid}/{index}",
            benchmark="rebel",
            split=split,
            text=text,
            head=head["surfaceform"],
            tail=tail["surfaceform"],
            head_start=head_start,
            head_end=head_end,
            tail_start=tail_start,
            tail_end=tail_end,
            head_type="",
            tail_type="",
            relation=triple["predicate"]["surfaceform"],
            group=docid,
        )


def _paths(folder: Path, split: str) -> list[Path]:
    """CROCODILE's file of a split, else the files of the Hugging Face form, else the public sample."""
    own = [folder / name for name in FILES.get(split, ()) if (folder / name).is_file()]
    if own and own[0].name != SAMPLE:
        return own[:1]
    try:
        return _split_files(folder, split, "")
    except MissingSplit:
        if own:
            return own
        names = (*FILES.get(split, ()), f"{split}.jsonl", f"{split}.parquet", f"data/{split}-*.parquet")
        raise MissingSplit(folder, None, f"split {split!r} not found (looked for: {' or '.join(names)})") from None


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a triple; documents and records without triples give none and are counted.

    In CROCODILE's form the text is the whole document, paragraphs and all. An object may be a literal, whose
    `uri` is a dateTime or a number: its mention is the surface form, as for any entity. `boundaries` are wrong
    for about one mention in five; such a mention is searched in the text and counted. Relations are the
    predicates' English names, those outside the inventory included.

    A record with a key `triplets` is in the Hugging Face form, whatever its file is called (see
    `rebel_triplets`): the text is its `context`, and the mentions are searched.

    Args:
        folder: Holds en_train.jsonl, en_val.jsonl and en_test.jsonl, or {train,validation,test}.jsonl or .parquet,
            in shards or whole, itself or in its folder `data`. The former win where both are there; of
            the public sample, sample_200.jsonl, a test split is made where there is no other.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: A record is broken; names file and line or row.
    """
    for path in _paths(folder, split):
        for where, record in rebel_triplets.records(path):
            linearised = isinstance(record, dict) and "triplets" in record
            try:
                yield from (rebel_triplets.examples if linearised else _from_document)(record, split, counts)
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                form = "a record with linearised triplets" if linearised else "a CROCODILE document"
                raise ReadError(path, where, f"not {form} ({error!r})") from error
