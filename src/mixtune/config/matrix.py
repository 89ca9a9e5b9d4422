"""Systems of a configured matrix, their conditions, and the benchmarks and mixtures that they need."""

from collections.abc import Iterable
from functools import cache, cached_property
from itertools import groupby, product

from .. import layout
from ..artifacts.settings import HubSource, WheelSource
from ..data.registry import REGISTRY
from ..evaluation.pairing import pairs, system_conditions
from ..evaluation.settings import ComparisonSettings, SystemSettings
from ..systems import ANY, DEFAULT, RELEASED, UNTUNED, System, arm
from .adapters import Released
from .benchmarks import Benchmark, Mixture
from .config import Config
from .models import Pretrained
from .tuning import Tuning, chosen_variants, has_variant, tuning_of

ENCODER = "encoder/{encoder}/seed-{seed}"
FRONTIER = "frontier/{frontier}"


def systems(config: Config) -> list[System]:
    """Return all cells of a configuration's matrix, then its untuned base models."""
    matrix, variants = config.matrix, chosen_variants(config)
    cells = [
        System(model, mixture, shots, seed, name)
        for model in matrix.models
        for mixture in matrix.mixtures
        for shots in matrix.shots
        for name, variant in variants.items()
        if has_variant(variant, model)
        for seed in matrix.seeds
    ]
    untuned = matrix.models if matrix.untuned else ()
    return cells + [System(model, UNTUNED, shots, 0) for model in untuned for shots in matrix.shots]


