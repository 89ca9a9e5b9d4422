"""Input files of rules that depend on the configuration."""

from pathlib import Path

from .. import layout
from ..models.adapter_folder import CARD, CONFIG, WEIGHTS
from ..resources import resource
from ..systems import UNTUNED, arm
from .matrix import MatrixPlan


def folder_files(path: str | Path) -> list[str]:
    """Return all files of a folder; none where it is missing, so that planning works and the job reports it."""
    folder = Path(path).expanduser()
    if folder.is_relative_to(Path.cwd()):  # an absolute path would make all results stale in a moved checkout
        folder = folder.relative_to(Path.cwd())
    return sorted(str(file) for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []


def of_model(plan: MatrixPlan, model: str) -> list[str]:
    """Return the files of a local model; those of other origins are not there at planning time."""
    entry = {**plan.config.models, **plan.config.encoders}[model]
    return folder_files(entry.path) if entry.origin == "path" and entry.path else []


def of_released(plan: MatrixPlan, released: str) -> list[str]:
    """Return the files of a local adapter; one on the hub is not there at planning time."""
    _, entry = plan.released[released]
    files = folder_files(entry.path) if entry.origin == "path" and entry.path else []
    return [file for file in files if Path(file).name in (CONFIG, WEIGHTS, CARD)]


def of_benchmark(plan: MatrixPlan, benchmark: str) -> list[str]:
    """Return what a benchmark is prepared from: the manifest of a fetched copy, or native files."""
    entry = plan.config.benchmarks[benchmark]
    tables = [entry.label_map] if entry.label_map and Path(entry.label_map).is_file() else []
    if entry.origin == "hub":
        return [layout.FETCHED.format(benchmark=benchmark), *tables]
    return folder_files(entry.path or "" if entry.origin == "path" else resource("sample", benchmark)) + tables


def of_mixture(plan: MatrixPlan, draw: str) -> list[str]:
    """Return the manifests of the benchmarks that a mixture is drawn from."""
    _, mixture = plan.draws[draw]
    return [layout.BENCHMARK.format(benchmark=name) for name in mixture.benchmarks]


def drawn(plan: MatrixPlan, system: str) -> str:
    """Return the manifest of the mixture that a cell is tuned on."""
    return layout.MIXTURE.format(draw=plan.tunings[system].draw)


def rendered(plan: MatrixPlan, system: str) -> str:
    """Return the manifest of the rendered rows that a cell is tuned on."""
    cell = plan.systems[system]
    return layout.TRAINING.format(model=cell.model, rows=plan.tunings[system].rows, shots=cell.shots)


def adapter(plan: MatrixPlan, system: str) -> list[str]:
    """Return the manifest of the adapter that a system predicts with; an untuned model has none."""
    if f"/{UNTUNED}/" in system:
        return []
    runs = arm(system)
    is_released = runs in plan.released
    return [layout.RELEASED.format(released=runs) if is_released else layout.of_system(layout.ADAPTER, system)]


def predictions(plan: MatrixPlan, system: str) -> list[str]:
    """Return a system's predictions of one benchmark per condition: naming all would double the time of planning."""
    return [
        layout.PREDICTION_FILE.format(system=system, condition=condition, benchmark=plan.benchmarks_of(system)[0])
        for condition in plan.conditions_of(system)
    ]
