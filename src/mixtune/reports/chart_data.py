"""The rows that charts and figures draw: chosen, joined and scaled from the tables; scores are × 100 here."""

import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from ..systems import UNTUNED
from .tables.matrix import AVERAGES, KEYS, Setup

SIZE = re.compile(r"(\d+(?:\.\d+)?)([MB])(?![A-Za-z])", re.IGNORECASE)
ANSWERS = {"out_of_schema": "outside", "empty": "empty"}
COSTS = {
    "base_parameters": "Parameters of the base model",
    "seconds": "Seconds of fine-tuning",
    "prediction_seconds": "Seconds of prediction",
    "peak_gpu_bytes": "Bytes of GPU memory, tuning",
}
"""Columns of `efficiency` that may stand on the horizontal axis; those that are there are drawn."""
VERDICTS = ("p < 0.05", "p ≥ 0.05")


def _percent(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].astype("Float64").astype(float) * 100 for name in columns})


def systems(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """Cells and untuned models under the headline condition; `low` and `high` bound the overall average."""
    matrix = tables["matrix"]
    ours = matrix["mixture"].isin([UNTUNED, *setup["mixtures"]])
    rows = matrix[ours & (matrix["condition"] == setup["headline_condition"])]
    if "intervals" in tables:
        found = tables["intervals"]
        found = found[(found["metric"] == "micro_f1") & (found["benchmark"] == "overall_avg")]
        rows = rows.merge(found[[*KEYS, "low", "high"]], on=KEYS, how="left")
    else:
        rows = rows.assign(low=None, high=None)
    return _percent(rows, [*AVERAGES, "low", "high"]).dropna(subset="overall_avg").reset_index(drop=True)


def domains(tables: Mapping[str, pd.DataFrame], setup: Setup) -> tuple[pd.DataFrame, list[str]]:
    """Systems with both domain averages, a specialist's other one from `transfer`; and the tables used."""
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
    """Systems of families with several sizes: `family`, and `millions` of parameters as the model's name tells."""
    known = {model: hit for model in rows["model"].unique() if (hit := SIZE.search(model))}
    rows = rows[rows["model"].isin(known)]
    millions = {model: float(hit[1]) * (1000 if hit[2] in "Bb" else 1) for model, hit in known.items()}
    stems = {model: model[: hit.start()].rstrip("-_. ") for model, hit in known.items()}
    # SmolLM2 and SmolLM3 are one family; a fraction, as in Qwen2.5, belongs to the name.
    families = {model: re.sub(r"(?<=[A-Za-z])\d+$", "", stem) for model, stem in stems.items()}
    rows = rows.assign(millions=rows["model"].map(millions).astype(float), family=rows["model"].map(families))
    return rows[rows.groupby("family")["millions"].transform("nunique") > 1]


def efficiency(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """A row for each system and known `cost`; `frontier`: no system that costs less scores as much."""
    if "efficiency" not in tables:
        return pd.DataFrame()
    known = [name for name in COSTS if name in tables["efficiency"]]
    rows = systems(tables, setup).merge(tables["efficiency"][["system", *known]], on="system")
    rows = rows[rows["overall_n"] == rows["overall_n"].max()]
    rows = rows.melt([*KEYS, "overall_avg"], known, "cost", "amount").dropna()
    rows = rows[rows["amount"] > 0].assign(cost=rows["cost"].map(COSTS), amount=rows["amount"].astype(float))
    rows = rows.sort_values(["cost", "amount", "overall_avg"], ascending=[True, True, False], ignore_index=True)
    before = rows.groupby("cost")["overall_avg"].transform(lambda scores: scores.cummax().shift(fill_value=-1))
    return rows.assign(pareto=["yes" if above else "" for above in rows["overall_avg"] > before])


def tests(tables: Mapping[str, pd.DataFrame], setup: Setup, name: Callable[[str], str] = str) -> pd.DataFrame:
    """Comparisons of overall averages (of one domain alone, its averages) with the headline condition on a side.

    Args:
        tables: `comparisons`.
        setup: What was asked for.
        name: What a part of a system's path is called.
    """
    if "comparisons" not in tables:
        return pd.DataFrame()
    rows = tables["comparisons"]
    sides = rows[["condition_a", "condition_b"]] == setup["headline_condition"]
    average = next((name for name in reversed(AVERAGES) if name in set(rows["benchmark"])), None)
    rows = rows[sides.any(axis=1) & (rows["benchmark"] == average)]
    pairs = [
        _pair([*map(name, a.split("/")), of_a], [*map(name, b.split("/")), of_b], len(setup["seeds"]) > 1)
        for a, of_a, b, of_b in rows[["system_a", "condition_a", "system_b", "condition_b"]].itertuples(index=False)
    ]
    verdicts = [VERDICTS[not p < 0.05] for p in rows["p_holm"].astype("Float64").astype(float)]
    families = rows["family"].str.removesuffix(" averages")
    return _percent(rows.assign(pair=pairs, verdict=verdicts, family=families), ["difference", "low", "high"])


def _pair(first: Sequence[str], second: Sequence[str], seeds: bool) -> str:
    """Two systems in one line: what they share once, what differs with an arrow; no seed or condition they share.

    Args:
        first, second: The parts of a system's path, and its condition. Those of different length have no parts alike.
        seeds: Whether cells have several; else the one is no difference from an untuned model, which has none.
    """
    if len(first) != len(second):
        a, b = ("/".join(part for part in side[:-1] if not part.startswith("seed-")) for side in (first, second))
        return f"{a} · → {b}"
    parts = []
    for place, (a, b) in enumerate(zip(first, second, strict=True)):
        seed = a.startswith("seed-")
        if a != b and (seeds or not seed):
            parts.append(f"{a} → {b}")
        elif not seed and place < len(first) - 1:
            parts.append(a)
    return " · ".join(parts)


def validity(tables: Mapping[str, pd.DataFrame], setup: Setup) -> pd.DataFrame:
    """Mean shares × 100 of the ANSWERS that are no label, by condition and model, over `n` scores."""
    scores = tables["scores"]
    scores = scores[scores["kind"].isin(["cell", UNTUNED])]
    named = scores["model"].where(scores["kind"] == "cell", scores["model"] + " · untuned")
    order = [f"{model}{suffix}" for model in setup["models"] for suffix in ("", " · untuned")]
    groups = scores.assign(systems=pd.Categorical(named, order)).groupby(["systems", "condition"], observed=True)
    means = groups[list(ANSWERS)].mean().join(groups.size().rename("n")).reset_index()
    rows = means.melt(["systems", "condition", "n"], list(ANSWERS), "answers", "share")
    return _percent(rows.assign(answers=rows["answers"].map(ANSWERS), systems=rows["systems"].astype(str)), ["share"])


def mixtures(table: pd.DataFrame, setup: Setup) -> pd.DataFrame:
    """Training rows of the mixtures that were run, with titles and domains of their benchmarks."""
    rows = table[(table["split"] == "train") & table["mixture"].isin(setup["mixtures"])]
    known, domains = setup["benchmarks"], setup.get("domains", {})
    place = {name: number for number, name in enumerate(known)}
    rows = rows.sort_values("benchmark", key=lambda names: names.map(place), kind="stable")
    facts = [known.get(name, {"title": name, "domain": domains.get(name, "")}) for name in rows["benchmark"]]
    titles, of = [one["title"] for one in facts], [one["domain"] for one in facts]
    return _percent(rows.assign(title=titles, domain=of, percent=rows["share"]), ["percent"])
