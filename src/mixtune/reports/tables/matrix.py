"""The matrix of micro-F1: systems in rows, benchmarks and their averages in columns.

No measured value is changed or left out here; what looks wrong is flagged beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pandas as pd

from ...data.registry import REGISTRY
from ...errors import UserError
from ...evaluation.scoring import DOMAINS, domain_averages
from ...systems import ANY, BASELINES, UNTUNED

KEYS = ["model", "mixture", "shots", "seed", "condition"]
PARTS = [*DOMAINS, "overall"]
AVERAGES = [f"{part}_avg" for part in PARTS]
SIZES = [f"{part}_n" for part in PARTS]
SAMPLE = "Sample corpora: no evidence about the benchmarks."  # stands in all that leaves the reports alone
GAINS = [f"{part}_gain" for part in PARTS]


class Setup(TypedDict):
    """What was asked for, in the order that tables keep.

    Attributes:
        mixtures: What each trains on (`benchmarks`).
        benchmarks: `title` and `domain` of the selected ones.
        headline_condition: The condition of every table and figure with one number a cell.
        caps: `test_rows` of a benchmark (None: all), `max_rows` of each mixture.
        sample: Benchmarks whose data is the shipped sample corpus.
        domains: Domains of benchmarks that are trained on, not selected and not in the registry.
        released: Cells that are evaluated with an adapter that exists.
        names: What models, mixtures and others are called in print, where it is not their name in the config.
    """

    models: Sequence[str]
    mixtures: Mapping[str, Mapping[str, Any]]
    shots: Sequence[int]
    seeds: Sequence[int]
    conditions: Sequence[str]
    benchmarks: Mapping[str, Mapping[str, str]]
    headline_condition: str
    caps: Mapping[str, Any]
    sample: Sequence[str]
    domains: NotRequired[Mapping[str, str]]
    released: NotRequired[Sequence[str]]
    names: NotRequired[Mapping[str, str]]


def setup_of(settings: Any) -> Setup:
    """The experiment as tables and figures want it; `settings` hold mappings as lists, to keep their order."""
    settings = settings.model_dump() if hasattr(settings, "model_dump") else settings
    named = {key: {entry["name"]: entry for entry in settings[key]} for key in ("benchmarks", "mixtures")}
    return {**settings, **named}


def printed(setup: Setup) -> Callable[[str], str]:
    """What something of the config is called in print, as a function of its name."""
    names = setup.get("names", {})
    return lambda name: names.get(name, name)


def in_print(frame: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """A table with what its models and mixtures are called in print."""
    return frame.assign(**{column: frame[column].map(printed(setup)) for column in ("model", "mixture")})


def trained_on(setup: Setup, mixture: str) -> set[str]:
    """The domains that a mixture trains on."""
    known = {name: benchmark.domain for name, benchmark in REGISTRY.items()} | dict(setup.get("domains", {}))
    known |= {name: benchmark["domain"] for name, benchmark in setup["benchmarks"].items()}
    try:
        return {known[name] for name in setup["mixtures"][mixture]["benchmarks"]}
    except KeyError as unknown:
        raise UserError(
            f"mixture {mixture!r} has scores, but nothing is known of {unknown}; correct mixtures.{mixture} "
            "and the domains of its benchmarks, or leave these score files out"
        ) from None


def _table(scores: pd.DataFrame, setup: Setup, shown: Callable[[str, str], set[str]]) -> pd.DataFrame:
    """One row a system and condition; of its scores, those in the domains `shown(kind, mixture)`."""
    domains = {name: benchmark["domain"] for name, benchmark in setup["benchmarks"].items()}
    rows = []
    for (kind, *keys), group in scores.groupby(["kind", *KEYS]):
        row = dict(zip(KEYS, keys, strict=True))
        names = [name for name in domains if domains[name] in shown(kind, row["mixture"])]
        measured = group.set_index("benchmark")
        f1 = measured["micro_f1"].to_dict()
        unusable = measured["out_of_schema"] + measured["empty"] > 0.5
        averages = domain_averages(f1, domains, names)
        row |= {name: f1.get(name) for name in names}
        row |= {column: averages[part]["value"] for column, part in zip(AVERAGES, PARTS, strict=True)}
        row |= {column: averages[part]["n"] for column, part in zip(SIZES, PARTS, strict=True)}
        row["missing"] = ", ".join(averages["overall"]["missing"])
        row["flagged"] = ", ".join(name for name in names if unusable.get(name, False))
        rows.append(row)
    frame = pd.DataFrame(rows, columns=[*KEYS, *domains, *AVERAGES, *SIZES, "missing", "flagged"])
    frame = frame.astype(dict.fromkeys([*domains, *AVERAGES], float) | dict.fromkeys(SIZES, int))
    order = {
        "condition": dict.fromkeys([setup["headline_condition"], *setup["conditions"], ANY]),
        "model": setup["models"],
        "mixture": [UNTUNED, *setup["mixtures"], *BASELINES],
    }
    ranks = {column: {name: rank for rank, name in enumerate(names)} for column, names in order.items()}
    return frame.sort_values(
        [*order, "shots", "seed"],
        key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        ignore_index=True,
    )


def matrix(scores: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The paper's matrix: each system's micro-F1 on the domains that its mixture trains on.

    Args:
        scores: As `tables.scores` gives them.
        setup: What was asked for.

    Returns:
        One row a KEYS, the headline condition first, base models before their cells; behind
        them those of BASELINES with their kind for a mixture, at the end what is asked under ANY. A column a selected
        benchmark (0..1; NaN where not trained on; untuned models show all); AVERAGES over what the row
        shows, NaN where a score of these is missing; SIZES, the numbers of benchmarks averaged; `missing`,
        names of missing scores; `flagged`, names of benchmarks on which over half of the outputs are empty
        or outside the schema.

    Raises:
        UserError: A mixture, or the domain of a benchmark that it trains on, is not known.
    """

    def shown(kind: str, mixture: str) -> set[str]:
        return trained_on(setup, mixture) if kind == "cell" else set(DOMAINS)

    return _table(scores, setup, shown)


