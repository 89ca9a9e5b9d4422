"""NYT11 (24 labels, no negative) in PRGC's JSON: sentences with [head, relation, tail] triples of strings.

A file is one JSON array of `{"text": …, "triple_list": [[head, relation, tail], …]}`, or the same records as
JSON Lines. Texts are tokenised newswire. Traps of the format:

- No offsets. Mentions are searched as plain strings, so that one may be found inside a longer word; where the
  triple has an accent that the text lacks (`Cancún`, `Cancun`), the mention is not found.
- One pair often has several labels in one sentence, and some triples are repeated exactly: both stay rows,
  because the official counts (8,489 validation, 8,616 test) contain them.
- NYT*, a variant that keeps only the last word of a mention, has the same form and fewer rows (7,976, 8,110).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import TypedDict, cast

from ..example import Example, ReadError
from ..mentions import locate_mentions
from .parsing import json_values, native_file

FILES = {
    "train": ("train_triples.json", "train.json"),
    "validation": ("val_triples.json", "val.json", "dev.json"),
    "test": ("test_triples.json", "test.json"),
}


class _Sentence(TypedDict):
    text: str
    triple_list: list[list[str]]


def read(path: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """Yield one example per triple, exact repetitions included; ids number records and triples from 0."""
    path = native_file(path, split, FILES)
    for number, (where, record) in enumerate(json_values(path)):
        sentence = cast(_Sentence, record)
        try:
            text, triples = sentence["text"], sentence["triple_list"]
            _check(text, triples)
            counts["sentences"] += 1
            counts["sentences without a relation"] += not triples
            distinct = dict.fromkeys(map(tuple, triples))
            counts["triple repeated in its text"] += len(triples) - len(distinct)
            labels_of_pair = Counter((head, tail) for head, _, tail in distinct)
            counts["pair with several labels in its text"] += sum(n > 1 for n in labels_of_pair.values())
            for index, (head, relation, tail) in enumerate(triples):
                yield Example.at(
                    text,
                    *locate_mentions(text, head, tail, counts),
                    benchmark="nyt11",
                    split=split,
                    key=f"{number}/{index}",
                    relation=relation,
                    head=head,
                    tail=tail,
                )
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(path, where, f"not a PRGC sentence ({error!r})") from error


def _check(text: object, triples: object) -> None:
    """Check the types of a record before any use, since a string in place of a triple would unpack into its letters.

    Raises:
        TypeError: The text is no string, or the triples are not lists of three strings.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, not {shorten(text)}")
    if not isinstance(triples, list):
        raise TypeError(f"triple_list must be a list, not {shorten(triples)}")
    for triple in triples:
        if not isinstance(triple, list) or [type(part) for part in triple] != [str] * 3:
            raise TypeError(f"a triple must be [head, relation, tail], three strings, not {shorten(triple)}")
