"""Systems that are evaluated, and their paths in results/."""

import re
from dataclasses import dataclass
from typing import Literal, Self

UNTUNED = "untuned"
ANY = "any"  # the condition of systems that have one way to predict
Kind = Literal["cell", "untuned", "encoder", "frontier", "floor", "ceiling"]
BASELINES = ("encoder", "frontier", "floor", "ceiling")  # kinds of systems that train on no mixture
RUNS = "{model}/{mixture}/{shots}-shot"  # cells that differ in the seed alone
PATH = RUNS + "/seed-{seed}"
_CELL = re.compile(r"(?P<model>[^/]+)/(?P<mixture>[^/]+)/(?P<shots>\d+)-shot/seed-(?P<seed>\d+)")


@dataclass(frozen=True)
class System:
    """A cell, or an untuned base model (mixture `untuned`, seed 0); as a string, its path in results/.

    >>> str(System("smol", "mixtune", 2, 42))
    'smol/mixtune/2-shot/seed-42'
    """

    model: str
    mixture: str
    shots: int
    seed: int

    def __str__(self) -> str:
        return PATH.format(**vars(self))

    @classmethod
    def parse(cls, path: str) -> Self | None:
        """Return the cell or untuned model of a path in results/, or None for a baseline's path.

        >>> System.parse("smol/untuned/0-shot/seed-0")
        System(model='smol', mixture='untuned', shots=0, seed=0)
        """
        match = _CELL.fullmatch(path)
        return cls(match["model"], match["mixture"], int(match["shots"]), int(match["seed"])) if match else None


def parse_shots(folder: str) -> int:
    """Return the number of demonstrations in the name of a folder.

    >>> parse_shots("2-shot")
    2
    """
    return int(folder.removesuffix("-shot"))


def arm(path: str) -> str:
    """Return the path of a system without its training seed.

    >>> arm("smol/mixtune/2-shot/seed-42")
    'smol/mixtune/2-shot'
    """
    return re.sub(r"/seed-\d+$", "", path)
