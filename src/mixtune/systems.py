"""Systems that are evaluated, and their paths in results/."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, Self

UNTUNED = "untuned"
ANY = "any"  # the condition of systems that have one way to predict
DEFAULT = "default"  # the variant with the settings of the configuration as they are
Kind = Literal["cell", "untuned", "encoder", "frontier", "floor", "ceiling"]
BASELINES = ("encoder", "frontier", "floor", "ceiling")  # kinds of systems that train on no mixture
RELEASED = "{model}/{mixture}/{shots}-shot"  # a released adapter takes the place of the default variant
PATH = RELEASED + "/{variant}seed-{seed}"  # the folder of a variant ends with its slash; that of the default is empty
_CELL = re.compile(
    r"(?P<model>[^/]+)/(?P<mixture>[^/]+)/(?P<shots>\d+)-shot/(?:(?P<variant>[^/]+)/)?seed-(?P<seed>\d+)"
)
SHAPE = re.sub(r"\?P<\w+>", "?:", _CELL.pattern)  # of the path of a cell, for a rule whose wildcard is the whole path


@dataclass(frozen=True)
class System:
    """A cell, or an untuned base model (mixture `untuned`, seed 0); as a string, its path in results/.

    >>> str(System("smol", "mixtune", 2, 42))
    'smol/mixtune/2-shot/seed-42'
    >>> str(System("smol", "mixtune", 2, 42, "high-rate"))
    'smol/mixtune/2-shot/high-rate/seed-42'

    Attributes:
        variant: What it is tuned with, by its name under `variants`.
    """

    model: str
    mixture: str
    shots: int
    seed: int
    variant: str = DEFAULT

    def __str__(self) -> str:
        return PATH.format(**vars(self) | {"variant": variant_folder(self.variant)})

    @classmethod
    def parse(cls, path: str) -> Self | None:
        """Return the cell or untuned model of a path in results/, or None for a baseline's path.

        >>> System.parse("smol/untuned/0-shot/seed-0")
        System(model='smol', mixture='untuned', shots=0, seed=0, variant='default')
        """
        match = _CELL.fullmatch(path)
        if match is None:
            return None
        return cls(
            match["model"], match["mixture"], int(match["shots"]), int(match["seed"]), match["variant"] or DEFAULT
        )

    @classmethod
    def of_folder(cls, folder: PurePath) -> Self:
        """Return the cell or untuned model whose results are in this folder.

        Raises:
            ValueError: The path does not end with that of a cell.
        """
        parts = folder.parts
        for length in (4, 5):
            if cell := cls.parse("/".join(parts[-length:])):
                return cell
        raise ValueError(f"{folder}: no path of a cell")


def variant_folder(variant: str) -> str:
    """Return a variant's part of a cell's path: its name and a slash; "" for the default, whose paths lack it.

    >>> variant_folder("high-rate"), variant_folder("default")
    ('high-rate/', '')
    """
    return "" if variant == DEFAULT else f"{variant}/"


def parse_variant(folder: str) -> str:
    """Return the variant whose part of a path this is.

    >>> parse_variant("high-rate/"), parse_variant("")
    ('high-rate', 'default')
    """
    return folder.removesuffix("/") or DEFAULT


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