class MatrixPlan:
    """The matrix of a configuration, in the order of its lists; each property is computed once.

    Attributes:
        conditions: The conditions of cells and untuned models.
        prompts: The conditions that are rendered: `constrained` has the prompt of `schema`.
        unconstrained: The conditions of frontier models: an API has no constrained decoding.
        benchmarks: The benchmarks that systems are evaluated on.
        trained: Those of them that have a train split.
        floors: Systems that need no model: floors and ceilings.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.conditions = config.matrix.conditions
        self.prompts = list(dict.fromkeys("schema" if name == "constrained" else name for name in self.conditions))
        self.unconstrained = [name for name in self.conditions if name != "constrained"]
        self.benchmarks = config.matrix.benchmarks
        self.trained = [name for name in self.benchmarks if not config.benchmarks[name].evaluation_only]
        self.floors = [f"{'ceiling' if name == 'duplicates' else 'floor'}/{name}" for name in config.matrix.floors]

    @cached_property
    def released(self) -> dict[str, tuple[str, Released]]:
        """Config key and entry of each released adapter, by `MODEL/MIXTURE/N-shot`."""
        return {
            RELEASED.format(model=model, mixture=mixture, shots=shots): (
                f"models.{model}.adapters.{mixture}.{shots}",
                entry,
            )
            for model, settings in self.config.models.items()
            for mixture, by_shots in settings.adapters.items()
            for shots, entry in by_shots.items()
        }

    @cached_property
    def systems(self) -> dict[str, SystemSettings]:
        """Every evaluated system, by its path."""
        found = [
            SystemSettings(system=str(system), kind=UNTUNED if system.mixture == UNTUNED else "cell", **vars(system))
            for system in systems(self.config)
        ]
        chosen = self.config.matrix
        baselines = [
            (ENCODER.format(encoder=name, seed=seed), "encoder", name, seed)
            for name, seed in product(chosen.encoders, chosen.seeds)
        ]
        baselines += [(FRONTIER.format(frontier=name), "frontier", name, 0) for name in chosen.frontier]
        baselines += [(path, *path.split("/"), 0) for path in self.floors]
        found += [
            SystemSettings(system=path, kind=kind, model=name, mixture=kind, shots=0, seed=seed, variant=DEFAULT)
            for path, kind, name, seed in baselines
        ]
        return {system.system: system for system in found}

    @cached_property
    def baselines(self) -> list[str]:
        """Systems that are neither cells nor untuned models."""
        return [path for path, system in self.systems.items() if system.kind not in ("cell", UNTUNED)]

    @cached_property
    def tuned(self) -> list[str]:
        """Cells that are fine-tuned here; the others have a released adapter."""
        return [
            path for path, system in self.systems.items() if system.kind == "cell" and arm(path) not in self.released
        ]

    @cached_property
    def with_costs(self) -> list[str]:
        """Systems whose costs are measured: untuned models and the cells that are fine-tuned here."""
        return [path for path, system in self.systems.items() if system.kind == UNTUNED] + self.tuned

    def benchmarks_of(self, system: str) -> list[str]:
        """Return the benchmarks that a system is evaluated on: encoders and floors are made of the train split."""
        return self.trained if self.systems[system].kind in ("encoder", "floor") else self.benchmarks

    def conditions_of(self, system: str) -> list[str]:
        """Return the conditions of a system's predictions.

        Raises:
            KeyError: The matrix has no such system.
        """
        kind = self.systems[system].kind
        return {"cell": self.conditions, UNTUNED: self.conditions, "frontier": self.unconstrained}.get(kind, [ANY])

    @cached_property
    def tunings(self) -> dict[str, Tuning]:
        """The settings of each cell that is fine-tuned here, by its path."""
        variants = chosen_variants(self.config)

        @cache
        def shared(model: str, mixture: str, variant: str) -> Tuning:
            return tuning_of(self.config, model, mixture, variants[variant])

        cells = ((path, self.systems[path]) for path in self.tuned)
        return {path: shared(cell.model, cell.mixture, cell.variant) for path, cell in cells}

    @cached_property
    def draws(self) -> dict[str, tuple[str, Mixture]]:
        """The mixtures to draw, by the names of their draws: name and settings; those of the configuration first."""
        drawn = {name: (name, mixture) for name, mixture in self.config.mixtures.items()}
        return drawn | {
            tuning.draw: (self.systems[path].mixture, tuning.mixture) for path, tuning in self.tunings.items()
        }

    @cached_property
    def drawn(self) -> list[str]:
        """The draws that a cell is fine-tuned on."""
        return list(dict.fromkeys(tuning.draw for tuning in self.tunings.values()))

    @cached_property
    def rows(self) -> dict[str, Tuning]:
        """The settings of rendered training rows, by their names."""
        return {tuning.rows: tuning for tuning in self.tunings.values()}

    @cached_property
    def mixtures(self) -> list[str]:
        """Mixtures that a cell is fine-tuned on."""
        used = {self.systems[path].mixture for path in self.tuned}
        return [name for name in self.config.matrix.mixtures if name in used]

    @cached_property
    def prepared(self) -> list[str]:
        """Benchmarks that are evaluated on or trained on."""
        trained_on = (name for mixture in self.mixtures for name in self.config.mixtures[mixture].benchmarks)
        return list(dict.fromkeys([*self.benchmarks, *trained_on]))

    @cached_property
    def rendered(self) -> list[str]:
        """Manifests of all rendered prompts and training rows."""
        matrix, cells = self.config.matrix, self.systems
        prompts = [layout.PROMPTS.format(model=model, shots=shots) for model in matrix.models for shots in matrix.shots]
        training = (
            layout.TRAINING.format(model=cells[path].model, rows=tuning.rows, shots=cells[path].shots)
            for path, tuning in self.tunings.items()
        )
        return [*prompts, *dict.fromkeys(training)]

    @cached_property
    def series(self) -> dict[str, list[str]]:
        """Systems whose intervals one job computes: all arms of a base model, or one arm of another system."""

        def name(path: str) -> str:
            system = self.systems[path]
            return system.model if system.kind in ("cell", UNTUNED) else arm(path)

        return {series: sorted(paths, key=arm) for series, paths in groupby(sorted(self.systems, key=name), key=name)}

    @cached_property
    def compared(self) -> list[str]:
        """Systems of at least one comparison."""
        candidates = system_conditions({system: self.conditions_of(system) for system in self.systems})
        compared = {
            member.system
            for comparison in self.config.statistics.pairings()
            for _, *pair in pairs(ComparisonSettings(**comparison), candidates)
            for member in pair
        }
        return [system for system in self.systems if system in compared]

    def averaged(self, system: str) -> list[str]:
        """Return the benchmarks of a system's overall average: of a cell, those of the domains it trains on."""
        found = self.systems[system]
        known = self.config.mixtures[found.mixture].benchmarks if found.kind == "cell" else self.benchmarks
        domains = self.domains(known)
        return [name for name in self.benchmarks if self.config.domain(name) in domains.values()]

    def domains(self, benchmarks: Iterable[str]) -> dict[str, str]:
        """Return the domain of each of these benchmarks."""
        return {name: self.config.domain(name) for name in benchmarks}

    def title(self, benchmark: str) -> str:
        """Return the title of a benchmark: the registry's, or its name."""
        return REGISTRY[benchmark].title if benchmark in REGISTRY else benchmark


def hub(entry: Benchmark | Pretrained | Released) -> HubSource | None:
    """Return the repository of an entry that is from the hub; another origin's settings change nothing."""
    return HubSource(**entry.hub.model_dump()) if entry.origin == "hub" and entry.hub else None


def path(entry: Benchmark | Pretrained | Released) -> str | None:
    """Return the folder of an entry that is from a local folder."""
    return entry.path if entry.origin == "path" else None


def pypi(entry: Pretrained) -> WheelSource | None:
    """Return the wheel of an entry that is from the package index."""
    return WheelSource(**entry.pypi.model_dump()) if entry.origin == "pypi" and entry.pypi else None
