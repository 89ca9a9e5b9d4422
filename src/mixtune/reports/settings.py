"""Settings of tables, figures and the page."""

from ..artifacts.settings import Part, Settings
from ..evaluation.settings import Negatives


class ReportedBenchmark(Part):
    """A benchmark: name, printed title, domain."""

    name: str
    title: str
    domain: str


class ReportedMixture(Part):
    """A mixture and the benchmarks that it is made of."""

    name: str
    benchmarks: list[str]


class Caps(Part):
    """Caps: test rows of a benchmark (None: all), training rows by mixture."""

    test_rows: int | None
    max_rows: dict[str, int]


class Experiment(Part):
    """The experiment that tables and figures report, in the order of the matrix' lists.

    Attributes:
        variants: Variants of what cells are tuned with.
        domains: Domain of each benchmark that a mixture trains on.
        sample: Benchmarks whose data are sample corpora.
        released: Cells without their seed (`MODEL/MIXTURE/N-shot`) that are evaluated with a released adapter.
        names: Display names, by name.
    """

    models: list[str]
    mixtures: list[ReportedMixture]
    shots: list[int]
    variants: list[str]
    seeds: list[int]
    conditions: list[str]
    benchmarks: list[ReportedBenchmark]
    headline_condition: str
    caps: Caps
    domains: dict[str, str]
    sample: list[str]
    released: list[str]
    names: dict[str, str]


class AggregateSettings(Settings):
    """Tables of scores of these systems."""

    setup: Experiment
    systems: list[str]


class AuditSettings(Settings):
    """Tables of the data: the domain of each benchmark."""

    domains: dict[str, str]


class PageSettings(Settings):
    """The page; `templates` holds the SHA-256 of each file of page/templates."""

    setup: Experiment
    templates: dict[str, str]


class PlotSettings(Settings):
    """One figure."""

    figure: str
    setup: Experiment


class TypesetSettings(Settings):
    """Tables in LaTeX."""

    setup: Experiment


class ComparePublishedSettings(Settings):
    """Our scores compared with the paper's."""

    setup: Experiment
    negatives: Negatives


class AnalyseErrorsSettings(Settings):
    """Error analysis; `limit` is the rows of `errors` and `confusion` per system, condition and benchmark."""

    setup: Experiment
    limit: int
    systems: list[str]


class CompareEfficiencySettings(Settings):
    """Costs of `systems`, of which `tuned` are cells."""

    setup: Experiment
    systems: list[str]
    tuned: list[str]
