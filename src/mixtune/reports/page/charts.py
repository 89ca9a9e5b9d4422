"""Charts of the page: scores by shots, domain, size and cost, significance tests, validity, training, mixtures."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from ...systems import UNTUNED
from .. import chart_data
from ..chart_data import COSTS
from ..experiment import Setup
from .drawing import Chart, bar_layer, colour_and_shape, panel_spec, point_layer

Tables = Mapping[str, pd.DataFrame]
VERDICT_COLOURS = ["#2f81d6", "#8b949e"]  # visible on light and dark backgrounds
AVERAGE, F1 = "Overall average", "F1 × 100"
SYSTEM = {"model": "Model", "mixture": "Mixture", "shots": "Shots", "seed": "Seed"}


def draw_all(tables: Tables, setup: Setup) -> list[Chart]:
    """Return all charts for which these tables have data."""
    charts = (
        shots_chart, domains_chart, sizes_chart, tests_chart, efficiency_chart, validity_chart, training_chart,
        mixtures_chart,
    )  # fmt: skip
    return [chart for draw in charts if (chart := draw(tables, setup))]


def _mixture_order(setup: Setup, rows: pd.DataFrame) -> list[str]:
    """Return the mixtures, followed by `untuned` if it occurs: last, so that colours of mixtures do not change."""
    return [*setup["mixtures"], *([UNTUNED] if UNTUNED in set(rows["mixture"]) else [])]


def _average_axis(field: str = "overall_avg") -> alt.Y:
    return alt.Y(f"{field}:Q", title=f"{AVERAGE}, {F1}", scale=alt.Scale(zero=False))


def shots_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the overall average by number of shots, one panel per mixture."""
    rows = chart_data.systems(tables, setup)
    if len(set(rows["shots"])) < 2:
        return None
    bounded = any(rows["low"].notna())
    columns = SYSTEM | {"overall_avg": AVERAGE} | ({"low": "From", "high": "To"} if bounded else {})
    columns |= {"overall_n": "Benchmarks"}
    by = colour_and_shape("model", "Model", setup["models"])
    x = alt.X("shots:O", title="Shots", axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.4))
    base = alt.Chart().encode(x=x, color=by["color"])
    layers = [base.mark_line(strokeWidth=1.75).encode(y=_average_axis().aggregate("mean"))]
    layers += [base.mark_rule(opacity=0.6).encode(y=_average_axis("low"), y2="high:Q")] if bounded else []
    layers += [point_layer(base.encode(y=_average_axis()), columns, rows, shape=by["shape"])]
    text = "One line per model, one panel per mixture. Panels differ in benchmarks and scale."
    text += " Vertical lines: confidence intervals." if bounded else ""
    spec = panel_spec(layers, "mixture", _mixture_order(setup, rows), rows, y="independent")
    used = ["matrix", "intervals"] if bounded else ["matrix"]
    return Chart("shots", "Effect of demonstrations", text, used, columns, rows, spec)


