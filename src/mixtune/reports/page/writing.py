"""HTML of the page: sections, embedded data, scripts and Content-Security-Policy."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TypedDict

import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..experiment import Setup, with_variants_as_models
from ..tables.matrix import AVERAGES, KEYS, SIZES
from . import summary
from .charts import draw_all
from .details import LIMITS, score_details
from .drawing import Chart
from .embedding import pack, to_json
from .inputs import TABLES, SourceFile

Tables = Mapping[str, pd.DataFrame]
TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("lib", "table", "colour", "matrix", "score", "charts", "page")
MATRIX_TABLES = ("matrix", "transfer", "scores", "intervals", "published")
SECTIONS = {
    "effects": ("Effects on the score", ("shots", "domains", "sizes", "tests", "efficiency"), ()),
    "answers": ("Schema validity", ("validity",), ()),
    "tuning": ("Training", ("training",), ()),
    "data": ("Data", ("mixtures",), ("data", "overlap", "lengths")),
}
"""Title, charts and plain tables of each section."""
PLAIN = {
    "data": "Contents of each benchmark split",
    "overlap": "Test rows whose text also occurs in the training rows of a mixture",
    "lengths": "Token lengths of training rows and prompts, and truncation",
}
"""Tables that are shown unchanged."""


class _Section(TypedDict):
    id: str
    title: str
    charts: list[Chart]
    plain: list[dict[str, str]]


def render_page(setup: Setup, tables: Tables, files: Mapping[str, SourceFile]) -> str:
    """Return the page as HTML.

    Args:
        setup: The experiment.
        tables: Result of `read_tables`, and optionally `training_log`.
        files: Source file of each table.
    """
    drawn = {chart.id: chart for chart in draw_all(*with_variants_as_models(tables, setup))}
    sections = [_section(id, drawn, tables) for id in SECTIONS]
    sections = [section for section in sections if section["charts"] or section["plain"]]
    contents = {"matrix": "Matrix", **{section["id"]: section["title"] for section in sections}, "files": "Sources"}
    script = "\n".join((TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    library, style = _library(), (TEMPLATES / "page.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    environment.filters["sources"] = lambda names: " ".join(files[name].href for name in names)
    return environment.get_template("page.html").render(
        files=files,
        lead=summary.lead(setup, tables["matrix"]),
        facts=summary.experiment_facts(setup, tables["matrix"]),
        cards=summary.best_averages(tables, setup),
        sample=[setup["benchmarks"].get(name, {"title": name})["title"] for name in setup["sample"]],
        contents=contents,
        sections=sections,
        matrix_tables=[name for name in MATRIX_TABLES if name in tables],
        missing=[(name, table.content) for name, table in TABLES.items() if name not in tables],
        limits={name: text for name, text in LIMITS.items() if name in tables},
        data=Markup(to_json(_data(setup, tables, files, list(drawn.values())))),  # noqa: S704 -- escaped by to_json
        library=Markup(library),  # noqa: S704 -- code, like the two below
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        policy=_policy([library, script], style),
    )


@cache
def _library() -> str:
    """Return Vega-Lite and its dependencies as one script."""
    return vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue] -- the snippet is optional


def _section(id: str, drawn: Mapping[str, Chart], tables: Tables) -> _Section:
    title, charts, plain = SECTIONS[id]
    return {
        "id": id,
        "title": title,
        "charts": [drawn[name] for name in charts if name in drawn],
        "plain": [{"name": name, "title": PLAIN[name]} for name in plain if name in tables],
    }


def _data(setup: Setup, tables: Tables, files: Mapping[str, SourceFile], drawn: Sequence[Chart]) -> dict[str, object]:
    """Return the data of the scripts: packed tables, charts, and parts of the setup."""
    score_keys = [*KEYS, "benchmark"]
    shown = {
        "matrix": ["system", "kind", *KEYS, *setup["benchmarks"], *AVERAGES, *SIZES, "flagged"],
        "transfer": [*KEYS, *setup["benchmarks"], *AVERAGES],
        "scores": TABLES["scores"].columns,
        "intervals": [*score_keys, "low", "high", "level"],
        "published": [*score_keys, "published", "difference", "note"],
        **{name: TABLES[name].columns for name in PLAIN},
    }
    frames = {name: tables[name] for name in shown if name in tables}
    if "intervals" in frames:
        frames["intervals"] = frames["intervals"].loc[frames["intervals"]["metric"] == "micro_f1"]
    packed = {name: pack(frame.reindex(columns=shown[name])) for name, frame in frames.items()}
    packed |= {name: pack(frame, digits=3) for name, frame in score_details(tables).items()}
    plain = {name: _columns(tables[name], shown[name]) for name in PLAIN if name in tables}
    return {
        "setup": {key: setup[key] for key in ("benchmarks", "conditions", "seeds", "headline_condition")},
        "files": {name: asdict(file) for name, file in files.items()},
        "limits": LIMITS,
        "tables": packed,
        "plain": [{"name": name, "caption": PLAIN[name], "columns": columns} for name, columns in plain.items()],
        "charts": [_chart_data(chart) for chart in drawn],
    }


def _chart_data(chart: Chart) -> dict[str, object]:
    used = list(dict.fromkeys([*chart.columns, chart.spec["facet"]["field"]]))
    heading = {"id": chart.id, "title": chart.title, "tables": chart.tables, "columns": chart.columns}
    return {**heading, "table": pack(chart.rows.loc[:, used]), "spec": chart.spec}


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, str]]:
    def kind(name: str) -> str:
        if name in ("ceiling", "share"):
            return "score"
        return "count" if pd.api.types.is_numeric_dtype(frame[name].dtype) else "text"

    return [{"key": name, "title": name.replace("_", " ").capitalize(), "kind": kind(name)} for name in names]


def _policy(scripts: Sequence[str], style: str) -> str:
    """Return a Content-Security-Policy that allows exactly these scripts and this style, and no requests."""

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {' '.join(map(allowed, scripts))}; style-src {allowed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
