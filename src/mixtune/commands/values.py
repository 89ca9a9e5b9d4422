"""Types of options, for argparse: a value that one of them refuses ends a command with status 2."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path


def whole_number(least: int) -> Callable[[str], int]:
    """Return the type of an option whose values are whole numbers of at least `least`.

    >>> whole_number(1)("32")
    32
    """

    def parse(text: str) -> int:
        if not text.isdecimal() or not text.isascii() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not possible; must be a whole number, at least {least}")
        return int(text)

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """Return the type of an option whose values are finite numbers in a range, both ends included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not possible; must be a number from {least:g} to {most:g}")
        return value

    return parse


def input_file(text: str) -> Path:
    """Return the path of a file (or pipe) that exists."""
    if not Path(text).exists() or Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"file {text or repr(text)} not found")
    return Path(text)


def output_file(text: str) -> Path:
    """Return a path that a file can be written to: it is no folder."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text or repr(text)} is a folder; give the path of a file")
    return output_path(text)


def output_path(text: str) -> Path:
    """Return a path that can be written to: its nearest existing parent is a folder."""
    path = Path(text)
    parent = next((parent for parent in path.absolute().parents if parent.exists()), path)
    if not parent.is_dir():
        raise argparse.ArgumentTypeError(f"{parent} is a file, not a folder; choose another path")
    return path
