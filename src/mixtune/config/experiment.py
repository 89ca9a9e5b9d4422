"""The experiment as reports and cards describe it."""

from itertools import product

from ..data.registry import REGISTRY
from ..publishing.licences import Licence
from ..publishing.settings import DataSource, EvaluatedBenchmark
from ..reports.settings import Caps, Experiment, ReportedBenchmark, ReportedMixture
from ..systems import RELEASED
from .matrix import MatrixPlan
from .tuning import chosen_variants


def experiment(plan: MatrixPlan) -> Experiment:
    """Return the experiment as tables and figures report it."""
    config, matrix = plan.config, plan.config.matrix
    mixtures = {name: config.mixtures[name] for name in matrix.mixtures}
    names = config.reports.names
    runs = (
        RELEASED.format(model=model, mixture=mixture, shots=shots)
        for model, mixture, shots in product(matrix.models, matrix.mixtures, matrix.shots)
    )
    return Experiment(
        models=matrix.models,
        mixtures=[ReportedMixture(name=name, benchmarks=entry.benchmarks) for name, entry in mixtures.items()],
        shots=matrix.shots,
        variants=[*chosen_variants(config)],
        seeds=matrix.seeds,
        conditions=[*matrix.conditions],
        benchmarks=[
            ReportedBenchmark(name=name, title=names.get(name, plan.title(name)), domain=config.domain(name))
            for name in matrix.benchmarks
        ],
        headline_condition=config.reports.headline_condition,
        caps=Caps(
            test_rows=config.prediction.test_rows,
            max_rows={name: mixture.max_rows for name, mixture in mixtures.items()},
        ),
        domains=plan.domains(name for mixture in mixtures.values() for name in mixture.benchmarks),
        sample=[name for name in matrix.benchmarks if config.benchmarks[name].origin == "sample"],
        released=[path for path in runs if path in plan.released],
        names=names,
    )


def sources(plan: MatrixPlan, mixture: str) -> list[DataSource]:
    """Return the benchmarks that a mixture is made of, with their terms."""
    found = []
    for name in plan.config.mixtures[mixture].benchmarks:
        entry, known = plan.config.benchmarks[name], REGISTRY.get(name)
        found.append(
            DataSource(
                name=name,
                title=plan.title(name),
                origin=entry.origin,
                hub=entry.hub.id if entry.origin == "hub" and entry.hub else "",
                licence=(entry.licence.name or entry.licence.id) if entry.licence else known.licence if known else "",
                redistributable_as=known.redistributable_as if known else "",
                licensed=name in plan.config.export.licensed,
                language="en" if known else "",
            )
        )
    return found


def configured_licence(plan: MatrixPlan, model: str) -> Licence | None:
    """Return the licence of a base model that the config sets."""
    licence = plan.config.models[model].licence
    return Licence(**licence.model_dump()) if licence else None


def evaluated(plan: MatrixPlan, name: str) -> EvaluatedBenchmark:
    """Return a benchmark as a card reports it."""
    entry = plan.config.benchmarks[name]
    datasets = {"hub": entry.hub.id if entry.hub else "", "path": name, "sample": f"{name}-sample-corpus"}
    sample = entry.origin == "sample"
    return EvaluatedBenchmark(name=name, title=plan.title(name), dataset=datasets[entry.origin], sample=sample)
