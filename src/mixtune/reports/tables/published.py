"""Our scores compared with the paper's (arXiv:2606.22606): the job `compare_published`.

`resources/paper/` holds all published scores as printed. Those of tuned models are of the condition `schema`, with as
many shots in the prompt as in training; for encoders and frontier models the paper states no condition.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import pandas as pd

from ...artifacts.manifests import write_text
from ...artifacts.run_cards import write_table_card
from ...data.registry import REGISTRY
from ...evaluation.scoring import domain_averages
from ...evaluation.settings import Negatives
from ..experiment import Setup, setup_of, with_display_names, without_default
from ..markdown import escape, markdown
from ..settings import ComparePublishedSettings
from .matrix import AVERAGES, KEYS, PARTS

PAPER_KEYS = ["kind", "model", "mixture", "shots", "condition"]
COLUMNS = [
    "kind", *KEYS, "benchmark", "ours", "low", "high", "published", "difference", "n", "published_n", "negatives",
    "note", "differs", "not_compared",
]  # fmt: skip
DOMAIN_OF = {name: benchmark.domain for name, benchmark in REGISTRY.items()}

_KINDS = {"tuned": "cell", "encoder": "encoder", "frontier": "frontier"}
# The columns in which a system of ours and the published one compared with it are equal.
_SAME = {"cell": ["model", "mixture", "shots", "condition"], "encoder": ["model"], "frontier": ["model", "shots"]}
_TEXTS = [
    "system", "kind", "model", "mixture", "variant", "condition", "benchmark", "metric", "negatives", "note",
    "differs", "not_compared",
]  # fmt: skip
_WHOLE = dict.fromkeys(["shots", "seed", "n", "published_n"], "Int64")


class Published(NamedTuple):
    """A published score or average.

    Attributes:
        benchmark: A benchmark, or one of AVERAGES.
        members: The benchmarks that `published` is the mean of.
        note: Known errors of the paper's own run.
    """

    benchmark: str
    published: float
    members: list[str]
    note: str


class Interval(NamedTuple):
    """A confidence interval and the value that it is of."""

    value: float
    low: float
    high: float


class Comparison(TypedDict):
    """The columns of a published result that depend on it, and on the scores of one system of ours."""

    benchmark: str
    ours: float | None
    low: float | None
    high: float | None
    published: float
    n: int | None
    published_n: int | None
    note: str
    differs: list[str]
    not_compared: str


def read_published(folder: Path) -> pd.DataFrame:
    """Read the paper's scores, one row per score or average, in the order of the paper.

    Args:
        folder: Holds `published_f1.csv` and `published_averages.csv`.

    Returns:
        PAPER_KEYS (blank where the paper has none) and the fields of `Published`.
    """
    cells = read_scores(folder / "published_f1.csv").rename(columns={"micro_f1": "published"})
    cells = cells.assign(kind=cells["system"].map(_KINDS), members=cells["benchmark"].map(lambda name: [name]))
    groups = dict(iter(cells.groupby(PAPER_KEYS, dropna=False)))
    rows = []
    for average in read_scores(folder / "published_averages.csv").assign(kind="cell").to_dict("records"):
        keys = {key: average[key] for key in PAPER_KEYS}
        of_cell = groups[tuple(keys.values())]
        for part, column in zip(PARTS, AVERAGES, strict=True):
            averaged = of_cell if part == "overall" else of_cell[of_cell["benchmark"].map(DOMAIN_OF) == part]
            if len(averaged):
                note = "; ".join(averaged.loc[averaged["note"] != "", "note"].unique())
                rows.append({**keys, **Published(column, average[column], list(averaged["benchmark"]), note)._asdict()})
    table = pd.concat([cells, pd.DataFrame(rows).astype({"shots": "Int64"})], ignore_index=True)
    return table[[*PAPER_KEYS, *Published._fields]]


def read_scores(path: Path) -> pd.DataFrame:
    """Read a CSV table of scores: a blank text is "", a blank number missing, and a model may be named NA."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(_TEXTS, str) | _WHOLE)
    return frame.fillna({name: "" for name in _TEXTS if name in frame})


