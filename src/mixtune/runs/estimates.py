"""What a matrix will take, from rates that run cards of finished jobs tell, and from the shapes of adapters.

A rate holds for one model, number of shots and condition, on the device that it was measured on. Nothing is inferred
from one model to another: what no card tells is not estimated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ..artifacts.manifests import read_json
from ..artifacts.run_cards import NAME
from ..config.config import Config
from ..config.matrix import systems
from ..data.registry import REGISTRY
from ..systems import UNTUNED, System

WEIGHT_BYTES = 4  # adapters are trained and kept in float32
# AdamW's two moments of a weight: in float32, or in 8 bits with a float32 for each block of 256.
OPTIMIZER_BYTES = {"cpu": 8.0, "cuda": 2 * (1 + 4 / 256)}
CHECKPOINTS = 3  # two are kept, and one more is there while it is written


@dataclass(frozen=True)
class Rate:
    """What one finished job tells: rows a second after loading, and seconds to load."""

    rule: str
    model: str
    shots: int
    condition: str
    device: str
    rows_per_second: float
    loading: float
    peak_rss: int


def rates(results: Path) -> list[Rate]:
    """All rates that the run cards below results/ tell."""
    found = []
    for rule, kind in (("finetune", "adapters"), ("predict", "predictions")):
        for path in sorted((results / kind).rglob(NAME)):
            card, system = read_json(path), path.parent.relative_to(results / kind).parts
            if len(system) != 4:  # an encoder's
                continue
            model, _, shots, _ = system
            for condition, facts in card.get("conditions", {"": card}).items():
                if facts.get("examples_per_second"):
                    measured = facts["examples_per_second"], card["loading_seconds"], card["peak_rss_bytes"]
                    place = rule, model, int(shots.removesuffix("-shot")), condition, card["device"]
                    found.append(Rate(*place, *measured))
    return found


class Estimate:
    """Seconds of jobs, from measured rates.

    Args:
        measured: The rates.
        device: Only rates of this device count; None: those of any.
    """

    def __init__(self, config: Config, results: Path, measured: Iterable[Rate], device: str | None = None):
        self.config, self.results = config, results
        self.measured = [rate for rate in measured if device in (None, rate.device)]

    def finetune(self, system: System) -> float | None:
        """Seconds of a cell's fine-tuning, 0 for an untuned model; None where no rate is known."""
        if system.mixture == UNTUNED:
            return 0.0
        path = self.results / f"rendered/{system.model}/training/{system.mixture}/{system.shots}-shot/manifest.json"
        cap = self.config.mixtures[system.mixture].max_rows  # an upper bound, until the rows are rendered
        rows = read_json(path)["rendered"]["train"]["rows"] if path.is_file() else cap
        return self._seconds("finetune", system, {"": rows * self.config.training.epochs})

    def predict(self, system: System) -> float | None:
        """Seconds of a system's prediction; None where no rate or no number of rows is known."""
        path = self.results / f"rendered/{system.model}/prompts/{system.shots}-shot/manifest.json"
        rendered = read_json(path)["rendered"] if path.is_file() else {}
        rows = {}
        for condition in self.config.matrix.conditions:
            prompt = "schema" if condition == "constrained" else condition
            counts = [
                rendered[f"{prompt}/{name}"]["rows"] if f"{prompt}/{name}" in rendered else self._test_rows(name)
                for name in self.config.matrix.benchmarks
            ]
            if None in counts:
                return None
            rows[condition] = sum(counts)
        return self._seconds("predict", system, rows)

    def _seconds(self, rule: str, system: System, rows: Mapping[str, float]) -> float | None:
        total = 0.0
        for condition, number in rows.items():
            key = (rule, system.model, system.shots, condition)
            alike = [r for r in self.measured if (r.rule, r.model, r.shots, r.condition) == key]
            if not alike:
                return None
            total += number / median(rate.rows_per_second for rate in alike)
        return total + median(rate.loading for rate in alike)

    def _test_rows(self, benchmark: str) -> int | None:
        """Test rows of a benchmark that is not rendered: the cap, or the official number, whichever is less."""
        known, cap = REGISTRY.get(benchmark), self.config.prediction.test_rows
        official = known and (known.official.get("test", (known.copied_rows,))[0] or known.copied_rows)
        if self.config.benchmarks[benchmark].origin == "sample":
            official = None
        return min((n for n in (cap, official) if n), default=None)


def lora_parameters(shape: Mapping[str, Any], lora: Mapping[str, Any]) -> int | None:
    """Weights of an adapter: r × (in + out) for each target of each layer.

    Args:
        shape: The model's config.json.
        lora: `r` and `targets`.

    Returns:
        None where the config has other keys than those of a plain decoder, or a target is unknown.
    """
    try:
        hidden, inner, heads = shape["hidden_size"], shape["intermediate_size"], shape["num_attention_heads"]
        head = shape.get("head_dim") or hidden // heads
        queries, keys = heads * head, (shape.get("num_key_value_heads") or heads) * head
        sizes = {
            "q_proj": hidden + queries,
            "k_proj": hidden + keys,
            "v_proj": hidden + keys,
            "o_proj": queries + hidden,
            "gate_proj": hidden + inner,
            "up_proj": hidden + inner,
            "down_proj": inner + hidden,
        }
        return lora["r"] * sum(sizes[target] for target in lora["targets"]) * shape["num_hidden_layers"]
    except (KeyError, TypeError):
        return None


def disk(config: Config, results: Path, device: str) -> tuple[float, list[str]]:
    """Bytes that adapters still to be tuned will take, their copies in scratch/ and one cell's checkpoints with them.

    Returns:
        The bytes, and the models whose config is not here yet, which are not in them.
    """
    total, checkpoints, unknown = 0.0, 0.0, []
    for model in config.matrix.models:
        entry = config.models[model]
        folder = Path(entry.path).expanduser() if entry.origin == "path" else results / "models" / model
        shape = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        parameters = lora_parameters(shape, config.lora(model))
        if parameters is None:
            unknown.append(model)
            continue
        new = [s for s in systems(config) if s.model == model and s.mixture != UNTUNED]
        new = [s for s in new if not (results / "adapters" / str(s) / "manifest.json").is_file()]
        tokenizer = sum(path.stat().st_size for path in folder.glob("tokenizer*"))
        total += 2 * len(new) * (parameters * WEIGHT_BYTES + tokenizer)
        checkpoints = max(checkpoints, CHECKPOINTS * checkpoint_bytes(parameters, device) if new else 0)
    return total + checkpoints, unknown


def checkpoint_bytes(parameters: int, device: str) -> float:
    """Size of one checkpoint: the adapter and the optimizer's moments; the rest of it is a few kilobytes."""
    return parameters * (WEIGHT_BYTES + OPTIMIZER_BYTES[device])
