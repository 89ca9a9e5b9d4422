"""PG-Fiction as ARF rows: a CSV or parquet of book chunks, each with a Python literal list of relations."""

import ast
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import pyarrow
import pyarrow.parquet

from ...resources import resource
from ..example import LONGEST, Example, ReadError, locate, native_file

FILES = {
    "train": ("train.csv", "arf.csv", "train.parquet", "arf.parquet"),  # the only split that ARF has
    "validation": ("validation.csv", "validation.parquet"),
    "test": ("test.csv", "test.parquet"),
}


def _check_columns(path: Path, found: list[str]) -> None:
    missing = {"book_id", "chunk_id", "chunk", "relations"} - set(found)
    if missing:
        raise ReadError(path, 1, f"columns missing: {', '.join(sorted(missing))}; found: {', '.join(found)}")
    if len(set(found)) < len(found):
        raise ReadError(path, 1, f"a column stands twice in {', '.join(found)}")


def _rows(path: Path) -> Iterator[tuple[int | str, dict[str, Any]]]:
    """Rows as mappings, with the line on which each ends (CSV) or its record number from 0 (parquet)."""
    if path.suffix == ".parquet":
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


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
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


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}, expected a string")
    return " ".join(value.split())


def _type(item: dict[str, Any], name: str) -> str:
    return "" if item.get(name) is None else _string(item[name], name)


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example an item of a chunk's relations; the group is the book, because neighbouring chunks overlap.

    Text and mentions are the chunk and the entities with line ends, blank lines and any other run of white
    space turned into one blank. An item that repeats an earlier one of its chunk exactly is counted and left
    out; the number in the id is its place, from 0, in the list as written. A row is the release's known
    broken row exactly when every column but `book_id` is empty, null or absent; it is counted. Any other
    broken row is an error. Traps: the list is not JSON; mentions may be pronouns or descriptions that are not
    in the text, and are searched letter by letter (`he` is found in `the`); labels come from a language
    model: those outside the ontology (the negative `none` aside) are kept and counted.
    """
    path = native_file(folder, split, FILES)
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
                raise ValueError(f"chunk {chunk_id} of book {book} stands twice")
            seen.add((book, chunk_id))
            items = ast.literal_eval(row["relations"] or "[]")
            if not isinstance(items, list):
                raise ValueError("relations is not a list")
            counts["chunks"] += 1
            counts["chunks without a relation"] += not items
            counts["relations cell empty"] += not row["relations"]
            for number, item in enumerate(items):
                if item in items[:number]:
                    counts["relation repeated in its chunk"] += 1
                    continue
                head, tail = (_string(item[name], name) for name in ("entity1", "entity2"))
                relation = _string(item["relation"], "relation")
                head_start, head_end, tail_start, tail_end = locate(text, head, tail, counts)
                counts["relation outside the ARF ontology"] += relation not in ontology
                yield Example(
                    id=f"pg_fiction/{split}/{book}/{chunk_id}/{number}",
                    benchmark="pg_fiction",
                    split=split,
                    text=text,
                    head=head,
                    tail=tail,
                    head_start=head_start,
                    head_end=head_end,
                    tail_start=tail_start,
                    tail_end=tail_end,
                    head_type=_type(item, "entity1Type"),
                    tail_type=_type(item, "entity2Type"),
                    relation=relation,
                    group=book,
                )
        except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ReadError(path, where, f"not a row of ARF ({error!r})") from error
    if where is None:
        raise ReadError(path, None, "the file holds no row")
