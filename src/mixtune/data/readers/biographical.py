"""Biographical: a TSV with a header and no quoting; the mentions are tagged <e1>, <e2> in tokenised text."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..example import Example, MissingSplit, ReadError, Span
from .parsing import native_file, utf8_lines
from .quoting import find_evidence

FILES = {"train": ("m2_train.tsv", "train.tsv"), "test": ("m2_test.tsv", "test.tsv")}  # no validation split
GOLD = {"test": ("m2_gold.tsv", "gold.tsv")}
OPTION = "benchmarks.biographical.annotation"

_TAG = re.compile(r"<(/?)(e[12])>")


def read(path: Path, split: str, counts: Counter[str], *, annotation: str = "automatic") -> Iterator[Example]:
    """Yield one example per line; the head is the mention that column `P1` names, and the group is the page.

    Columns are found by name. `sentence` and `relation` are required; without `P1` the head is e1, without
    `wp_id` the group is the sentence. Traps: `relation` is the automatic label, and the human one, `ANNOTATION`,
    differs from it in a fifth of the gold rows; in one row of seven e2 is the subject, whatever the order in the
    text; quotation marks are plain characters; a page has many rows.

    Args:
        annotation: "automatic" reads `relation` everywhere and no gold file; "human" reads the test split from
            m2_gold.tsv, labelled by its column `ANNOTATION`, and the other splits as "automatic" does.

    Raises:
        MissingSplit: There is no file of this split.
        ReadError: The gold file or a column is missing, or a row is broken; names file and line.
    """
    if annotation not in ("automatic", "human"):
        raise ReadError(path, None, f"annotation is {annotation!r}; set {OPTION} to automatic or human")
    gold = annotation == "human" and split == "test"
    path = _gold_file(path) if gold else native_file(path, split, FILES)
    label = "ANNOTATION" if gold else "relation"
    lines = utf8_lines(path, counts)
    columns = _columns(path, next(lines, (1, ""))[1], label)
    row = None
    for number, line in lines:
        if not line.strip():
            counts["blank lines"] += 1
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise ReadError(path, number, f"{len(cells)} columns where the header has {len(columns)}")
        row = dict(zip(columns, cells, strict=True))
        try:
            yield _example(row, label, split, f"{'gold-' if gold else ''}{number}", counts)
        except ValueError as error:
            raise ReadError(path, number, f"not a Biographical row ({error})") from error
    if row is None:
        raise ReadError(path, None, "the file holds no row; is it truncated?")


def _gold_file(path: Path) -> Path:
    try:
        return native_file(path, "test", GOLD)
    except MissingSplit:
        problem = f"no file with human labels (looked for: {' or '.join(GOLD['test'])})"
        remedy = f"put the release's m2_gold.tsv there, or set {OPTION} to automatic"
        # Not a MissingSplit: that would be carved from train, with automatic labels.
        raise ReadError(path, None, f"{problem}; {remedy}") from None


def _columns(path: Path, header: str, label: str) -> list[str]:
    """Return the names in a header, in which those of text and labels are required."""
    columns = header.lstrip("\ufeff").split("\t")
    for name in dict.fromkeys(("sentence", "relation", label)):
        if name not in columns:
            remedy = f"; use the release's file, or set {OPTION} to automatic" if name == "ANNOTATION" else ""
            raise ReadError(path, 1, f"no column {name!r} in the header; found: {', '.join(columns)}{remedy}")
    if len({*columns}) < len(columns):
        raise ReadError(path, 1, f"duplicate column in the header: {', '.join(columns)}")
    return columns


def _example(row: dict[str, str], label: str, split: str, key: str, counts: Counter[str]) -> Example:
    subject = row.get("P1", "e1")
    if find_evidence([row["sentence"]]) == {"csv"}:
        counts["text in quotation marks as in CSV, kept"] += 1
    counts["subject marker not given, e1 taken"] += "P1" not in row
    counts["e2 is the subject"] += subject == "e2"
    text, spans = _untag(row["sentence"])
    if subject not in spans:
        raise ValueError(f"P1 is {subject!r}, expected e1 or e2")
    page = row.get("wp_id", "").strip()
    counts["page id not given, grouped by sentence"] += not page
    if label == "ANNOTATION":
        counts["human label differs from the automatic one"] += row[label] != row["relation"]
    return Example.at(
        text,
        spans[subject],
        spans["e2" if subject == "e1" else "e1"],
        benchmark="biographical",
        split=split,
        key=key,
        relation=row[label],
        group=page or None,
    )


def _untag(sentence: str) -> tuple[str, dict[str, Span]]:
    """Return the sentence without its tags, and the span of `e1` and `e2` without white space around them.

    Raises:
        ValueError: A tag is missing, is a duplicate, or closes before it opens.
    """
    text, position = "", 0
    edges: dict[str, list[int]] = {"e1": [], "e2": []}
    for tag in _TAG.finditer(sentence):
        text += sentence[position : tag.start()]
        position = tag.end()
        closing, marker = tag.groups()
        if len(edges[marker]) != bool(closing):
            raise ValueError(f"tag {tag.group()} is a duplicate or out of order")
        edges[marker].append(len(text))
    text += sentence[position:]
    spans = {}
    for marker, edge in edges.items():
        if len(edge) != 2:
            raise ValueError(f"no <{marker}>...</{marker}> in the sentence; is the line truncated?")
        mention = text[slice(*edge)]
        start = edge[0] + len(mention) - len(mention.lstrip())
        spans[marker] = (start, start + len(mention.strip()))
    return text, spans
