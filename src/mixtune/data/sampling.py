"""Seeded samples of examples, equal on every machine."""

import hashlib
from collections.abc import Sequence

from .example import Example


def sampling_key(seed: int, id: str) -> bytes:
    """Return a sort key that depends on the seed and an example's id alone."""
    return hashlib.sha256(f"{seed}/{id}".encode()).digest()


def sample_examples(examples: Sequence[Example], rows: int | None, seed: int) -> list[Example]:
    """Return a uniform sample of at most `rows` examples (None: all), in the order of their sampling keys.

    A smaller sample is the beginning of a larger one, and the order of `examples` does not matter.
    """
    return sorted(examples, key=lambda example: sampling_key(seed, example.id))[:rows]
