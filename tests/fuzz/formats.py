"""The nine native formats and the tables of the hub: how their files are written, and what a reader must insist on."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from mixtune.data import Example

from . import records
from .records import NUMBER, Record

Natives = Sequence[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: how to draw and write records, and what of a record a reader must insist on.

    Attributes:
        pieces: The file in parts: what comes before the records, each record, what comes after. A binary file is
            one part.
        kind: array, lines (of JSON), cells (CSV, TSV, SemEval's blocks: a record's values are strings) or parquet.
        key: By what the records of a file differ; None where they need not.
        first: The number of the first record, where ids count records or lines.
        rows: How many examples a record promises.
        columns: The header, for a format that has one.
        delimiter: What separates cells; where it is a comma, cells are quoted.
        ignored: Fields that are not read, with all that is in them.
        optional: Fields that may be null or missing.
        loose: Fields that take values of several types.
        filled: Fields whose strings must not be blank.
        bounded: Whether a number beyond all bounds is an error.
        reasons: What is counted of a record that gives no example.
    """

    name: str
    benchmark: str
    file: str
    record: st.SearchStrategy[Record]
    pieces: Callable[[Natives], list[bytes]]
    kind: str
    key: Callable[[dict[str, Any]], Any] | None = None
    first: int = 0
    rows: Callable[[dict[str, Any]], int] = lambda native: 1
    columns: tuple[str, ...] = ()
    delimiter: str = ""
    ignored: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    bounded: bool = True
    reasons: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)

    def files(self) -> st.SearchStrategy[list[Record]]:
        """The records of a file."""
        unique = self.key and (lambda record: self.key(record.native))
        return st.lists(self.record, min_size=2, max_size=4, unique_by=unique)

    def examples(self, records: Sequence[Record]) -> list[list[Example]]:
        """The examples of each record of a file."""
        return [
            [replace(example, id=example.id.replace(NUMBER, str(self.first + place))) for example in record.examples]
            for place, record in enumerate(records)
        ]


# Files

_WRITTEN = re.compile(r"""["']<(\d+) (brackets|digits)>["']""")


def written(number: int, what: str) -> str:
    """A string that is written as so many lists in one another (`brackets`), or as so long a number (`digits`)."""
    return f"<{number} {what}>"


def _written(text: str) -> str:
    def value(match: re.Match) -> str:
        number = int(match[1])
        return "9" * number if match[2] == "digits" else "[" * number + "]" * number

    return _WRITTEN.sub(value, text)


def _json(native: Any, escaped: bool) -> bytes:
    try:
        return _written(json.dumps(native, ensure_ascii=escaped)).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return _json(native, True)


def array(natives: Natives) -> list[bytes]:
    """One JSON array, every other record in ASCII with escapes."""
    records = [_json(native, bool(place % 2)) + b",\n" for place, native in enumerate(natives)]
    return [b"[", *records[:-1], *(record.removesuffix(b",\n") for record in records[-1:]), b"]\n"]


def lines(natives: Natives) -> list[bytes]:
    """JSON Lines, every other record in ASCII with escapes."""
    return [b"", *(_json(native, bool(place % 2)) + b"\n" for place, native in enumerate(natives)), b""]


def cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _written(repr(value))


def _plain(delimiter: str, columns: Sequence[str] = (), end: str = "\n") -> Callable[[Natives], list[bytes]]:
    def row(cells: Iterable[str]) -> bytes:
        return (delimiter.join(cells) + end).encode("utf-8", "surrogatepass")

    header = row(columns) if columns else b""
    return lambda natives: [header, *(row(map(cell, native.values())) for native in natives), b""]


def _quoted(columns: Sequence[str]) -> Callable[[Natives], list[bytes]]:
    def row(cells: Sequence[str]) -> bytes:
        file = io.StringIO()
        # Of itself the writer does not quote a CR that is not part of its line end.
        quoting = csv.QUOTE_ALL if "\r" in "".join(cells) else csv.QUOTE_MINIMAL
        csv.writer(file, lineterminator="\n", quoting=quoting).writerow(cells)
        return file.getvalue().encode("utf-8", "surrogatepass")

    return lambda natives: [row(columns), *(row([*map(cell, native.values())]) for native in natives), b""]


