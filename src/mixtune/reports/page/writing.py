"""Writing the page: its sections, its data, its code and its policy, in one file."""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...artifacts.manifests import write_text
from ..experiment import Setup, setup_of
from ..tables.files import training_log
from ..tables.matrix import AVERAGES, KEYS, SIZES
from . import summary
from .charts import draw_all
from .details import LIMITS, behind_scores
from .drawing import Chart
from .embedding import pack, to_json
from .inputs import TABLES, read_tables

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("lib", "table", "colour", "matrix", "score", "charts", "page")
MATRIX_TABLES = ("matrix", "transfer", "scores", "intervals", "published")
SECTIONS = {
    "effects": ("What changes the score", ("shots", "domains", "sizes", "tests", "efficiency"), ()),
    "answers": ("Schema validity", ("validity",), ()),
    "tuning": ("Training", ("training",), ()),
    "data": ("The data", ("mixtures",), ("data", "overlap", "lengths")),
}
PLAIN = {
    "data": "What each split of each benchmark holds",
    "overlap": "Test rows whose text is among the training rows of a mixture",
    "lengths": "Tokens of training rows and prompts, and what was cut",
}
"""Tables that are shown as they are."""


def write_page(settings: Mapping[str, Any], tables: Sequence[Path], logs: Sequence[Path], output: Path) -> None:
    """Write `index.html`.

    Args:
        settings: `setup`.
        tables: CSV files, called as in `inputs.TABLES`; what is not given is named in the page as missing.
        logs: `…/{model}/{mixture}/{shots}-shot/seed-{seed}/training_log.csv` of cells.
        output: The page; its links to the files are relative to its folder.

    Raises:
        UserError: A table is missing without which there is no page, is not known, or lacks a column.
    """
    setup = setup_of(settings["setup"])
    found = read_tables(tables)
    found["matrix"] = _with_systems(found["matrix"], found["scores"])
    paths = {path.stem: path for path in tables}
    files = {name: _file(paths[name], output, TABLES[name].what, len(found[name])) for name in found}
    if logs:
        found["training_log"] = losses = training_log(logs)
        one = logs[0] if len(logs) == 1 else Path(os.path.commonpath(logs)) / "…" / "training_log.csv"
        files["training_log"] = _file(one, output, "training and validation losses", len(losses), glob=len(logs) > 1)
    write_text(output, render(setup, found, files))


def _with_systems(matrix: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The matrix with `system` and `kind` of each row, as the scores have them."""
    facts = scores[["system", "kind", *KEYS]].drop_duplicates()
    return matrix.merge(facts, on=KEYS, how="left", validate="one_to_one").fillna({"system": "", "kind": "cell"})


def _file(path: Path, output: Path, what: str, rows: int, *, glob: bool = False) -> dict[str, Any]:
    href = Path(os.path.relpath(path, output.parent)).as_posix()
    return {"href": href, "shown": href.removeprefix("../"), "what": what, "rows": rows, "glob": glob}


def render(setup: Setup, tables: Mapping[str, pd.DataFrame], files: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as HTML.

    Args:
        setup: What was asked for.
        tables: As `read_tables` gives them; `training_log` as `table_files.training_log` gives it.
        files: Of each table: `href`, `shown`, `what`, `rows`; `glob`, whether it stands for several files.
    """
    drawn = {chart.id: chart for chart in draw_all(tables, setup)}
    sections = [_section(id, *parts, drawn, tables) for id, parts in SECTIONS.items()]
    sections = [section for section in sections if section["charts"] or section["plain"]]
    contents = {"matrix": "The matrix", **{one["id"]: one["title"] for one in sections}, "files": "Sources"}
    script = "\n".join((TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    library, style = _library(), (TEMPLATES / "page.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    environment.filters["sources"] = lambda names: " ".join(files[name]["href"] for name in names)
    return environment.get_template("page.html").render(
        files=files,
        lead=summary.lead(setup, tables["matrix"]),
        facts=summary.facts(setup, tables["matrix"]),
        cards=summary.cards(tables, setup),
        sample=[setup["benchmarks"].get(name, {"title": name})["title"] for name in setup["sample"]],
        contents=contents,
        sections=sections,
        matrix_tables=[name for name in MATRIX_TABLES if name in tables],
        missing=[(name, table.what) for name, table in TABLES.items() if name not in tables],
        limits={name: text for name, text in LIMITS.items() if name in tables},
        data=Markup(to_json(_data(setup, tables, files, list(drawn.values())))),  # noqa: S704 -- escaped by to_json
        library=Markup(library),  # noqa: S704 -- code, as the two below
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        policy=_policy([library, script], style),
    )


@cache
def _library() -> str:
    """Vega-Lite, and what it needs, as one script."""
    return vl_convert.javascript_bundle()


def _section(id, title, charts_of, plain, drawn: Mapping[str, Chart], tables) -> dict[str, Any]:
    return {
        "id": id,
        "title": title,
        "charts": [drawn[name] for name in charts_of if name in drawn],
        "plain": [{"name": name, "title": PLAIN[name]} for name in plain if name in tables],
    }


def _data(setup: Setup, tables, files, drawn: Sequence[Chart]) -> dict[str, Any]:
    """What the scripts read: tables packed as columns, charts, and what they need of the setup."""
    measured = [*KEYS, "benchmark"]
    shown = {
        "matrix": ["system", "kind", *KEYS, *setup["benchmarks"], *AVERAGES, *SIZES, "flagged"],
        "transfer": [*KEYS, *setup["benchmarks"], *AVERAGES],
        "scores": TABLES["scores"].columns,
        "intervals": [*measured, "low", "high", "level"],
        "published": [*measured, "published", "difference", "note"],
        **{name: TABLES[name].columns for name in PLAIN},
    }
    chosen = {name: tables[name] for name in shown if name in tables}
    if "intervals" in chosen:
        chosen["intervals"] = chosen["intervals"][chosen["intervals"]["metric"] == "micro_f1"]
    packed = {name: pack(frame.reindex(columns=shown[name])) for name, frame in chosen.items()}
    packed |= {name: pack(frame, digits=3) for name, frame in behind_scores(tables).items()}
    plain = {name: _columns(tables[name], shown[name]) for name in PLAIN if name in tables}
    return {
        "setup": {key: setup[key] for key in ("benchmarks", "conditions", "seeds", "headline_condition")},
        "files": {name: {key: file[key] for key in ("href", "shown", "glob")} for name, file in files.items()},
        "limits": LIMITS,
        "tables": packed,
        "plain": [{"name": name, "caption": PLAIN[name], "columns": columns} for name, columns in plain.items()],
        "charts": [_chart_data(chart) for chart in drawn],
    }


def _chart_data(chart: Chart) -> dict[str, Any]:
    used = list(dict.fromkeys([*chart.columns, chart.spec["facet"]["field"]]))
    told = {"id": chart.id, "title": chart.title, "tables": chart.tables, "columns": chart.columns}
    return {**told, "table": pack(chart.rows[used]), "spec": chart.spec}


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, str]]:
    def kind(name: str) -> str:
        if name in ("ceiling", "share"):
            return "score"
        return "count" if pd.api.types.is_numeric_dtype(frame[name].dtype) else "text"

    return [{"key": name, "title": name.replace("_", " ").capitalize(), "kind": kind(name)} for name in names]


def _policy(scripts: Sequence[str], style: str) -> str:
    """A Content-Security-Policy that lets exactly these scripts and this style run, and nothing be fetched."""

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {' '.join(map(allowed, scripts))}; style-src {allowed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
