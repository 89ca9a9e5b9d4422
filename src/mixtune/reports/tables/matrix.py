"""The matrix of micro-F1: systems in rows, benchmarks and their averages in columns.

Every measured value is kept unchanged; unusable outputs are flagged in a column of their own.
"""

from collections.abc import Callable

import pandas as pd

from ...errors import UserError
from ...evaluation.scoring import DOMAINS, domain_averages
from ...systems import ANY, BASELINES, DEFAULT, UNTUNED
from ..experiment import Setup, by_domain, trained_domains

KEYS = ["model", "mixture", "shots", "variant", "seed", "condition"]
CELL = KEYS[:-1]  # the fields of a cell
PARTS = [*DOMAINS, "overall"]
AVERAGES = [f"{part}_avg" for part in PARTS]
SIZES = [f"{part}_n" for part in PARTS]
GAINS = [f"{part}_gain" for part in PARTS]


def _pivot(scores: pd.DataFrame, setup: Setup, domains_of: Callable[[str, str], set[str]]) -> pd.DataFrame:
    """Return one row per system and condition, with its scores in the domains `domains_of(kind, mixture)`."""
    domains = {name: benchmark["domain"] for name, benchmark in setup["benchmarks"].items()}
    rows = []
    for (kind, *keys), group in scores.groupby(["kind", *KEYS]):
        row: dict[str, object] = dict(zip(KEYS, keys, strict=True))
        included = domains_of(str(kind), str(row["mixture"]))
        names = [name for name in domains if domains[name] in included]
        measured = group.set_index("benchmark")
        f1 = dict(zip(group["benchmark"], group["micro_f1"], strict=True))
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
    return _sorted(frame, setup)


def _sorted(frame: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Sort rows: the headline condition first, then in the order of the setup."""
    order = {
        "condition": dict.fromkeys([setup["headline_condition"], *setup["conditions"], ANY]),
        "model": setup["models"],
        "mixture": [UNTUNED, *setup["mixtures"], *BASELINES],
        "variant": dict.fromkeys([DEFAULT, *setup["variants"]]),
    }
    ranks = {column: {name: rank for rank, name in enumerate(names)} for column, names in order.items()}
    return frame.sort_values(
        ["condition", "model", "mixture", "shots", "variant", "seed"],
        key=lambda column: column.map(ranks[str(column.name)]) if column.name in ranks else column,
        ignore_index=True,
    )


def matrix(scores: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return the paper's matrix: each system's micro-F1 on the domains that its mixture trains on.

    Args:
        scores: As returned by `scores.scores`.
        setup: The experiment.

    Returns:
        One row per KEYS: the headline condition first, base models before their cells, then the BASELINES with their
        kind in place of a mixture, at the end those of the condition ANY. One column per selected benchmark (0..1;
        NaN where not trained on; untuned models and baselines have all); AVERAGES over the benchmarks of the row, NaN
        where one of their scores is missing; SIZES, the numbers of benchmarks averaged; `missing`, names of missing
        scores; `flagged`, names of benchmarks on which over half of the outputs are empty or outside the schema.

    Raises:
        UserError: A mixture, or the domain of a benchmark that it trains on, is unknown.
    """
    return _pivot(
        scores, setup, lambda kind, mixture: trained_domains(setup, mixture) if kind == "cell" else set(DOMAINS)
    )


def transfer(scores: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return each specialist's scores on the domain that it does not train on; columns and errors as for `matrix`."""
    selected = {benchmark["domain"] for benchmark in setup["benchmarks"].values()}
    cells = scores[scores["kind"] == "cell"]
    other = {mixture: selected - trained_domains(setup, mixture) for mixture in cells["mixture"].unique()}
    specialists = cells[[bool(other[mixture]) for mixture in cells["mixture"]]]
    return _pivot(specialists, setup, lambda _, mixture: other[mixture])


def gain(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's averages minus those of its base model on the same benchmarks.

    Returns:
        KEYS, GAINS (differences of micro-F1, NaN where either has no average) of the cells whose base model was
        evaluated with the same shots and condition.
    """
    same = ["model", "shots", "condition"]
    base = matrix.loc[matrix["mixture"] == UNTUNED, [*same, *(f"{domain}_avg" for domain in DOMAINS)]]
    cells = matrix[matrix["mixture"] != UNTUNED]
    pairs = cells.merge(base, on=same, suffixes=("", "_base"), validate="many_to_one")
    gains, total = pairs[KEYS].copy(), 0.0
    for domain in DOMAINS:
        gains[f"{domain}_gain"] = pairs[f"{domain}_avg"] - pairs[f"{domain}_avg_base"]
        # Not the base's overall average: it covers benchmarks that a specialist's row does not have.
        total += (gains[f"{domain}_gain"] * pairs[f"{domain}_n"]).where(pairs[f"{domain}_n"] > 0, 0.0)
    gains["overall_gain"] = total / pairs["overall_n"]
    return gains


def headline(matrix: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return the rows of the headline condition, and of ANY.

    Raises:
        UserError: No row has the headline condition.
    """
    chosen = matrix["condition"] == setup["headline_condition"]
    if not chosen.any():
        raise UserError(
            f"reports.headline_condition: no score under {setup['headline_condition']!r}; add it to "
            "matrix.conditions or change reports.headline_condition"
        )
    return matrix[chosen | (matrix["condition"] == ANY)]


def columns(matrix: pd.DataFrame, setup: Setup) -> dict[str, list[str]]:
    """Return the columns of scores by heading: benchmarks by domain, and the averages over at least one of them."""
    averages = [average for average, size in zip(AVERAGES, SIZES, strict=True) if matrix[size].any()]
    return {**by_domain(setup), "average": averages}


def titles(matrix: pd.DataFrame, setup: Setup) -> dict[str, str]:
    """Return titles of the columns of scores; that of an average includes its sizes: `Overall (n=2/7/9)`."""
    title_of = {name: benchmark["title"] for name, benchmark in setup["benchmarks"].items()}
    for part in PARTS:
        sizes = sorted(set(matrix[f"{part}_n"]) - {0}) or [0]
        title_of[f"{part}_avg"] = f"{part.capitalize()} (n={'/'.join(map(str, sizes))})"
    return title_of