def table(columns: Mapping[str, pa.Array], names: Sequence[str] = ()) -> bytes:
    """A parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table([*columns.values()], names=[*(names or columns)]), sink)
    return sink.getvalue().to_pybytes()


def parquet_columns(natives: Natives) -> dict[str, pa.Array]:
    """The columns of a parquet file of strings."""
    names = dict.fromkeys(name for native in natives for name in native)
    return {
        name: pa.array([v if (v := n.get(name)) is None else cell(v) for n in natives], pa.string()) for name in names
    }


def parquet(natives: Natives) -> list[bytes]:
    return [table(parquet_columns(natives))]


# The formats


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRIPLETS = {
    "benchmark": "rebel",
    "record": records.rebel_triplets(),
    "key": lambda native: native["id"],
    "rows": lambda native: native["triplets"].count("<obj>"),
    "ignored": _names("title"),
    "reasons": frozenset({"records without triples"}),
}
_PG = {
    "benchmark": "pg_fiction",
    "record": records.pg_fiction(),
    "key": lambda native: (native["book_id"], native["chunk_id"]),
    "rows": lambda native: sum(isinstance(item, dict) for item in native["relations"]),
    "columns": records.PG_FICTION,
    "ignored": _names("title"),
    "optional": _names("entity1Type entity2Type"),
    "loose": _names("book_id chunk_id chunk relations"),
    "filled": _names("entity1 entity2 relation"),
    "reasons": frozenset(
        {"chunks without a relation", "relations cell empty", "relation repeated in its chunk", "broken row"}
    ),
}
_HUB_ROWS = {
    "benchmark": "hub",
    "columns": records.HUB,
    "ignored": _names("prompt_0_shot"),
    "optional": _names("relation entity1Type entity2Type"),
    "reasons": frozenset({"blank lines"}),
}

FORMATS = {
    format.name: format
    for format in (
        Format(
            name="tacred",
            benchmark="tacred",
            file="train.json",
            record=records.tacred(),
            pieces=array,
            kind="array",
            key=lambda native: native["id"],
            ignored=_names("docid stanford_pos"),
            filled=_names("id relation subj_type obj_type"),
        ),
        Format(
            name="semeval2010_task8",
            benchmark="semeval2010_task8",
            file="TRAIN_FILE.TXT",
            record=records.semeval(),
            pieces=_plain("\n", end="\n\n"),
            kind="cells",
            delimiter="\n",
            key=lambda native: native["sentence"].split("\t")[0],
            filled=_names("sentence label comment"),
        ),
        Format(
            name="conll04",
            benchmark="conll04",
            file="conll04_train.json",
            record=records.conll04(),
            pieces=array,
            kind="array",
            key=lambda native: str(native["orig_id"]),
            rows=lambda native: len(native["relations"]),
            loose=_names("orig_id"),
            reasons=frozenset({"sentences without a relation"}),
        ),
        *(
            Format(
                name=name,
                benchmark="nyt11",
                file="train_triples.json",
                record=records.nyt11(),
                pieces=pieces,
                kind=pieces.__name__,
                rows=lambda native: len(native["triple_list"]),
                filled=_names("triple_list"),
                reasons=frozenset({"sentences without a relation"}),
            )
            for name, pieces in (("nyt11", array), ("nyt11 (JSON Lines)", lines))
        ),
        Format(
            name="gids",
            benchmark="gids",
            file="train.tsv",
            record=records.gids(),
            pieces=_plain("\t"),
            kind="cells",
            delimiter="\t",
            first=1,
            filled=frozenset({"head mid", "tail mid", "head", "tail", "relation", "text"}),
            reasons=frozenset({"blank lines"}),
        ),
        Format(
            name="re_docred",
            benchmark="re_docred",
            file="train_revised.json",
            record=records.re_docred(),
            pieces=array,
            kind="array",
            rows=lambda native: sum(len(label["evidence"]) for label in native["labels"]),
            ignored=_names("global_pos index"),
            loose=_names("title"),
            reasons=frozenset({"documents without triples", "triples without evidence"}),
        ),
        Format(
            name="rebel",
            benchmark="rebel",
            file="en_train.jsonl",
            record=records.rebel(),
            pieces=lines,
            kind="lines",
            key=lambda native: native["docid"],
            rows=lambda native: len(native["triples"]),
            ignored=_names("title uri entities annotator"),
            optional=_names("boundaries"),
            filled=_names("surfaceform"),
            bounded=False,
            reasons=frozenset({"documents without triples"}),
        ),
        Format(name="rebel (triplets)", file="train.jsonl", pieces=lines, kind="lines", **_TRIPLETS),
        Format(name="rebel (parquet)", file="train.parquet", pieces=parquet, kind="parquet", **_TRIPLETS),
        Format(
            name="biographical",
            benchmark="biographical",
            file="m2_train.tsv",
            record=records.biographical(),
            pieces=_plain("\t", records.BIOGRAPHICAL),
            kind="cells",
            delimiter="\t",
            first=2,
            columns=records.BIOGRAPHICAL,
            ignored=_names("P2 ANNOTATION set"),
            optional=_names("wp_id P1"),
            filled=_names("sentence relation P1"),
            reasons=frozenset({"blank lines"}),
        ),
        Format(
            name="pg_fiction",
            file="train.csv",
            pieces=_quoted(records.PG_FICTION),
            kind="cells",
            delimiter=",",
            **_PG,
        ),
        Format(name="pg_fiction (parquet)", file="train.parquet", pieces=parquet, kind="parquet", **_PG),
        Format(
            name="hub (CSV)",
            file="train.csv",
            record=records.hub(spaces=(*records.ANYWHERE, "\r")),
            pieces=_quoted(records.HUB),
            kind="cells",
            delimiter=",",
            filled=_names("text entity1 entity2"),
            **_HUB_ROWS,
        ),
        Format(
            name="hub (TSV)",
            file="train.tsv",
            record=records.hub(spaces=records.IN_LINE),
            pieces=_plain("\t", records.HUB),
            kind="cells",
            delimiter="\t",
            filled=_names("text entity1 entity2"),
            **_HUB_ROWS,
        ),
        Format(
            name="hub (JSON Lines)",
            file="train.jsonl",
            record=records.hub(),
            pieces=lines,
            kind="lines",
            filled=_names("text entity1 entity2 relation"),
            **_HUB_ROWS,
        ),
        Format(
            name="hub (parquet)",
            file="train.parquet",
            record=records.hub(),
            pieces=parquet,
            kind="parquet",
            **_HUB_ROWS,
        ),
        Format(
            name="hub (columns)",
            benchmark="hub",
            file="train.jsonl",
            record=records.columns(),
            pieces=lines,
            kind="lines",
            key=lambda native: native["key"],
            loose=_names("key id"),
            filled=_names("text label"),
            options={"columns": records.COLUMNS},
        ),
    )
}
