"""The systems of a matrix: its cells, and its untuned base models."""

from dataclasses import dataclass

from .config.config import Config

UNTUNED = "untuned"
PATH = "{model}/{mixture}/{shots}-shot/seed-{seed}"


@dataclass(frozen=True)
class System:
    """A cell, or a base model without an adapter (mixture `untuned`, seed 0); as a string, its path in results/."""

    model: str
    mixture: str
    shots: int
    seed: int

    def __str__(self) -> str:
        return PATH.format(**vars(self))

    @classmethod
    def of(cls, path: str) -> "System":
        """The system of a path in results/."""
        model, mixture, shots, seed = path.split("/")
        return cls(model, mixture, int(shots.removesuffix("-shot")), int(seed.removeprefix("seed-")))


def systems(config: Config) -> list[System]:
    """All systems of a configuration's matrix, the cells first."""
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
