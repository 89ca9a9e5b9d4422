"""The systems of a configured matrix."""

from ..systems import UNTUNED, System
from .config import Config


def systems(config: Config) -> list[System]:
    """Return all cells of a configuration's matrix, then its untuned base models."""
    matrix = config.matrix
    cells = [
        System(model, mixture, shots, seed)
        for model in matrix.models
        for mixture in matrix.mixtures
        for shots in matrix.shots
        for seed in matrix.seeds
    ]
    untuned = matrix.models if matrix.untuned else ()
    return cells + [System(model, UNTUNED, shots, 0) for model in untuned for shots in matrix.shots]
