"""The tables of errors of all systems, `confusion`, `strata` and `errors`: the job `analyse_errors`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ...artifacts.manifests import read_json, write_text
from ...artifacts.run_cards import write_table_card
from ...data.files import folders
from ...data.formats import LabelInventory
from ...evaluation.error_analysis import BINS, Answers, Split
from ...evaluation.formats import ScoreFile
from ...evaluation.scoring import negative_words
from ..experiment import Setup, setup_of
from ..markdown import escape, markdown
from ..settings import AnalyseErrorsSettings
from .scores import ROW

COLUMNS = {
    "confusion": [*ROW, "gold", "predicted", "count", "share"],
    "strata": [*ROW, "stratum", "bin", "n", "tp", "fp", "fn", "micro_f1"],
    "errors": [*ROW, "id", "text", "head", "tail", "gold", "predicted", "raw"],
}
SHOWN = 3  # rows per system and benchmark in the Markdown
BEFORE, BEHIND = 80, 240  # characters of a text before and after the start of its first mention in the Markdown


def analyse_errors(
    settings: AnalyseErrorsSettings, scores: Path, predictions: Path, benchmarks: Path, folder: Path
) -> None:
    """Write the tables of errors as CSV, a page of each as Markdown, and their run card.

    Args:
        settings: The job's settings.
        scores: Folder of all systems' scores.
        predictions: Folder of all systems' predictions.
        benchmarks: `all.json` in the folder of the prepared benchmarks.
        folder: Folder of the tables.
    """
    begin, setup, prepared = time.monotonic(), setup_of(settings.setup), folders(benchmarks)
    score_files = [scores / f"{system}.json" for system in settings.systems]
    predicted = [predictions / system for system in settings.systems]
    systems = list(zip([read_json(path, ScoreFile) for path in score_files], predicted, strict=True))
    tables = tabulate_errors(systems, prepared, settings.limit)
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
        write_text(folder / f"{name}.md", _format_errors(name, table, setup))
    inputs = [*score_files, *(path / "manifest.json" for path in (*predicted, *prepared.values()))]
    write_table_card("analyse_errors", folder / "run_card_errors.json", tables, settings, inputs, begin)


def tabulate_errors(
    systems: Sequence[tuple[ScoreFile, Path]], benchmarks: Mapping[str, Path], limit: int
) -> dict[str, pd.DataFrame]:
    """Return the tables of errors, sorted by system (as given), condition and benchmark (as given).

    Args:
        systems: The content of each score file, and the folder of the system's predictions.
        benchmarks: Folder of each prepared benchmark.
        limit: Rows of `confusion` and of `errors` per system, condition and benchmark.

    Raises:
        UserError: Predictions hold an id that is not in the test split.
    """
    rows_of: dict[tuple[int, str, int], dict[str, list[dict[str, object]]]] = {}
    for number, (name, folder) in enumerate(benchmarks.items()):
        split, negative = Split(folder), read_json(folder / "labels.json", LabelInventory)["negative"]
        for rank, (file, predictions) in enumerate(systems):
            words = negative_words(negative, file["negatives"]) | {""}
            for condition in (condition for condition, scores in file["scores"].items() if name in scores):
                answers = Answers(predictions / condition / f"{name}.parquet", split, words)
                keys = {**file, "condition": condition, "benchmark": name}
                keys = {key: keys[key] for key in ROW}
                parts = answers.confused(limit), answers.strata(), answers.sample(limit)
                rows_of[rank, condition, number] = {
                    table: [keys | row for row in rows] for table, rows in zip(COLUMNS, parts, strict=True)
                }
    return {
        table: pd.DataFrame([row for key in sorted(rows_of) for row in rows_of[key][table]], columns=columns)
        for table, columns in COLUMNS.items()
    }


def _format_errors(name: str, table: pd.DataFrame, setup: Setup) -> str:
    """Return the headline condition of one of the tables as Markdown, one section per benchmark."""
    # Systems with one way to predict, e.g. encoders, have no headline condition.
    is_shown = (table["condition"] == setup["headline_condition"]) | ~table["condition"].isin(setup["conditions"])
    sections = ["Under the headline condition; the CSV file holds all conditions.\n"]
    for benchmark, rows in table[is_shown].groupby("benchmark", sort=False):
        sections += [f"## {escape(setup['benchmarks'][str(benchmark)]['title'])}\n"]
        sections += _format_strata(rows) if name == "strata" else _format_first_rows(rows)
    return "\n".join(sections)


def _format_first_rows(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the first rows of each system."""
    first = rows.groupby(["system", "condition"], sort=False).head(SHOWN)
    if "text" in first:
        first = first.assign(text=[_passage(*texts) for texts in first[["text", "head", "tail"]].to_numpy()])
    yield f"At most {SHOWN} of each system.\n"
    yield markdown(first.drop(columns=[*ROW[1:], "id"], errors="ignore"))


def _passage(text: str, head: str, tail: str) -> str:
    """Return the text around its first mention."""
    mention = max(0, min(text.find(head), text.find(tail)))
    start, end = max(0, mention - BEFORE), mention + BEHIND
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _format_strata(rows: pd.DataFrame) -> Iterator[str]:
    """Yield micro-F1 of each system by bin, one table per stratum."""
    for stratum, names in BINS.items():
        part = rows[rows["stratum"] == stratum]
        f1 = part.pivot(index=["system", "condition"], columns="bin", values="micro_f1")
        order = list(dict.fromkeys(part["system"]))
        f1 = f1[[name for name in names if name in f1]].reset_index("condition", drop=True).loc[order]
        yield f"Micro-F1 by {stratum}:\n"
        yield markdown(f1.reset_index())
