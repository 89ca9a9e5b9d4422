"""REBEL in the Hugging Face form: one piece of a document per record, its triples linearised into one string.

Columns are `id`, `title`, `context` and `triplets`, in JSON Lines or parquet. The string reads
`<triplet> S <subj> O <obj> relation <subj> O2 <obj> relation2 <triplet> S2 ...` (the data set's script): the
markers FOLLOW their spans, and a subject may carry several objects. Traps: there are no offsets, and the context
is respaced around punctuation (`St . Louis`) while mentions are not, so some are not found in it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..example import Example, ReadError
from ..mentions import locate_mentions
from .parsing import json_values

COLUMNS = ("id", "context", "triplets")


def read_records(path: Path) -> Iterator[tuple[int | str, object]]:
    """Return the records of a file of JSON Lines, of one JSON array, or of parquet, each with its place for messages.

    Lines are numbered from 1, records of an array and rows from 0.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".arrow"):
        form = suffix[1:].upper()
        raise ReadError(path, None, f"REBEL is not read from {form}; convert the file to .jsonl or .parquet")
    return _rows(path) if suffix == ".parquet" else json_values(path)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wrong = [name for name in COLUMNS if names.count(name) != 1]
            if wrong:
                raise ValueError(f"column missing or duplicate: {', '.join(wrong)}; found: {', '.join(names)}")
            for batch in file.iter_batches(1024, columns=list(COLUMNS)):
                for row in batch.to_pylist():
                    yield f"row {number}", row
                    number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        # Rows are decoded in batches, so the broken one may follow the first that was not yielded.
        raise ReadError(path, f"row {number} or later", f"not a parquet file of REBEL ({error})") from None


def parse_triplets(triplets: str) -> list[tuple[str, str, str]]:
    """Return the (subject, object, relation) triples of a linearisation, in its order; a blank one has none.

    Raises:
        ValueError: A marker is missing or out of order, or a part is empty.

    >>> parse_triplets("<triplet> Orm <subj> Jutland <obj> located in <subj> Denmark <obj> country")
    [('Orm', 'Jutland', 'located in'), ('Orm', 'Denmark', 'country')]
    """
    before, *chunks = triplets.split("<triplet>")
    if before.strip():
        raise ValueError(f"no <triplet> before {before.strip()[:40]!r}")
    triples = []
    for chunk in chunks:
        subject, *rest = chunk.split("<subj>")
        if not rest or "<obj>" in subject:
            raise ValueError(f"no <subj> after the subject in {chunk.strip()[:40]!r}")
        for part in rest:
            target, *relation = part.split("<obj>")
            if len(relation) != 1:
                raise ValueError(f"expected one <obj> between object and relation in {part.strip()[:40]!r}")
            triple = subject.strip(), target.strip(), relation[0].strip()
            if not all(triple):
                raise ValueError(f"an empty part in (subject, object, relation) {triple}")
            triples.append(triple)
    return triples


def parse_record(record: Mapping[str, str], split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per triple of a record; a broken record raises a KeyError, TypeError or ValueError."""
    name, text, triplets = (record[column] for column in COLUMNS)
    if not all(isinstance(value, str) for value in (name, text, triplets)):
        raise TypeError("id, context and triplets must be strings")
    triples = parse_triplets(triplets)
    counts["records"] += 1
    counts["records without triples"] += not triples
    for index, (head, tail, relation) in enumerate(triples):
        yield Example.at(
            text,
            *locate_mentions(text, head, tail, counts),
            benchmark="rebel",
            split=split,
            key=f"{name}/{index}",
            relation=relation,
            head=head,
            tail=tail,
            group=re.sub(r"-\d+$", "", name),  # the document: its pieces are numbered `Q1-1`, `Q1-2`
        )