def domains_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the general and the literary average of every system, one panel per number of shots."""
    rows, used = chart_data.domains(tables, setup)
    if rows.empty:
        return None
    columns = SYSTEM | {"general_avg": "General average", "literary_avg": "Literary average"}
    low = float(rows[["general_avg", "literary_avg"]].min().min() // 10 * 10)
    scale = alt.Scale(domain=[low, 100], nice=False)
    base = alt.Chart().encode(
        x=alt.X("general_avg:Q", title=f"General, {F1}", scale=scale, axis=alt.Axis(tickCount=5)),
        y=alt.Y("literary_avg:Q", title=f"Literary, {F1}", scale=scale),
    )
    ends = alt.Chart(alt.InlineData([{"at": low}, {"at": 100.0}])).encode(x="at:Q", y="at:Q")
    diagonal = ends.mark_line(strokeDash=[4, 4], color="gray", strokeWidth=1)
    systems = point_layer(base, columns, rows, **colour_and_shape("mixture", "Mixture", _mixture_order(setup, rows)))
    text = (
        "One point per system, one panel per number of shots. On the dashed line both averages are equal; specialists "
        "are off the line, towards their training domain."
    )
    spec = panel_spec([diagonal, systems], "panel", [f"{n}-shot" for n in sorted(setup["shots"])], rows, height=340)
    return Chart("domains", "Balance between the domains", text, used, columns, rows, spec)


def sizes_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the overall average by model size, for families with several sizes."""
    rows = chart_data.sizes(chart_data.systems(tables, setup))
    if rows.empty:
        return None
    columns = {"family": "Family", "millions": "Million parameters"} | SYSTEM | {"overall_avg": AVERAGE}
    axis = alt.Axis(format=",~r", values=sorted(rows["millions"].unique()), labelOverlap=True)
    x = alt.X("millions:Q", title="Million parameters", scale=alt.Scale(type="log", padding=16), axis=axis)
    by = colour_and_shape("family", "Family", rows["family"])
    base = alt.Chart().encode(x=x, color=by["color"])
    dash = alt.StrokeDash("shots:O", title="Shots")
    lines = base.mark_line(strokeWidth=1.75).encode(y=_average_axis().aggregate("mean"), strokeDash=dash)
    systems = point_layer(base.encode(y=_average_axis()), columns, rows, shape=by["shape"])
    text = (
        "Models with the same name up to the version, by the number of parameters in the name (logarithmic axis); one "
        "panel per mixture, each with its own scale."
    )
    spec = panel_spec([lines, systems], "mixture", _mixture_order(setup, rows), rows, y="independent")
    return Chart("sizes", "Scaling within model families", text, ["matrix"], columns, rows, spec)


def tests_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return differences of overall averages with their intervals, one panel per family of tests."""
    rows = chart_data.tests(tables, setup)
    if rows.empty:
        return None
    columns = {"family": "Family", "pair": "Pair", "difference": "Difference × 100", "low": "From", "high": "To"}
    columns |= {"p_holm": "p (Holm)", "verdict": "Verdict"}
    by = colour_and_shape("verdict", None, chart_data.VERDICTS, VERDICT_COLOURS)
    base = alt.Chart().encode(y=alt.Y("pair:N", title=None, sort=None), color=by["color"])
    x = alt.X("low:Q", title=f"Difference, {F1}")
    zero = alt.Chart().mark_rule(strokeDash=[3, 3], color="gray").encode(x=alt.datum(0))
    spans = base.mark_rule(strokeWidth=1.75).encode(x=x, x2="high:Q")
    pairs = point_layer(base.encode(x="difference:Q"), columns, rows, shape=by["shape"])
    text = (
        "Differences of averages with confidence intervals; for single benchmarks see comparisons.csv. Right of the "
        "dashed line the system after the arrow scores higher. p-values are Holm-adjusted within a family of tests. "
        f"Condition: {setup['headline_condition']}."
    )
    spec = panel_spec([zero, spans, pairs], "family", rows["family"].unique(), rows, y="independent")
    return Chart("tests", "Significant differences", text, ["comparisons"], columns, rows, spec)


def efficiency_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the overall average by each known cost, with the Pareto front."""
    rows = chart_data.efficiency(tables, setup)
    if rows.empty:
        return None
    columns = {"cost": "Cost", "amount": "Amount"} | SYSTEM | {"overall_avg": AVERAGE, "pareto": "Pareto-optimal"}
    label = "replace(format(datum.value, '~s'), 'G', 'B')"  # a billion parameters
    axis = alt.Axis(labelExpr=label, tickCount=3, labelOverlap=True)
    x = alt.X("amount:Q", title=None, scale=alt.Scale(type="log", padding=12), axis=axis)
    base = alt.Chart().encode(x=x, y=_average_axis())
    front = base.transform_filter("datum.pareto == 'yes'")
    front = front.mark_line(interpolate="step-after", strokeWidth=1.5, color="gray")
    systems = point_layer(base, columns, rows, **colour_and_shape("model", "Model", setup["models"]))
    text = (
        "Systems with the most benchmarks, by cost (logarithmic axes). Grey line: Pareto front, i.e. no cheaper system "
        "has an equal or higher average."
    )
    spec = panel_spec([front, systems], "cost", COSTS.values(), rows, x="independent")
    return Chart("efficiency", "Cost and score", text, ["matrix", "efficiency"], columns, rows, spec)