def compare_scores(
    scores: pd.DataFrame,
    published: pd.DataFrame,
    setup: Setup,
    negatives: Negatives,
    intervals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Subtract every published score and average from ours.

    Args:
        scores: As returned by `scores.scores`.
        published: As returned by `read_published`.
        setup: The experiment; systems trained or evaluated on a sample corpus are not compared.
        negatives: The value of `scoring.negatives` for our scores.
        intervals: `system`, `condition`, `benchmark` (or an average), `metric`, `value`, `low`, `high`.

    Returns:
        COLUMNS, one row per published score and system of ours compared with it; one row without a system if there is
        none. Our average is the mean over the benchmarks of the paper's average; `low` and `high` are the interval of
        this same mean, or blank. `n` and `published_n` count test rows, for averages benchmarks. `note` names errors
        of the paper's run, `differs` other differences, `not_compared` the reason why ours is blank.
    """
    bounds = _intervals(intervals)
    rows = []
    for values, paper in published.groupby(PAPER_KEYS, sort=False, dropna=False):
        keys = dict(zip(PAPER_KEYS, values, strict=True))
        results = [Published(*row) for row in paper[list(Published._fields)].itertuples(index=False, name=None)]
        trained = {result.benchmark for result in results} - set(AVERAGES)  # the paper evaluates on these alone
        for system, ours in _comparable(scores, keys):
            mixture = str(system.get("mixture", ""))
            mixed = setup["mixtures"].get(mixture, {}).get("benchmarks", [])  # of an encoder: none
            for result in results:
                interval = bounds.get((system.get("system"), system.get("condition"), result.benchmark))
                row = _compare(result, ours, mixed, setup["sample"], interval)
                if mixed and set(mixed) != trained:
                    row["differs"].append("training benchmarks")
                texts = {"differs": "; ".join(row["differs"]), "negatives": negatives}
                rows.append({"variant": "", **keys, **system, **row, **texts})
    table = pd.DataFrame(rows, columns=COLUMNS).astype(_WHOLE | dict.fromkeys(["ours", "low", "high"], float))
    return table.assign(difference=table["ours"] - table["published"])


def _compare(
    result: Published, ours: pd.DataFrame, mixed: Sequence[str], sample: Collection[str], interval: Interval | None
) -> Comparison:
    """Return the columns of one published result and the scores of one system, by benchmark."""
    name, value, members, note = result
    reason = _reason_not_compared(members, ours, mixed, sample)
    f1, n = ({} if reason else dict(zip(ours.index, ours[key], strict=True)) for key in ("micro_f1", "n"))
    mean = domain_averages(f1, DOMAIN_OF, members)["overall"]["value"]
    copied = {member: REGISTRY[member].copied_rows for member in members}
    other_rows = [member for member in members if n and n[member] != copied[member]]
    known = interval if interval and mean is not None and math.isclose(interval.value, mean) else None
    return {
        "benchmark": name,
        "ours": mean,
        "low": known.low if known else None,
        "high": known.high if known else None,
        "published": value,
        "n": n.get(name, len(members)) if n else None,
        "published_n": copied.get(name, len(members)),
        "note": note,
        "differs": [f"test rows: {_titles(other_rows)}"] if other_rows else [],
        "not_compared": reason,
    }


def _comparable(scores: pd.DataFrame, keys: Mapping[str, object]) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Yield our systems comparable with a published one, with scores by benchmark; an empty pair if there is none."""
    same = scores["kind"] == keys["kind"]
    for key in _SAME[str(keys["kind"])]:
        # Names of ours have no blanks.
        same &= scores[key] == (str(keys[key]).replace(" ", "-") if key == "model" else keys[key])
    if not same.any():
        yield {}, scores.iloc[:0]
    names = ["system", *KEYS]
    for values, ours in scores[same].groupby(names, sort=False, dropna=False):
        yield dict(zip(names, values, strict=True)), ours.set_index("benchmark")


def _reason_not_compared(
    members: Sequence[str], ours: pd.DataFrame, mixed: Iterable[str], sample: Collection[str]
) -> str:
    """Return why our scores, by benchmark, are not comparable with the mean of `members`; "" if they are."""
    if ours.empty:
        return "no such run of ours"
    reasons = {
        "tuned or tested on sample corpora": {*mixed, *members} & set(sample),
        "no score of ours": set(members) - set(ours.index),
    }
    return "; ".join(f"{reason}: {_titles(sorted(names))}" for reason, names in reasons.items() if names)


def _titles(names: Iterable[str]) -> str:
    return ", ".join(REGISTRY[name].title for name in names)


def _intervals(frame: pd.DataFrame | None) -> dict[tuple[object, ...], Interval]:
    """Return intervals of micro-F1 by system, condition and benchmark."""
    if frame is None:
        return {}
    chosen = frame[frame["metric"] == "micro_f1"]
    keys = chosen[["system", "condition", "benchmark"]].itertuples(index=False, name=None)
    bounds = chosen[list(Interval._fields)].itertuples(index=False, name=None)
    return {key: Interval(*bound) for key, bound in zip(keys, bounds, strict=True)}


def format_published(table: pd.DataFrame, setup: Setup) -> str:
    """Return the comparison as Markdown: averages first, then benchmarks, then the numbers not compared by reason."""
    compared = without_default(with_display_names(table[table["not_compared"] == ""], setup))
    words = {"benchmark": "each benchmark's own", "paper": "the paper's wider set"}[table["negatives"].iloc[0]]
    parts = [
        "Ours minus published (arXiv:2606.22606), positive-class micro-F1. In ours, the words that count as negative "
        f"are {words}; the paper counts its wider set. Published values are as printed; the note marks those of a run "
        "that is known to be broken.\n",
    ]
    averages = compared["benchmark"].isin(AVERAGES)
    parts += [markdown(_with_headers(part)) for part in (compared[averages], compared[~averages]) if len(part)]
    reasons = table.loc[table["not_compared"] != "", "not_compared"].value_counts()
    parts += ["Published scores and averages that are not compared with ours:\n"] if len(reasons) else []
    return "\n".join([*parts, "".join(f"- {number}: {escape(str(reason))}\n" for reason, number in reasons.items())])


def _with_headers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with titles, without columns that hold no information."""
    titles = {name: benchmark.title for name, benchmark in REGISTRY.items()}
    titles |= {column: part.capitalize() for column, part in zip(AVERAGES, PARTS, strict=True)}
    left_out = [name for name in ("low", "high") if table[name].isna().all()]
    left_out += ["seed"] if table["seed"].nunique() < 2 else []
    left_out += [name for name in ("note", "differs") if not table[name].any()]
    table = table.assign(benchmark=table["benchmark"].map(titles))
    table = table.drop(columns=["negatives", "not_compared", *left_out])
    return table.rename(columns=lambda name: name.replace("_", " ").capitalize())


def compare_published(
    settings: ComparePublishedSettings, scores: Path, paper: Path, folder: Path, intervals: Path | None = None
) -> None:
    """Write the table `published` as CSV and Markdown, and its run card.

    Args:
        settings: The job's settings.
        scores: The table `scores`, as CSV.
        paper: Folder of the published scores.
        folder: Folder of the tables.
        intervals: The table `intervals`, as CSV.
    """
    begin, setup = time.monotonic(), setup_of(settings.setup)
    bounds = read_scores(intervals) if intervals else None
    table = compare_scores(read_scores(scores), read_published(paper), setup, settings.negatives, bounds)
    write_text(folder / "published.csv", table.to_csv(index=False))
    write_text(folder / "published.md", format_published(table, setup))
    inputs = [scores, *paper.glob("*.csv"), *([intervals] if intervals else [])]
    write_table_card("compare_published", folder / "run_card_published.json", ["published"], settings, inputs, begin)
