"""Nine benchmarks, read in their native formats or as copies in hub layout."""

from .example import SPLITS, Example, MissingSplit, ReadError
from .hub import read
from .registry import REGISTRY, Benchmark

__all__ = ["REGISTRY", "SPLITS", "Benchmark", "Example", "MissingSplit", "ReadError", "read"]
