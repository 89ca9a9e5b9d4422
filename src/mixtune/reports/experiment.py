"""The experiment that tables, figures and the page report: its lists, titles, domains and display names."""

from collections.abc import Callable, Mapping, Sequence
from typing import NotRequired, TypedDict

import pandas as pd

from ..data.registry import REGISTRY
from ..errors import UserError
from ..evaluation.scoring import DOMAINS
from ..systems import DEFAULT
from .settings import Experiment

SAMPLE = "Sample corpora: no evidence about the benchmarks."  # in every figure and table that may leave the reports


class SetupCaps(TypedDict):
    """Caps: test rows of a benchmark (None: all), training rows by mixture."""

    test_rows: int | None
    max_rows: Mapping[str, int]


class Setup(TypedDict):
    """An `Experiment` with its benchmarks and mixtures by name, in the order that tables keep.

    Attributes:
        mixtures: `benchmarks` that each mixture trains on.
        benchmarks: `title` and `domain` of each selected benchmark.
        headline_condition: The condition of every table and figure with one number per cell.
        sample: Benchmarks whose data are sample corpora.
        domains: Domain of each benchmark that a mixture trains on.
        released: Cells without their seed that are evaluated with a released adapter.
        names: Display names, by name in the config.
    """

    models: Sequence[str]
    mixtures: Mapping[str, Mapping[str, Sequence[str]]]
    shots: Sequence[int]
    variants: Sequence[str]
    seeds: Sequence[int]
    conditions: Sequence[str]
    benchmarks: Mapping[str, Mapping[str, str]]
    headline_condition: str
    caps: SetupCaps
    sample: Sequence[str]
    domains: NotRequired[Mapping[str, str]]
    released: NotRequired[Sequence[str]]
    names: NotRequired[Mapping[str, str]]


def setup_of(experiment: Experiment) -> Setup:
    """Return the setup of an experiment: its benchmarks and mixtures by name."""
    return {
        "models": experiment.models,
        "mixtures": {mixture.name: {"benchmarks": mixture.benchmarks} for mixture in experiment.mixtures},
        "shots": experiment.shots,
        "variants": experiment.variants,
        "seeds": experiment.seeds,
        "conditions": experiment.conditions,
        "benchmarks": {benchmark.name: benchmark.model_dump() for benchmark in experiment.benchmarks},
        "headline_condition": experiment.headline_condition,
        "caps": {"test_rows": experiment.caps.test_rows, "max_rows": experiment.caps.max_rows},
        "sample": experiment.sample,
        "domains": experiment.domains,
        "released": experiment.released,
        "names": experiment.names,
    }


def display_name(setup: Setup) -> Callable[[str], str]:
    """Return the function from a name in the config to its display name.

    >>> display_name({"names": {"smol": "SmolLM2"}})("smol")
    'SmolLM2'
    """
    names = setup.get("names", {})
    return lambda name: names.get(name, name)


def with_display_names(frame: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return a table with the display names of its models and mixtures."""
    return frame.assign(**{column: frame[column].map(display_name(setup)) for column in ("model", "mixture")})


def without_default(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table for readers: without its column `variant` where all cells are of the default one."""
    return frame if (frame["variant"] != DEFAULT).any() else frame.drop(columns="variant")


def with_variants_as_models(tables: Mapping[str, pd.DataFrame], setup: Setup) -> tuple[dict[str, pd.DataFrame], Setup]:
    """Return the experiment with each variant of a model as a model, as figures and LaTeX tables show it.

    So a variant has a line, colour or row of its own wherever a model has one; an untuned model is of no variant.
    """
    variants = [variant for variant in setup["variants"] if variant != DEFAULT]
    if not variants:
        return dict(tables), setup

    def label(model: str, variant: str) -> str:
        return f"{model}, {variant}"

    def labelled(frame: pd.DataFrame) -> pd.DataFrame:
        if not {"model", "variant"} <= set(frame.columns):
            return frame
        is_variant = frame["variant"].isin(variants)
        return frame.assign(
            model=frame["model"].where(~is_variant, frame["model"] + ", " + frame["variant"].astype(str))
        )

    models = [name for model in setup["models"] for name in (model, *(label(model, variant) for variant in variants))]
    named = display_name(setup)
    names = {label(model, variant): label(named(model), variant) for model in setup["models"] for variant in variants}
    names |= setup.get("names", {})
    return {name: labelled(frame) for name, frame in tables.items()}, {**setup, "models": models, "names": names}


def trained_domains(setup: Setup, mixture: str) -> set[str]:
    """Return the domains that a mixture trains on.

    Raises:
        UserError: The mixture is unknown, or the domain of one of its benchmarks is.
    """
    domains = {name: benchmark.domain for name, benchmark in REGISTRY.items()} | dict(setup.get("domains", {}))
    domains |= {name: benchmark["domain"] for name, benchmark in setup["benchmarks"].items()}
    try:
        return {domains[name] for name in setup["mixtures"][mixture]["benchmarks"]}
    except KeyError as error:
        raise UserError(
            f"mixture {mixture!r} has scores, but {error} is unknown; correct mixtures.{mixture} and the domains of "
            "its benchmarks, or leave out these score files"
        ) from None


def by_domain(setup: Setup) -> dict[str, list[str]]:
    """Return the selected benchmarks of each domain, in order.

    >>> by_domain({"benchmarks": {"gids": {"domain": "general"}}})
    {'general': ['gids'], 'literary': []}
    """
    selected = setup["benchmarks"].items()
    return {domain: [name for name, benchmark in selected if benchmark["domain"] == domain] for domain in DOMAINS}
