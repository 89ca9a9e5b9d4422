"""Shared parts of the page's charts: panels, points with tooltips, legends, bars."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack, cast

import altair as alt
import pandas as pd
from altair import Undefined
from altair.utils.schemapi import UndefinedType


class Facet(TypedDict):
    """The field with one value per panel."""

    field: str


class PanelSpec(TypedDict):
    """A Vega-Lite specification of panels, as far as the page reads it."""

    facet: Facet


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        id: Element id in the page.
        caption: Explanation of its panels, lines and points.
        tables: Names of the tables with its numbers.
        columns: Titles of the columns of `rows`, for the chart's table.
        rows: Its data; named `rows` in the specification.
        spec: Vega-Lite specification, always of panels; the page sets their size and colours.
    """

    id: str
    title: str
    caption: str
    tables: Sequence[str]
    columns: Mapping[str, str]
    rows: pd.DataFrame
    spec: PanelSpec


Scale = Literal["independent", "shared"]


class Channels(TypedDict, total=False):
    """Further channels of points."""

    color: alt.Color
    shape: alt.Shape


class ColourAndShape(TypedDict):
    """The channels of a field that both colour and shape show."""

    color: alt.Color
    shape: alt.Shape


def panel_spec(
    layers: Iterable[alt.Chart],
    field: str,
    order: Iterable[str],
    rows: pd.DataFrame,
    *,
    height: int = 220,
    x: Scale | UndefinedType = Undefined,
    y: Scale | UndefinedType = Undefined,
) -> PanelSpec:
    """Return a specification with one panel for each value of a field that occurs.

    Args:
        layers: Layers of each panel.
        field: A column of `rows`.
        order: Order of its values.
        rows: The data.
        height: Height of a panel in pixels.
        x, y: `independent` if each panel has its own scale.
    """
    order = [value for value in order if value in set(rows[field])]
    facet = alt.Facet(field=field, type="nominal", title=None, sort=order)
    chart = alt.layer(*layers, height=height).facet(facet=facet, columns=len(order), data=alt.NamedData("rows"))
    # Panels differ in height and wrap to the width of the screen: each has its own x axis.
    return cast(PanelSpec, chart.resolve_scale(x=x, y=y).resolve_axis(x="independent").to_dict())


def point_layer(
    base: alt.Chart, columns: Mapping[str, str], rows: pd.DataFrame, **channels: Unpack[Channels]
) -> alt.Chart:
    """Return points with all columns in their tooltips."""
    fractions = {name for name in columns if pd.api.types.is_float_dtype(rows[name].dtype)}
    tooltip = [
        alt.Tooltip(field=name, title=title, type="quantitative", format=",.3~f")
        if name in fractions
        else alt.Tooltip(field=name, title=title, type="nominal")
        for name, title in columns.items()
    ]
    return base.mark_point(filled=True, size=60, opacity=1).encode(tooltip=tooltip, **channels)


def colour_and_shape(
    field: str, title: str | None, values: Iterable[str], colours: Sequence[str] | UndefinedType = Undefined
) -> ColourAndShape:
    """Return colour and shape by a field; explicit domains make Vega-Lite draw one legend for both."""
    domain = list(dict.fromkeys(values))
    return {
        "color": alt.Color(field=field, type="nominal", title=title, scale=alt.Scale(domain=domain, range=colours)),
        "shape": alt.Shape(field=field, type="nominal", title=title, scale=alt.Scale(domain=domain)),
    }


def bar_layer(x: alt.X, names: str, rows: pd.DataFrame, color: alt.Color) -> alt.Chart:
    """Return horizontal bars, named by a column in the order of its rows."""
    y = alt.Y(field=names, type="nominal", title=None, sort=list(rows[names].unique()))
    return alt.Chart().mark_bar(height={"band": 0.7}).encode(x=x, y=y, color=color)
