"""Estimates of time and disk for a matrix, from the rates in run cards of finished jobs and the sizes of adapters.

A rate is valid for one model, number of shots and condition, on the device where it was measured. Nothing is inferred
from one model for another: without a run card there is no estimate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from .. import layout
from ..artifacts.manifests import read_json
from ..artifacts.run_cards import NAME, CostFacts, MeasuredCard
from ..config.config import Config
from ..config.tuning import chosen_variants, tuning_of
from ..data.registry import REGISTRY
from ..errors import UserError
from ..prompts.formats import RenderedManifest
from ..systems import UNTUNED, System
from .target_checks import model_folder, tuned_cells

if TYPE_CHECKING:
    from .target_checks import Adapters

WEIGHT_BYTES = 4  # adapters are trained and stored in float32
# AdamW's two moments per weight: in float32, or in 8 bits with one float32 per block of 256.
OPTIMIZER_BYTES = {"cpu": 8.0, "cuda": 2 * (1 + 4 / 256)}
CHECKPOINTS = 3  # two are kept, and a third exists while it is written


@dataclass(frozen=True)
class Rate:
    """Measurements of one finished job; the rate excludes the seconds of loading the model."""

    rule: str
    model: str
    shots: int
    condition: str
    device: str
    rows_per_second: float
    loading: float
    peak_rss: int


def read_rates(project: Path) -> list[Rate]:
    """Return all rates in the run cards of a project folder."""
    rates = []
    for rule, pattern in (("finetune", layout.ADAPTER), ("predict", layout.PREDICTIONS)):
        for path in sorted((project / pattern.partition("{")[0]).rglob(NAME)):
            system = layout.of_manifest(path.with_name("manifest.json").relative_to(project).as_posix())
            if system is None:  # a baseline
                continue
            card = read_json(path, MeasuredCard)
            by_condition: dict[str, CostFacts] = card.get("conditions", {"": card})
            for condition, costs in by_condition.items():
                if speed := costs.get("examples_per_second"):
                    key = rule, system.model, system.shots, condition, card["device"]
                    rates.append(Rate(*key, speed, card["loading_seconds"], card["peak_rss_bytes"]))
    return rates


class TimeEstimate:
    """Estimated seconds of jobs.

    Args:
        rates: Measured rates.
        device: Use only rates of this device; None: of any device.
    """

    def __init__(self, config: Config, project: Path, rates: Iterable[Rate], device: str | None = None):
        self.config, self.project, self.variants = config, project, chosen_variants(config)
        self.rates = [rate for rate in rates if device in (None, rate.device)]

    def finetune(self, system: System) -> float | None:
        """Return the seconds of a cell's fine-tuning, 0 for an untuned model; None if no rate was measured."""
        if system.mixture == UNTUNED:
            return 0.0
        tuning = tuning_of(self.config, system.model, system.mixture, self.variants[system.variant])
        path = self.project / layout.TRAINING.format(model=system.model, rows=tuning.rows, shots=system.shots)
        cap = tuning.mixture.max_rows  # an upper bound until the rows are rendered
        rows = read_json(path, RenderedManifest)["rendered"]["train"]["rows"] if path.is_file() else cap
        return self._seconds("finetune", system, {"": rows * tuning.training.epochs})

    def predict(self, system: System) -> float | None:
        """Return the seconds of a system's prediction; None if no rate was measured or a number of rows is unknown."""
        path = self.project / layout.PROMPTS.format(**vars(system))
        rendered = read_json(path, RenderedManifest)["rendered"] if path.is_file() else {}
        rows = {}
        for condition in self.config.matrix.conditions:
            prompt = "schema" if condition == "constrained" else condition
            rows[condition] = 0
            for name in self.config.matrix.benchmarks:
                key = f"{prompt}/{name}"
                count = rendered[key]["rows"] if key in rendered else self._count_test_rows(name)
                if count is None:
                    return None
                rows[condition] += count
        return self._seconds("predict", system, rows)

    def _seconds(self, rule: str, system: System, rows: Mapping[str, float]) -> float | None:
        """Return the seconds of a job with these rows by condition, or None if a condition has no rate."""
        total, loading = 0.0, 0.0
        for condition, count in rows.items():
            key = (rule, system.model, system.shots, condition)
            rates = [rate for rate in self.rates if (rate.rule, rate.model, rate.shots, rate.condition) == key]
            if not rates:
                return None
            total += count / median(rate.rows_per_second for rate in rates)
            loading = median(rate.loading for rate in rates)
        return total + loading

    def _count_test_rows(self, benchmark: str) -> int | None:
        """Return the test rows of a benchmark without rendered prompts: the smaller of cap and official number."""
        counts = [self.config.prediction.test_rows]
        if benchmark in REGISTRY and self.config.benchmarks[benchmark].origin != "sample":
            known = REGISTRY[benchmark]
            counts.append(known.official.get("test", (known.copied_rows,))[0] or known.copied_rows)
        return min((count for count in counts if count), default=None)


def estimate_disk(
    config: Config, project: Path, device: str, adapters: "Mapping[str, Adapters]"
) -> tuple[float, list[str]]:
    """Estimate the disk space of adapters to fine-tune, with their copies in scratch/ and one cell's checkpoints.

    Args:
        adapters: As returned by `measure_adapters`.

    Returns:
        The bytes, and the models that they do not include: those whose layers are unknown, or have no such targets.
    """
    total, checkpoints, unknown = 0.0, 0.0, []
    for model in config.matrix.models:
        measured = adapters.get(model)
        if measured is None or any(isinstance(adapter, UserError) for adapter in measured.values()):
            unknown.append(model)
            continue
        cells = tuned_cells(config, model)
        missing = [cell for cell in cells if not (project / layout.of_system(layout.ADAPTER, str(cell))).is_file()]
        folder = model_folder(config, project, model)
        tokenizer = sum(path.stat().st_size for path in folder.glob("tokenizer*"))
        sizes = [adapter.parameters for cell in missing if not isinstance(adapter := measured[cell.variant], UserError)]
        total += sum(2 * (size * WEIGHT_BYTES + tokenizer) for size in sizes)
        checkpoints = max([checkpoints, *(CHECKPOINTS * checkpoint_bytes(size, device) for size in sizes)])
    return total + checkpoints, unknown


def checkpoint_bytes(parameters: int, device: str) -> float:
    """Return the size of one checkpoint: the adapter and the optimizer's moments; the rest is a few kilobytes.

    >>> checkpoint_bytes(1000, "cpu")
    12000.0
    """
    return parameters * (WEIGHT_BYTES + OPTIMIZER_BYTES[device])
