"""Rows of charts and figures, selected, joined and scaled from the tables; scores are × 100."""

import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from ..systems import DEFAULT, RELEASED, UNTUNED, System
from .experiment import Setup
from .tables.matrix import AVERAGES, KEYS

SIZE = re.compile(r"(\d+(?:\.\d+)?)([MB])(?![A-Za-z])", re.IGNORECASE)
ANSWERS = {"out_of_schema": "outside", "empty": "empty"}
COSTS = {
    "base_parameters": "Parameters of the base model",
    "seconds": "Seconds of fine-tuning",
    "prediction_seconds": "Seconds of prediction",
    "peak_gpu_bytes": "Bytes of GPU memory, tuning",
}
"""Titles of the columns of `efficiency` that are drawn on the horizontal axis, where the table has them."""
VERDICTS = ("p < 0.05", "p ≥ 0.05")


def _percent(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table with these columns × 100."""
    return frame.assign(**{name: frame[name].astype("Float64").astype(float) * 100 for name in columns})


def systems(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """Return cells and untuned models under the headline condition; `low`, `high` bound the overall average."""
    matrix = tables["matrix"]
    is_ours = matrix["mixture"].isin([UNTUNED, *setup["mixtures"]])
    rows = matrix[is_ours & (matrix["condition"] == setup["headline_condition"])]
    if "intervals" in tables:
        intervals = tables["intervals"]
        intervals = intervals[(intervals["metric"] == "micro_f1") & (intervals["benchmark"] == "overall_avg")]
        rows = rows.merge(intervals[[*KEYS, "low", "high"]], on=KEYS, how="left")
    else:
        rows = rows.assign(low=None, high=None)
    return _percent(rows, [*AVERAGES, "low", "high"]).dropna(subset="overall_avg").reset_index(drop=True)


def domains(tables: Mapping[str, pd.DataFrame], setup: Setup) -> tuple[pd.DataFrame, list[str]]:
    """Return systems with both domain averages, a specialist's other one from `transfer`; and the tables used."""
    names = ["general_avg", "literary_avg"]
    rows, used = systems(tables, setup)[[*KEYS, *names]], ["matrix"]
    if "transfer" in tables and len(tables["transfer"]):
        other = _percent(tables["transfer"], names)[[*KEYS, *names]]
        merged = rows.merge(other, on=KEYS, how="left", suffixes=("", "_other"))
        rows = rows.assign(**{name: merged[name].fillna(merged[f"{name}_other"]) for name in names})
        used = ["matrix", "transfer"]
    rows = rows.dropna()
    return rows.assign(panel=rows["shots"].map("{}-shot".format)), used


def sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return systems of families with several sizes: `family`, and `millions` of parameters, from models' names.

    >>> rows = pd.DataFrame({"model": ["SmolLM2-360M", "SmolLM3-3B", "Qwen2.5-3B"]})
    >>> sizes(rows)[["family", "millions"]].to_numpy().tolist()
    [['SmolLM', 360.0], ['SmolLM', 3000.0]]
    """
    matches = {model: match for model in rows["model"].unique() if (match := SIZE.search(model))}
    rows = rows[rows["model"].isin(matches)]
    millions = {model: float(match[1]) * (1000 if match[2] in "Bb" else 1) for model, match in matches.items()}
    stems = {model: model[: match.start()].rstrip("-_. ") for model, match in matches.items()}
    # SmolLM2 and SmolLM3 are one family; a fraction, as in Qwen2.5, belongs to the name.
    families = {model: re.sub(r"(?<=[A-Za-z])\d+$", "", stem) for model, stem in stems.items()}
    rows = rows.assign(millions=rows["model"].map(millions).astype(float), family=rows["model"].map(families))
    return rows[rows.groupby("family")["millions"].transform("nunique") > 1]


def efficiency(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """Return a row per system and known `cost`; `pareto`: no system with lower costs has an average as high."""
    if "efficiency" not in tables:
        return pd.DataFrame()
    known = [name for name in COSTS if name in tables["efficiency"]]
    rows = systems(tables, setup).merge(tables["efficiency"][["system", *known]], on="system")
    rows = rows[rows["overall_n"] == rows["overall_n"].max()]
    rows = rows.melt([*KEYS, "overall_avg"], known, "cost", "amount").dropna()
    rows = rows[rows["amount"] > 0].assign(cost=rows["cost"].map(COSTS), amount=rows["amount"].astype(float))
    rows = rows.sort_values(["cost", "amount", "overall_avg"], ascending=[True, True, False], ignore_index=True)
    cheaper = rows.groupby("cost")["overall_avg"].transform(lambda scores: scores.cummax().shift(fill_value=-1))
    return rows.assign(pareto=["yes" if is_higher else "" for is_higher in rows["overall_avg"] > cheaper])


def tests(tables: Mapping[str, pd.DataFrame], setup: Setup, name: Callable[[str], str] = str) -> pd.DataFrame:
    """Return comparisons of overall averages (of one domain alone, its averages) with the headline condition.

    Args:
        tables: `comparisons`.
        setup: The experiment; at least one side of a comparison has its headline condition.
        name: Display name of a part of a system's path.
    """
    if "comparisons" not in tables:
        return pd.DataFrame()
    rows = tables["comparisons"]
    sides = rows[["condition_a", "condition_b"]] == setup["headline_condition"]
    average = next((column for column in reversed(AVERAGES) if column in set(rows["benchmark"])), None)
    rows = rows[sides.any(axis=1) & (rows["benchmark"] == average)]
    pairs = [
        _pair([*map(name, _parts(a)), a_condition], [*map(name, _parts(b)), b_condition], len(setup["seeds"]) > 1)
        for a, a_condition, b, b_condition in rows[["system_a", "condition_a", "system_b", "condition_b"]].itertuples(
            index=False
        )
    ]
    verdicts = [VERDICTS[not p < 0.05] for p in rows["p_holm"].astype("Float64").astype(float)]
    families = rows["family"].str.removesuffix(" averages")
    return _percent(rows.assign(pair=pairs, verdict=verdicts, family=families), ["difference", "low", "high"])


def _parts(path: str) -> list[str]:
    """Return the parts of a system's path; every cell has a variant.

    >>> _parts("m/mixtune/0-shot/seed-1")
    ['m', 'mixtune', '0-shot', 'default', 'seed-1']
    """
    cell = System.parse(path)
    return [*RELEASED.format(**vars(cell)).split("/"), cell.variant, f"seed-{cell.seed}"] if cell else path.split("/")


def _is_named(part: str) -> bool:
    """Return whether a part of a path is in the name of a pair that shares it: not a seed, nor the default variant."""
    return part != DEFAULT and not part.startswith("seed-")


def _pair(first: Sequence[str], second: Sequence[str], has_seeds: bool) -> str:
    """Return two systems in one line: shared parts once, differing parts with an arrow; no shared seed or condition.

    >>> _pair(["m", "untuned", "0-shot", "seed-0", "schema"], ["m", "mixtune", "0-shot", "seed-1", "schema"], False)
    'm · untuned → mixtune · 0-shot'

    Args:
        first: The parts of a system's path, and its condition.
        second: Those of the other system; paths of different lengths are not compared by part.
        has_seeds: Whether cells have several seeds; a single seed does not differ from an untuned model's seed 0.
    """
    if len(first) != len(second):
        a, b = ("/".join(filter(_is_named, side[:-1])) for side in (first, second))
        return f"{a} · → {b}"
    parts = []
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        is_seed = a.startswith("seed-")
        if a != b and (has_seeds or not is_seed):
            parts.append(f"{a} → {b}")
        elif a == b and _is_named(a) and index < len(first) - 1:
            parts.append(a)
    return " · ".join(parts)


def validity(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """Return mean shares × 100 of the ANSWERS that are no label, by condition and model, over `n` scores."""
    scores = tables["scores"]
    scores = scores[scores["kind"].isin(["cell", UNTUNED])]
    named = scores["model"].where(scores["kind"] == "cell", scores["model"] + " · untuned")
    order = [f"{model}{suffix}" for model in setup["models"] for suffix in ("", " · untuned")]
    groups = scores.assign(systems=pd.Categorical(named, order)).groupby(["systems", "condition"], observed=True)
    means = groups[list(ANSWERS)].mean().join(groups.size().rename("n")).reset_index()
    rows = means.melt(["systems", "condition", "n"], list(ANSWERS), "answers", "share")
    return _percent(rows.assign(answers=rows["answers"].map(ANSWERS), systems=rows["systems"].astype(str)), ["share"])


def mixtures(table: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Return training rows of the experiment's mixtures, with titles and domains of their benchmarks."""
    rows = table[(table["split"] == "train") & table["mixture"].isin(setup["mixtures"])]
    selected, domains = setup["benchmarks"], setup.get("domains", {})
    rank = {name: number for number, name in enumerate(selected)}
    rows = rows.sort_values("benchmark", key=lambda names: names.map(rank), kind="stable")
    entries = [selected.get(name, {"title": name, "domain": domains.get(name, "")}) for name in rows["benchmark"]]
    columns = {key: [entry[key] for entry in entries] for key in ("title", "domain")}
    return _percent(rows.assign(**columns, percent=rows["share"]), ["percent"])
