"""PG-Fiction as ARF rows: a CSV or parquet of book chunks, each with a Python literal list of relations."""

import ast
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as shorten

import pyarrow
import pyarrow.parquet

from ...resources import resource
from ..example import LONGEST, Example, ReadError
from ..mentions import locate_mentions
from .parsing import native_file

FILES = {
    "train": ("train.csv", "arf.csv", "train.parquet", "arf.parquet"),  # the only split that ARF has
    "validation": ("validation.csv", "validation.parquet"),
    "test": ("test.csv", "test.parquet"),
}


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per item of a chunk's relations; the group is the book, because neighbouring chunks overlap.

    Text and mentions are the chunk and the entities with line ends, blank lines and any other run of white
    space turned into one blank. An item that repeats an earlier one of its chunk exactly is counted and left
    out; the number in the id is its place, from 0, in the list as written. A row is the release's known
    broken row exactly when every column but `book_id` is empty, null or absent; it is counted. Any other
    broken row is an error. Traps: the list is not JSON; mentions may be pronouns or descriptions that are not
    in the text, and are searched letter by letter (`he` is found in `the`); labels come from a language
    model: those outside the ontology (the negative `none` aside) are kept and counted.
    """
    path = native_file(path, split, FILES)
    ontology = {*resource("labels", "arf_ontology.txt").read_text("utf-8").splitlines(), "none"}
    seen: set[tuple[str, str]] = set()
    where = None
    for where, row in _rows(path):
        if not any(value for name, value in row.items() if name != "book_id"):
            counts["broken row" if row.get("book_id") else "blank lines"] += 1
            continue
        try:
            book, chunk_id, text = (_string(row[name], name) for name in ("book_id", "chunk_id", "chunk"))
            if not (book and chunk_id and (text or row["relations"])):
                raise ValueError("book_id, chunk_id or chunk is empty")
            if (book, chunk_id) in seen:
                raise ValueError(f"duplicate chunk {chunk_id} of book {book}")
            seen.add((book, chunk_id))
            for number, (head, tail, relation, types) in _relations(row["relations"], counts):
                counts["relation outside the ARF ontology"] += relation not in ontology
                yield Example.at(
                    text,
                    *locate_mentions(text, head, tail, counts),
                    benchmark="pg_fiction",
                    split=split,
                    key=f"{book}/{chunk_id}/{number}",
                    relation=relation,
                    head=head,
                    tail=tail,
                    head_type=types[0],
                    tail_type=types[1],
                    group=book,
                )
        except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ReadError(path, where, f"not a row of ARF ({error!r})") from error
    if where is None:
        raise ReadError(path, None, "the file holds no row")


def _rows(path: Path) -> Iterator[tuple[int | str, Mapping[str, str | None]]]:
    """Yield rows as mappings, with the line on which each ends (CSV) or its record number from 0 (parquet)."""
    if path.suffix.lower() == ".parquet":
        yield from _parquet(path)
        return
    line = 0
    try:
        csv.field_size_limit(LONGEST)  # a chunk's list of relations can pass the default of 131,072
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)  # strict: a quotation still open at the end is an error
            columns = next(reader, [])
            _check_columns(path, columns)
            for cells in reader:
                line = reader.line_num
                # The known broken row may have its other columns left out; any other row has all of them.
                if len(cells) > len(columns) or (len(cells) < len(columns) and any(cells[1:])):
                    problem = f"{len(cells)} columns where the header has {len(columns)}; is the file truncated?"
                    raise ReadError(path, line, problem)
                yield line, dict(zip(columns, cells, strict=False))
    except UnicodeDecodeError as error:
        raise ReadError(path, line + 1, f"not UTF-8 here or further on ({error.reason})") from None
    except csv.Error as error:
        raise ReadError(path, line + 1, f"not valid CSV from here ({error}); is it truncated?") from None


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    where = None
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            _check_columns(path, table.schema_arrow.names)
            records = (row for batch in table.iter_batches(1024) for row in batch.to_pylist())
            for number, row in enumerate(records):
                where = f"record {number + 1} or later"  # since they are decoded in batches
                yield f"record {number}", row
    except ReadError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ReadError(path, where, f"cannot be read ({error})") from None


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = {"book_id", "chunk_id", "chunk", "relations"} - set(columns)
    if missing:
        raise ReadError(path, 1, f"missing columns: {', '.join(sorted(missing))}; found: {', '.join(columns)}")
    if len(set(columns)) < len(columns):
        raise ReadError(path, 1, f"duplicate column in {', '.join(columns)}")


def _relations(cell: str | None, counts: Counter[str]) -> Iterator[tuple[int, tuple[str, str, str, tuple[str, str]]]]:
    """Yield the items of a chunk's list with their places: head, tail, relation, types; repeated ones are left out."""
    items = ast.literal_eval(cell or "[]")
    if not isinstance(items, list):
        raise ValueError("relations must be a list")
    counts["chunks"] += 1
    counts["chunks without a relation"] += not items
    counts["relations cell empty"] += not cell
    for number, item in enumerate(items):
        if item in items[:number]:
            counts["relation repeated in its chunk"] += 1
            continue
        head, tail, relation = (_string(item[name], name) for name in ("entity1", "entity2", "relation"))
        yield number, (head, tail, relation, (_type(item, "entity1Type"), _type(item, "entity2Type")))


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {shorten(value)}, expected a string")
    return " ".join(value.split())


def _type(item: Mapping[str, object], name: str) -> str:
    return "" if item.get(name) is None else _string(item[name], name)
