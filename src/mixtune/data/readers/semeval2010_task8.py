"""SemEval-2010 Task 8: blocks of four lines: number and tagged sentence in quotes, label, comment, blank.

The label carries the direction, `Cause-Effect(e2,e1)`: head is always e1 and tail e2, which follows it in the
text. Sentences hold quotes of their own, so that only the outer pair goes; and a mention's words may come
twice (`<e1>box</e1> … <e2>box</e2>`), so that offsets are taken from the tags. There is no validation split.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from ..example import Example, ReadError
from .parsing import native_file, utf8_lines

FILES = {"train": ("TRAIN_FILE.TXT",), "test": ("TEST_FILE_FULL.TXT",)}

TAGS = ["<e1>", "</e1>", "<e2>", "</e2>"]


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per sentence."""
    unlabelled = path / "TEST_FILE.TXT"
    if split == "test" and unlabelled.is_file() and not (path / FILES["test"][0]).is_file():
        problem = f"this file has no labels; put {FILES['test'][0]} of the same release into the folder"
        raise ReadError(unlabelled, None, problem)
    path = native_file(path, split, FILES)
    numbers: set[str] = set()
    for line, sentence, label, comment in _blocks(path, counts):
        match = re.fullmatch(r'([0-9]+)\t"(.*)"', sentence)
        if not match:
            raise ReadError(path, line, f'expected number, tab and sentence in double quotes, got "{sentence[:60]}"')
        number, tagged = match.groups()
        if number in numbers:
            raise ReadError(path, line, f"sentence {number} is a duplicate; remove one of the two")
        numbers.add(number)
        pieces = re.split(r"(</?e[12]>)", tagged)
        if pieces[1::2] != TAGS:
            problem = f"sentence {number}: expected the tags {' '.join(TAGS)} in this order, once each"
            raise ReadError(path, line, f"{problem}; got {' '.join(pieces[1::2]) or 'none'}")
        _, head, _, tail, _ = words = pieces[0::2]
        head_start, head_end, tail_start, tail_end, _ = accumulate(map(len, words))
        text = "".join(words)
        counts["sentences"] += 1
        counts["annotators' comments left out"] += bool(comment)
        counts["both mentions are the same string"] += head == tail
        try:
            yield Example.at(
                text,
                (head_start, head_end),
                (tail_start, tail_end),
                benchmark="semeval2010_task8",
                split=split,
                key=number,
                relation=label,
            )
        except ValueError as error:
            raise ReadError(path, line, f"sentence {number}: {error}") from error
    if not numbers:
        raise ReadError(path, None, "the file holds no sentence")


def _blocks(path: Path, counts: Counter[str]) -> Iterator[tuple[int, str, str, str]]:
    """Yield the number of each block's first line, its sentence line, its label and its comment ("" if none)."""
    lines = utf8_lines(path, counts)
    for start, sentence in lines:
        if not sentence.strip():
            continue
        label, comment, blank = (next(lines, (0, None))[1] for _ in range(3))
        if label is None or comment is None:
            raise ReadError(path, start, "the last block ends before its comment line; is the file truncated?")
        # In the file without labels the next sentence is where the label should be.
        if not label.strip() or "\t" in label:
            problem = "expected a label under the sentence; is this the file without labels?"
            raise ReadError(path, start + 1, problem)
        if not comment.startswith("Comment:"):
            raise ReadError(path, start + 2, f'expected a line "Comment: …", got "{comment[:60]}"')
        if blank and blank.strip():
            raise ReadError(path, start + 3, f'expected a blank line after the comment, got "{blank[:60]}"')
        yield start, sentence.strip(), label.strip(), comment.removeprefix("Comment:").strip()
