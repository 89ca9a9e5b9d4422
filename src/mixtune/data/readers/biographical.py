"""Biographical: a TSV with a header and no quoting; the mentions are tagged <e1>, <e2> in tokenised text."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..example import Example, MissingSplit, ReadError, native_file, text_group, utf8_lines

FILES = {"train": ("m2_train.tsv", "train.tsv"), "test": ("m2_test.tsv", "test.tsv")}  # no validation split
GOLD = {"test": ("m2_gold.tsv", "gold.tsv")}

_TAG = re.compile(r"<(/?)(e[12])>")


def _untag(sentence: str) -> tuple[str, dict[str, tuple[int, int]]]:
    """The sentence without its tags, and the span in it of `e1` and `e2`, white space at their ends left out.

    Raises:
        ValueError: A tag is missing, stands twice, or closes before it opens.
    """
    text, position = "", 0
    edges: dict[str, list[int]] = {"e1": [], "e2": []}
    for tag in _TAG.finditer(sentence):
        text += sentence[position : tag.start()]
        position = tag.end()
        closing, marker = tag.groups()
        if len(edges[marker]) != bool(closing):
            raise ValueError(f"tag {tag.group()} stands twice or out of order")
        edges[marker].append(len(text))
    text += sentence[position:]
    spans = {}
    for marker, edge in edges.items():
        if len(edge) != 2:
            raise ValueError(f"no <{marker}>...</{marker}> in the sentence; is the line cut off?")
        mention = text[slice(*edge)]
        start = edge[0] + len(mention) - len(mention.lstrip())
        spans[marker] = (start, start + len(mention.strip()))
    return text, spans


def _gold_file(folder: Path) -> Path:
    try:
        return native_file(folder, "test", GOLD)
    except MissingSplit:
        problem = f"no file with human labels (looked for: {' or '.join(GOLD['test'])})"
        remedy = "put the release's m2_gold.tsv there, or set benchmarks.biographical.annotation to automatic"
        # Not a MissingSplit: that would be carved from train, with automatic labels.
        raise ReadError(folder, None, f"{problem}; {remedy}") from None


def read(folder: Path, split: str, counts: Counter[str], *, annotation: str = "automatic") -> Iterator[Example]:
    """One example a line; the head is the mention that column `P1` names, and the group is the page.

    Columns are found by name. `sentence` and `relation` must be there; without `P1` the head is e1, without
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
        raise ReadError(
            folder, None, f"annotation is {annotation!r}; set benchmarks.biographical.annotation to automatic or human"
        )
    gold = annotation == "human" and split == "test"
    path = _gold_file(folder) if gold else native_file(folder, split, FILES)
    label = "ANNOTATION" if gold else "relation"
    lines = utf8_lines(path, counts)
    columns = next(lines, (1, ""))[1].lstrip("\ufeff").split("\t")
    for name in dict.fromkeys(("sentence", "relation", label)):
        if name not in columns:
            remedy = (
                "; use the release's file, or set benchmarks.biographical.annotation to automatic"
                if name == "ANNOTATION"
                else ""
            )
            raise ReadError(path, 1, f"no column {name!r} in the header; found: {', '.join(columns)}{remedy}")
    if len({*columns}) < len(columns):
        raise ReadError(path, 1, f"a column stands twice in the header: {', '.join(columns)}")
    row = None
    for number, line in lines:
        if not line.strip():
            counts["blank lines"] += 1
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise ReadError(path, number, f"{len(cells)} columns where the header has {len(columns)}")
        row = dict(zip(columns, cells, strict=True))
        subject = row.get("P1", "e1")
        counts["subject marker not given, e1 taken"] += "P1" not in row
        counts["e2 is the subject"] += subject == "e2"
        try:
            text, spans = _untag(row["sentence"])
            if subject not in spans:
                raise ValueError(f"P1 is {subject!r}, expected e1 or e2")
            head, tail = spans[subject], spans["e2" if subject == "e1" else "e1"]
            group = row.get("wp_id", "").strip()
            counts["page id not given, grouped by sentence"] += not group
            if gold:
                counts["human label differs from the automatic one"] += row[label] != row["relation"]
            yield Example(
                id=f"biographical/{split}/{'gold-' if gold else ''}{number}",
                benchmark="biographical",
                split=split,
                text=text,
                head=text[slice(*head)],
                tail=text[slice(*tail)],
                head_start=head[0],
                head_end=head[1],
                tail_start=tail[0],
                tail_end=tail[1],
                head_type="",
                tail_type="",
                relation=row[label],
                group=group or text_group(text),
            )
        except ValueError as error:
            raise ReadError(path, number, f"not a Biographical row ({error})") from error
    if row is None:
        raise ReadError(path, None, "the file holds no row; is it truncated?")
