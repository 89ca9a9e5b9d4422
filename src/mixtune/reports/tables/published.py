"""The paper's published scores beside ours (arXiv:2606.22606); none of them is changed or left out.

`resources/paper/` holds them as printed. Those of tuned models are of the condition `schema`, with as many shots in
the prompt as in training; for encoders and frontier models no condition is stated.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...artifacts.manifests import write_text
from ...artifacts.run_cards import write_table_card
from ...data.registry import REGISTRY
from ...evaluation.scoring import domain_averages
from ..markdown import escape, markdown
from .matrix import AVERAGES, KEYS, PARTS, Setup, in_print

PAPER_KEYS = ["kind", "model", "mixture", "shots", "condition"]
COLUMNS = [
    "kind", *KEYS, "benchmark", "ours", "low", "high", "published", "difference", "n", "published_n", "negatives",
    "note", "differs", "not_compared",
]  # fmt: skip
DOMAIN_OF = {name: benchmark.domain for name, benchmark in REGISTRY.items()}

_KINDS = {"tuned": "cell", "encoder": "encoder", "frontier": "frontier"}
# What a system of ours has in common with the published one that it stands beside.
_SAME = {"cell": ["model", "mixture", "shots", "condition"], "encoder": ["model"], "frontier": ["model", "shots"]}
_PAPER = ["benchmark", "published", "members", "note"]
_TEXTS = [
    "system", "kind", "model", "mixture", "condition", "benchmark", "metric", "negatives", "note", "differs",
    "not_compared",
]  # fmt: skip
_WHOLE = dict.fromkeys(["shots", "seed", "n", "published_n"], "Int64")


def read_published(folder: Path) -> pd.DataFrame:
    """The paper's scores, one row a score or average, in the order of the paper.

    Args:
        folder: Holds `published_f1.csv` and `published_averages.csv`.

    Returns:
        PAPER_KEYS (blank where the paper has none), `benchmark` (a name, or one of AVERAGES), `published`, `members`
        (the benchmarks that it is the mean of), `note` (what is known to be wrong with the paper's own run).
    """
    cells = load(folder / "published_f1.csv").rename(columns={"micro_f1": "published"})
    cells = cells.assign(kind=cells["system"].map(_KINDS), members=[[name] for name in cells["benchmark"]])
    groups = dict(iter(cells.groupby(PAPER_KEYS, dropna=False)))
    rows = []
    for average in load(folder / "published_averages.csv").assign(kind="cell").to_dict("records"):
        keys = {key: average[key] for key in PAPER_KEYS}
        own = groups[tuple(keys.values())]
        for part, column in zip(PARTS, AVERAGES, strict=True):
            averaged = own if part == "overall" else own[own["benchmark"].map(DOMAIN_OF) == part]
            if len(averaged):
                note = "; ".join(averaged.loc[averaged["note"] != "", "note"].unique())
                row = {"benchmark": column, "published": average[column], "members": list(averaged["benchmark"])}
                rows.append({**keys, **row, "note": note})
    whole = pd.concat([cells, pd.DataFrame(rows).astype({"shots": "Int64"})], ignore_index=True)
    return whole[[*PAPER_KEYS, *_PAPER]]


def load(path: Path) -> pd.DataFrame:
    """A table of scores as CSV: a blank text is "", a blank number missing, and a model may be called NA."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(_TEXTS, str) | _WHOLE)
    return frame.fillna({name: "" for name in _TEXTS if name in frame})


def compare(
    scores: pd.DataFrame,
    published: pd.DataFrame,
    setup: Setup,
    negatives: str,
    intervals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Ours minus published for every published score and average.

    Args:
        scores: As `tables.scores` gives them.
        published: As `read_published` gives it.
        setup: What was asked for; what is trained or evaluated on a sample corpus is compared with nothing.
        negatives: The value of `scoring.negatives` that our scores are made with.
        intervals: `system`, `condition`, `benchmark` (or an average), `metric`, `value`, `low`, `high`.

    Returns:
        COLUMNS; a row for each published score and each system of ours that stands beside it, or one without.
        An average of ours is the mean over the benchmarks of the paper's average; `low` and `high` are of that very
        mean or blank. `n` and `published_n` are test rows, in averages benchmarks. `note` tells what is known to
        be wrong with the paper's run, `differs` what else is not the same, `not_compared` why ours is blank.
    """
    known = _intervals(intervals)
    rows = []
    for values, paper in published.groupby(PAPER_KEYS, sort=False, dropna=False):
        keys = dict(zip(PAPER_KEYS, values, strict=True))
        asked = set(paper["benchmark"]) - set(AVERAGES)  # in the paper, a cell is asked what its mixture is made of
        for system, ours in _beside(scores, keys):
            mixed = setup["mixtures"].get(system.get("mixture"), {}).get("benchmarks", [])  # of an encoder: none
            for name, value, members, note in paper[_PAPER].itertuples(index=False):
                reason = _why_not(members, ours, mixed, setup["sample"])
                f1, n = ({}, {}) if reason else (ours["micro_f1"].to_dict(), ours["n"].to_dict())
                mean = domain_averages(f1, DOMAIN_OF, members)["overall"]["value"]
                copied = {member: REGISTRY[member].copied_rows for member in members}
                other = [member for member in members if n and n[member] != copied[member]]
                differs = [f"test rows: {_titles(other)}"] if other else []
                differs += ["training benchmarks"] if mixed and set(mixed) != asked else []
                estimate, *interval = known.get((system.get("system"), system.get("condition"), name), [math.nan] * 3)
                same = mean is not None and math.isclose(estimate, mean)
                row = {"benchmark": name, "ours": mean, "published": value, "negatives": negatives, "note": note}
                row |= dict(zip(("low", "high"), interval, strict=True)) if same else {}
                row |= {"n": (n.get(name, len(members)) if n else None), "published_n": copied.get(name, len(members))}
                rows.append({**keys, **system, **row, "differs": "; ".join(differs), "not_compared": reason})
    table = pd.DataFrame(rows, columns=COLUMNS).astype(_WHOLE | dict.fromkeys(["ours", "low", "high"], float))
    return table.assign(difference=table["ours"] - table["published"])


def _beside(scores: pd.DataFrame, keys: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Our systems that stand beside a published one, with scores by benchmark; one without any where none does."""
    same = scores["kind"] == keys["kind"]
    for key in _SAME[keys["kind"]]:
        same &= scores[key] == (
            keys[key].replace(" ", "-") if key == "model" else keys[key]
        )  # our names have no blanks
    if not same.any():
        yield {}, scores.iloc[:0]
    names = ["system", *KEYS]
    for values, ours in scores[same].groupby(names, sort=False, dropna=False):
        yield dict(zip(names, values, strict=True)), ours.set_index("benchmark")


def _why_not(members: Sequence[str], ours: pd.DataFrame, mixed: Iterable[str], sample: Collection[str]) -> str:
    """Why our scores, by benchmark, cannot stand beside the mean of these benchmarks; "" where they can."""
    if ours.empty:
        return "no such run of ours"
    reasons = {
        "tuned or tested on sample corpora": {*mixed, *members} & set(sample),
        "no score of ours": set(members) - set(ours.index),
    }
    return "; ".join(f"{reason}: {_titles(sorted(names))}" for reason, names in reasons.items() if names)


def _titles(names: Iterable[str]) -> str:
    return ", ".join(REGISTRY[name].title for name in names)


def _intervals(frame: pd.DataFrame | None) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    if frame is None:
        return {}
    chosen = frame[frame["metric"] == "micro_f1"]
    keys = chosen[["system", "condition", "benchmark"]].itertuples(index=False, name=None)
    return dict(zip(keys, chosen[["value", "low", "high"]].itertuples(index=False, name=None), strict=True))


def readable(table: pd.DataFrame, setup: Setup) -> str:
    """The comparison as Markdown: what is compared, averages first, and how much is not, by reason."""
    compared = in_print(table[table["not_compared"] == ""], setup)
    words = {"benchmark": "each benchmark's own", "paper": "the paper's wider set"}[table["negatives"].iloc[0]]
    parts = [
        "Ours minus published (arXiv:2606.22606), positive-class micro-F1. In ours, the words that count as negative "
        f"are {words}; the paper counts its wider set. Published values stand as printed; the note tells which of "
        "them come from a run that is known to be broken.\n",
    ]
    averages = compared["benchmark"].isin(AVERAGES)
    parts += [markdown(_shown(part)) for part in (compared[averages], compared[~averages]) if len(part)]
    left = table.loc[table["not_compared"] != "", "not_compared"].value_counts()
    parts += ["Published scores and averages beside which nothing of ours can stand:\n"] if len(left) else []
    return "\n".join([*parts, "".join(f"- {number}: {escape(reason)}\n" for reason, number in left.items())])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    titles = {name: benchmark.title for name, benchmark in REGISTRY.items()}
    titles |= {column: part.capitalize() for column, part in zip(AVERAGES, PARTS, strict=True)}
    silent = [name for name in ("low", "high") if table[name].isna().all()]
    silent += ["seed"] if table["seed"].nunique() < 2 else []
    silent += [name for name in ("note", "differs") if not table[name].any()]
    named = table.assign(benchmark=table["benchmark"].map(titles)).drop(columns=["negatives", "not_compared", *silent])
    return named.rename(columns=lambda name: name.replace("_", " ").capitalize())


def write_published(
    settings: Mapping[str, Any], setup: Setup, scores: Path, paper: Path, folder: Path, intervals: Path | None = None
) -> None:
    """Write the table `published` as CSV and Markdown, and its run card.

    Args:
        settings: `negatives`.
        setup: What was asked for.
        scores: The table `scores`, as CSV.
        paper: Folder of the published scores.
        folder: Where to write.
        intervals: The table `intervals`, as CSV.
    """
    begin, around = time.monotonic(), load(intervals) if intervals else None
    table = compare(load(scores), read_published(paper), setup, settings["negatives"], around)
    write_text(folder / "published.csv", table.to_csv(index=False))
    write_text(folder / "published.md", readable(table, setup))
    inputs = [scores, *paper.glob("*.csv"), *([intervals] if intervals else [])]
    write_table_card("compare_published", folder / "run_card_published.json", ["published"], settings, inputs, begin)