def transfer(scores: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Each specialist on the domain that it does not train on; columns and errors as for `matrix`."""
    selected = {benchmark["domain"] for benchmark in setup["benchmarks"].values()}
    cells = scores[scores["kind"] == "cell"]
    other = {mixture: selected - trained_on(setup, mixture) for mixture in cells["mixture"].unique()}
    specialists = cells[[bool(other[mixture]) for mixture in cells["mixture"]]]
    return _table(specialists, setup, lambda _, mixture: other[mixture])


def gain(matrix: pd.DataFrame) -> pd.DataFrame:
    """What tuning adds: each cell's averages minus its base model's on the same benchmarks.

    Returns:
        KEYS, GAINS (differences of micro-F1, NaN where either has no average) of the cells whose base model was
        asked with the same shots and condition.
    """
    same = ["model", "shots", "condition"]
    base = matrix.loc[matrix["mixture"] == UNTUNED, [*same, *(f"{domain}_avg" for domain in DOMAINS)]]
    cells = matrix[matrix["mixture"] != UNTUNED]
    pairs = cells.merge(base, on=same, suffixes=("", "_base"), validate="many_to_one")
    gains, total = pairs[KEYS].copy(), 0.0
    for domain in DOMAINS:
        gains[f"{domain}_gain"] = pairs[f"{domain}_avg"] - pairs[f"{domain}_avg_base"]
        # Not the base's overall average: it covers benchmarks that a specialist's row does not show.
        total += (gains[f"{domain}_gain"] * pairs[f"{domain}_n"]).where(pairs[f"{domain}_n"] > 0, 0.0)
    gains["overall_gain"] = total / pairs["overall_n"]
    return gains


def headline(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """The rows of the headline condition, and of ANY.

    Raises:
        UserError: There are none.
    """
    chosen = matrix["condition"] == setup["headline_condition"]
    if not chosen.any():
        raise UserError(
            f"there is no score under the headline condition {setup['headline_condition']!r}; add it to "
            "matrix.conditions or change reports.headline_condition"
        )
    return matrix[chosen | (matrix["condition"] == ANY)]


def by_domain(setup: Setup) -> dict[str, list[str]]:
    """The selected benchmarks of each domain, in its order."""
    chosen = setup["benchmarks"].items()
    return {domain: [name for name, benchmark in chosen if benchmark["domain"] == domain] for domain in DOMAINS}


def columns(matrix: pd.DataFrame, setup: Setup) -> dict[str, list[str]]:
    """The columns of scores under their headings: benchmarks by domain, and the averages over at least one of them."""
    averages = [average for average, size in zip(AVERAGES, SIZES, strict=True) if matrix[size].any()]
    return {**by_domain(setup), "average": averages}


def titles(matrix: pd.DataFrame, setup: Setup) -> dict[str, str]:
    """Titles of the columns of scores; an average tells of how many: `Overall (n=2/7/9)`."""
    named = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    for part in PARTS:
        sizes = sorted(set(matrix[f"{part}_n"]) - {0}) or [0]
        named[f"{part}_avg"] = f"{part.capitalize()} (n={'/'.join(map(str, sizes))})"
    return named
