"""What the page's charts have in common: panels, points that tell their numbers, marks in one legend, bars."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        id: Names its place in the page.
        title: What it shows, as a heading.
        text: How to read it.
        tables: Where its numbers come from.
        columns: Titles of the columns of `rows`, for the table beside it.
        rows: What is drawn; the specification calls them `rows`.
        spec: The Vega-Lite specification, always of panels; the page sets their size, and colours.
    """

    id: str
    title: str
    text: str
    tables: Sequence[str]
    columns: Mapping[str, str]
    rows: pd.DataFrame
    spec: Mapping[str, Any]


def panels(
    layers: Iterable[alt.Chart], field: str, order: Iterable[Any], rows: pd.DataFrame, height: int = 220, **resolve: str
) -> dict[str, Any]:
    """A specification of a panel for each value of a field that occurs.

    Args:
        layers: What each panel shows.
        field: The column of `rows`.
        order: Of its values.
        height: Pixels of a panel.
        resolve: `x` or `y` as `independent`, where each panel has a scale of its own.
    """
    order = [value for value in order if value in set(rows[field])]
    facet = alt.Facet(field=field, type="nominal", title=None, sort=order)
    chart = alt.layer(*layers, height=height).facet(facet=facet, columns=len(order), data=alt.NamedData("rows"))
    # Panels differ in height, and stand in as many rows as the screen asks for: each has its axis at its foot.
    return chart.resolve_scale(**resolve).resolve_axis(x="independent").to_dict()


def points(base: alt.Chart, columns: Mapping[str, str], rows: pd.DataFrame, **marks: Any) -> alt.Chart:
    """Points whose tooltips tell all columns."""
    fractions = {name for name in columns if pd.api.types.is_float_dtype(rows[name].dtype)}
    kinds = {True: {"type": "quantitative", "format": ",.3~f"}, False: {"type": "nominal"}}
    tips = [alt.Tooltip(field=name, title=title, **kinds[name in fractions]) for name, title in columns.items()]
    return base.mark_point(filled=True, size=60, opacity=1).encode(tooltip=tips, **marks)


def marks(field: str, title: str | None, values: Iterable[Any], **scale: Any) -> dict[str, Any]:
    """Colour and shape by a field, in one legend: that takes domains which are spelt out."""
    domain = list(dict.fromkeys(values))
    kind = {"field": field, "type": "nominal", "title": title}
    return {
        "color": alt.Color(**kind, scale=alt.Scale(domain=domain, **scale)),
        "shape": alt.Shape(**kind, scale=alt.Scale(domain=domain)),
    }


def bars(x: alt.X, names: str, rows: pd.DataFrame, color: alt.Color) -> alt.Chart:
    """Horizontal bars, named by a column in the order of its rows."""
    y = alt.Y(field=names, type="nominal", title=None, sort=list(rows[names].unique()))
    return alt.Chart().mark_bar(height={"band": 0.7}).encode(x=x, y=y, color=color)
