"""The tables of errors of all systems: `confusion`, `strata`, `errors`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...artifacts.manifests import read_json, write_text
from ...artifacts.run_cards import write_table_card
from ...evaluation.error_analysis import BINS, Answers, Split
from ...evaluation.scoring import negative_words
from ..markdown import escape, markdown
from .matrix import Setup
from .scores import ROW

COLUMNS = {
    "confusion": [*ROW, "gold", "predicted", "count", "share"],
    "strata": [*ROW, "stratum", "bin", "n", "tp", "fp", "fn", "micro_f1"],
    "errors": [*ROW, "id", "text", "head", "tail", "gold", "predicted", "raw"],
}
SHOWN = 3  # rows of a system and benchmark that stand in Markdown
BEFORE, BEHIND = 80, 240  # characters that it shows of a text before and behind the beginning of the first mention


def analyse(
    systems: Sequence[tuple[Mapping[str, Any], Path]], benchmarks: Mapping[str, Path], limit: int
) -> dict[str, pd.DataFrame]:
    """The tables of errors, sorted by system (as given), condition and benchmark (as given).

    Args:
        systems: The content of each score file, and the folder of the system's predictions.
        benchmarks: Folder of each prepared benchmark.
        limit: Rows in `confusion` and in `errors` of each system, condition and benchmark.

    Raises:
        UserError: Predictions hold an id that is no test row's.
    """
    found: dict[tuple[int, str, int], dict[str, list[dict[str, Any]]]] = {}
    for number, (name, folder) in enumerate(benchmarks.items()):
        split, negative = Split(folder), read_json(folder / "labels.json")["negative"]
        for place, (file, predictions) in enumerate(systems):
            words = negative_words(negative, file["negatives"]) | {""}
            for condition in (condition for condition, scores in file["scores"].items() if name in scores):
                answers = Answers(predictions / condition / f"{name}.parquet", split, words)
                row = {**file, "condition": condition, "benchmark": name}
                row = {key: row[key] for key in ROW}
                parts = answers.confused(limit), answers.strata(), answers.sample(limit)
                found[place, condition, number] = {
                    table: [row | one for one in rows] for table, rows in zip(COLUMNS, parts, strict=True)
                }
    return {
        table: pd.DataFrame([row for key in sorted(found) for row in found[key][table]], columns=columns)
        for table, columns in COLUMNS.items()
    }


def write_errors(
    settings: Mapping[str, Any],
    setup: Setup,
    scores: Sequence[Path],
    predictions: Sequence[Path],
    benchmarks: Mapping[str, Path],
    folder: Path,
) -> None:
    """Write the tables of errors as CSV, what of them can be read on a page as Markdown, and their run card.

    Args:
        settings: `limit`, as for `analyse`.
        setup: What was asked for.
        scores: Score files of all systems.
        predictions: Folder of each system's predictions, in the same order.
        benchmarks: Folder of each prepared benchmark.
        folder: Where to write.
    """
    begin, systems = time.monotonic(), list(zip(map(read_json, scores), predictions, strict=True))
    tables = analyse(systems, benchmarks, settings["limit"])
    for name, table in tables.items():
        # What is asked in one way only, as an encoder, has no headline condition.
        shown = (table["condition"] == setup["headline_condition"]) | ~table["condition"].isin(setup["conditions"])
        sections = ["Under the headline condition; the CSV file holds the others.\n"]
        for benchmark, rows in table[shown].groupby("benchmark", sort=False):
            sections += [f"## {escape(setup['benchmarks'][benchmark]['title'])}\n"]
            sections += _pivots(rows) if name == "strata" else _first(rows)
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
        write_text(folder / f"{name}.md", "\n".join(sections))
    inputs = [*scores, *(found / "manifest.json" for found in (*predictions, *benchmarks.values()))]
    write_table_card("analyse_errors", folder / "run_card_errors.json", tables, settings, inputs, begin)


def _first(rows: pd.DataFrame) -> Iterator[str]:
    """The first rows of each system."""
    first = rows.groupby(["system", "condition"], sort=False).head(SHOWN)
    if "text" in first:
        first = first.assign(text=[_passage(*texts) for texts in first[["text", "head", "tail"]].to_numpy()])
    yield f"At most {SHOWN} of each system.\n"
    yield markdown(first.drop(columns=[*ROW[1:], "id"], errors="ignore"))


def _passage(text: str, head: str, tail: str) -> str:
    """What stands around the first mention."""
    at = max(0, min(text.find(head), text.find(tail)))
    start, end = max(0, at - BEFORE), at + BEHIND
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _pivots(rows: pd.DataFrame) -> Iterator[str]:
    """Micro-F1 of each system by bin, a table a stratum."""
    for stratum, names in BINS.items():
        part = rows[rows["stratum"] == stratum]
        f1 = part.pivot(index=["system", "condition"], columns="bin", values="micro_f1")
        order = list(dict.fromkeys(part["system"]))
        f1 = f1[[name for name in names if name in f1]].reset_index("condition", drop=True).loc[order]
        yield f"Micro-F1 by {stratum}:\n"
        yield markdown(f1.reset_index())
