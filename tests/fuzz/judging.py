"""What a reader makes of a changed file, and whether it may."""

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path

from mixtune.data import Example, ReadError, read

from .formats import Format
from .mutations import WORDS, Mutant
from .records import Record

OUTCOMES = ("refused", "read as valid data", "read and counted", "FAILURE")
# Of a file as a whole, without a line or record to name: it has none, or not those of the format.
WHOLE = (
    r"expected one JSON array|the file holds no|split 'train' holds no row|column missing or duplicate|cannot be read"
)
TOTALS = {"documents", "sentences", "chunks", "triples", "records"}  # counted of every record
SECONDS = 10


class Failure(AssertionError):
    """A reader did what it must not: its kind, and what shows it."""

    def __init__(self, kind: str, shown: object = ""):
        super().__init__(f"{kind}: {shown!s:.400}")
        self.kind = kind


@dataclass(frozen=True)
class Reading:
    examples: list[Example]
    counts: Counter[str]


def place_in(message: str, path: Path) -> re.Match | None:
    """The place that the message of a ReadError names: unit, number, and what else there is to it.

    None where the file is refused as a whole.
    """
    if not message.startswith(f"{path}:"):
        raise Failure("the message does not name the file", message)
    rest = message.removeprefix(f"{path}:")
    if len(rest) > 500:
        raise Failure("the message is too long", message)
    place = re.match(r"(record |row |)(\d+)( or later|, [\w ]+)?: ", rest)
    if not place and not re.match(f" ({WHOLE})", rest):
        raise Failure("the message names no place", message)
    return place


class Unchanged:
    """A file before it is changed, and what is read from it.

    Raises:
        Failure: That is not what the file says.
    """

    def __init__(self, format: Format, records: Sequence[Record], folder: Path):
        self.format, self.path = format, folder / format.file
        self.natives = [record.native for record in records]
        self.examples = format.examples(records)
        try:
            reading = self.read(b"".join(format.pieces(self.natives)))
        except Exception as error:
            raise Failure(f"{type(error).__name__} on a good file", error) from error
        if reading.examples != [*chain(*self.examples)]:
            raise Failure("other examples than the file's", reading.examples)
        self.counts = reading.counts
        self.reasons = [
            sum(self.read(b"".join(format.pieces([native]))).counts[reason] for reason in format.reasons)
            for native in self.natives
        ]

    def read(self, data: bytes) -> Reading:
        self.path.unlink(missing_ok=True)  # quicker than to write over it
        self.path.write_bytes(data)
        counts: Counter[str] = Counter()
        options = {"negative": "NA", "options": self.format.options}
        return Reading(list(read(self.format.benchmark, self.path.parent, "train", counts, **options)), counts)

    def judge(self, mutant: Mutant) -> str:
        """One of `OUTCOMES`.

        Raises:
            Failure: What the reader did is none of them.
        """
        started = time.process_time()
        try:
            reading = self.read(mutant.data)
        except ReadError as error:
            self._check_message(str(error), mutant)
            return "refused"
        except Exception as error:
            raise Failure(f"{type(error).__name__}, no ReadError", error) from error
        finally:
            if time.process_time() - started > SECONDS:
                raise Failure(f"more than {SECONDS} seconds")
        return self._check_reading(reading, mutant)

    def _check_message(self, message: str, mutant: Mutant) -> None:
        place = place_in(message, self.path)
        if place and mutant.native is not None and not self._is_right(*place.groups(), message, mutant):
            raise Failure("the message names the wrong place", message)

    def _is_right(self, unit: str, number: str, more: str | None, message: str, mutant: Mutant) -> bool:
        """Whether a place is that of the one record that was changed."""
        (changed,), named = mutant.changed, int(number)
        if more == " or later" or "or further on" in message or "from here" in message:
            first = 0
        elif unit:
            return named == changed
        else:
            first = self._lines(mutant, changed)
        return first <= named <= (changed if unit else self._lines(mutant, changed + 1))

    def _lines(self, mutant: Mutant, records: int) -> int:
        """The number of the line behind the first records of a changed file."""
        (changed,) = mutant.changed
        natives = [*self.natives[:changed], mutant.native, *self.natives[changed + 1 :]]
        return 1 + b"".join(self.format.pieces(natives)[: records + 1]).count(b"\n")

    def _check_reading(self, reading: Reading, mutant: Mutant) -> str:
        whole = (examples for place, examples in enumerate(self.examples) if place not in mutant.changed)
        kept = [self._key(example, mutant) for example in chain(*whole)]
        found = iter([self._key(example, mutant) for example in reading.examples])
        for example in kept:
            if example not in found:  # which takes all examples up to the one that is looked for
                raise Failure("an example of an unchanged record is missing or other", example)
        if any(WORDS in str(getattr(example, field.name)) for example in reading.examples for field in fields(Example)):
            raise Failure("half a surrogate pair was read as something else")
        noted = any(self.counts[reason] < n for reason, n in reading.counts.items() if reason not in TOTALS)
        if (mutant.broken or not self._is_well_formed(mutant.data)) and not noted:
            raise Failure("broken, but read as valid data")
        explained = sum(reading.counts[reason] for reason in self.format.reasons)
        explained -= sum(n for place, n in enumerate(self.reasons) if place not in mutant.changed)
        due = mutant.due
        if mutant.native is not None:
            due = max(due, self._promised(mutant))
        if len(reading.examples) - len(kept) + explained < due:
            raise Failure(
                "silently lost", f"{len(reading.examples) - len(kept)} examples, {explained} counted, of {due}"
            )
        return "read and counted" if noted else "read as valid data"

    def _key(self, example: Example, mutant: Mutant) -> Example:
        return replace(example, id="moved") if mutant.moved else example

    def _promised(self, mutant: Mutant) -> int:
        try:
            return self.format.rows(mutant.native)
        except (KeyError, TypeError, AttributeError):
            return 1

    def _is_well_formed(self, data: bytes) -> bool:
        """Whether the file is UTF-8, and JSON where it should be, taken whole."""
        try:
            text = "" if self.format.kind == "parquet" else data.decode("utf-8-sig")
            if self.format.kind == "array":
                json.loads(text)
            if self.format.kind == "lines":
                [json.loads(line) for line in text.split("\n") if line.strip()]
        except RecursionError:
            return True
        except ValueError:
            return False
        return True