def validity_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the shares of predictions outside the label list and of empty ones, one panel per condition."""
    rows = chart_data.validity(tables, setup)
    columns = {
        "condition": "Condition",
        "systems": "Systems",
        "answers": "Predictions",
        "share": "Share, %",
        "n": "Scores",
    }
    x = alt.X("share:Q", title="Share, %", stack="zero", axis=alt.Axis(tickCount=5))
    stacked = bar_layer(x, "systems", rows, colour_and_shape("answers", None, chart_data.ANSWERS.values())["color"])
    stacked = stacked.encode(order=alt.Order("answers:N", sort="descending"))
    text = (
        "Unweighted means over the systems of a model and all benchmarks, also those outside the training mixture. "
        "A prediction outside the label list counts as a false positive, an empty one as negative."
    )
    spec = panel_spec([stacked], "condition", setup["conditions"], rows)
    title = "Predictions outside the label list, and empty predictions"
    return Chart("validity", title, text, ["scores"], columns, rows, spec)


def training_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return training and validation loss by epoch, one panel per model."""
    if "training_log" not in tables:
        return None
    rows = tables["training_log"]
    columns = SYSTEM | {"step": "Step", "epoch": "Epoch", "what": "Loss of", "loss": "Loss"}
    logarithmic = all(rows["loss"] > 0)  # a loss of exactly 0 has no logarithm
    scale = alt.Scale(type="log" if logarithmic else "linear", zero=False, nice=False)
    by = colour_and_shape("mixture", "Mixture", _mixture_order(setup, rows))
    base = alt.Chart().encode(
        x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(format="~r", tickCount=4)),
        y=alt.Y("loss:Q", title="Loss", scale=scale, axis=alt.Axis(format="~r", tickCount=5)),
        color=by["color"],
    )
    lines = base.transform_filter("datum.what == 'training'").mark_line(strokeWidth=1.25)
    lines = lines.encode(strokeDash=alt.StrokeDash("shots:O", title="Shots"), detail="seed:N")
    validation = point_layer(base.transform_filter("datum.what == 'validation'"), columns, rows, shape=by["shape"])
    text = "Lines: training loss. Points: validation loss after each epoch (not used for model selection)."
    text += " The scale is logarithmic." if logarithmic else ""
    spec = panel_spec([lines, validation], "model", setup["models"], rows)
    return Chart("training", "Training and validation loss", text, ["training_log"], columns, rows, spec)


def mixtures_chart(tables: Tables, setup: Setup) -> Chart | None:
    """Return the training rows of each mixture by benchmark."""
    if "mixtures" not in tables:
        return None
    rows = chart_data.mixtures(tables["mixtures"], setup)
    columns = {"mixture": "Mixture", "title": "Benchmark", "domain": "Domain", "rows": "Training rows"}
    columns |= {"percent": "Share, %"}
    x = alt.X("rows:Q", title="Training rows", axis=alt.Axis(format="~s", tickCount=4))
    by = colour_and_shape("domain", "Domain", sorted(set(rows["domain"])))
    spec = panel_spec([bar_layer(x, "title", rows, by["color"])], "mixture", setup["mixtures"], rows)
    title = "Composition of the mixtures"
    return Chart("mixtures", title, "Training rows per benchmark.", ["mixtures"], columns, rows, spec)
