"""`Example`, which every reader yields, and the errors of reading."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..errors import UserError

SPLITS = ("train", "validation", "test")
LONGEST = 2**24  # bytes of a line, characters of a record in an array: a longer one means that the file is broken

Span = tuple[int, int]  # first character, and the one after the last; (-1, -1): not in the text


class ReadError(UserError, ValueError):
    """A native file cannot be read; the message names file, record and remedy, and is never long."""

    def __init__(self, path: Path, where: int | str | None, problem: str) -> None:
        if len(problem) > 400:  # the remedy comes last
            problem = f"{problem[:300]} … {problem[-90:]}"
        problem = problem.encode("utf-8", "backslashreplace").decode()
        super().__init__(f"{path}{'' if where is None else f':{where}'}: {problem}")


class MissingSplit(ReadError):
    """The folder has no file of the requested split."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text with a head and a tail entity and one gold relation.

    Attributes:
        id: Stable across runs and machines: `benchmark/split/native id`, and the pair or triple
            where one text gives several.
        head_start: Character offset of the head in `text`; `head_end` is exclusive. Both are -1 where
            the mention is not in the text. The same holds for the tail.
        head_type: Entity type as the benchmark spells it, or "".
        relation: Never empty.
        group: What must not be divided between splits (sentence, pair, document, book).
    """

    id: str
    benchmark: str
    split: str
    text: str
    head: str
    tail: str
    head_start: int
    head_end: int
    tail_start: int
    tail_end: int
    head_type: str
    tail_type: str
    relation: str
    group: str

    def __post_init__(self) -> None:
        for name in ("id", "text", "head", "tail", "relation", "group"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is empty")
        strings = (self.text, self.head, self.tail, self.head_type, self.tail_type, self.relation, self.id, self.group)
        "".join(strings).encode()  # half a surrogate pair (`\\ud83d` in JSON) can be written to no file
        for mention, start, end in (
            (self.head, self.head_start, self.head_end),
            (self.tail, self.tail_start, self.tail_end),
        ):
            if (start, end) == (-1, -1):
                continue
            if type(start) is not int or type(end) is not int:  # Python would take true for 1
                raise ValueError(f"offsets {start!r}:{end!r} must be whole numbers")
            if not 0 <= start < end <= len(self.text) or self.text[start:end] != mention:
                raise ValueError(f"mention {mention!r} is not at {start}:{end} of the text")

    @classmethod
    def at(
        cls,
        text: str,
        head_span: Span,
        tail_span: Span,
        *,
        benchmark: str,
        split: str,
        key: str,
        relation: str,
        head: str | None = None,
        tail: str | None = None,
        head_type: str = "",
        tail_type: str = "",
        group: str | None = None,
    ) -> Self:
        """Return the example whose mentions have these spans.

        Args:
            key: What identifies it in its split: the last part of its id.
            head, tail: The mentions, where they are not in the text; None: the text at their spans.
            group: None: the group of equal texts.

        Raises:
            ValueError: A field is empty, or a mention is not at its span.

        >>> example = Example.at("Ann met Bo.", (0, 3), (8, 10), benchmark="own", split="test", key="7", relation="met")
        >>> example.id, example.head, example.tail
        ('own/test/7', 'Ann', 'Bo')
        """
        return cls(
            f"{benchmark}/{split}/{key}",
            benchmark,
            split,
            text,
            text[slice(*head_span)] if head is None else head,
            text[slice(*tail_span)] if tail is None else tail,
            *head_span,
            *tail_span,
            head_type,
            tail_type,
            relation,
            text_group(text) if group is None else group,
        )


def text_group(text: str) -> str:
    """Return the group of equal texts (case and white space aside), for benchmarks divided by sentence.

    >>> text_group("Ann  met Bo.") == text_group("ann met bo.")
    True
    """
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]
