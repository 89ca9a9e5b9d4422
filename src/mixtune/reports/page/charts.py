"""The charts of the page: how scores depend on shots, size, cost and domain, what is significant, how runs went."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from ...systems import UNTUNED
from .. import chart_data as rows_of
from ..chart_data import COSTS
from ..experiment import Setup
from .drawing import Chart, bars, marks, panels, points

Tables = Mapping[str, pd.DataFrame]
AVERAGE, F1 = "Overall average", "F1 × 100"
SYSTEM = {"model": "Model", "mixture": "Mixture", "shots": "Shots", "seed": "Seed"}


def draw_all(tables: Tables, setup: Setup) -> list[Chart]:
    """All charts that these tables have something to draw for."""
    drawn = [draw(tables, setup) for draw in (shots, domains, sizes, tests, efficiency, validity, training, mixtures)]
    return [chart for chart in drawn if chart]


def _mixtures(setup: Setup, rows: pd.DataFrame) -> list[str]:
    """The mixtures, and behind them, so that it takes no colour of theirs, `untuned` where it occurs."""
    return [*setup["mixtures"], *([UNTUNED] if UNTUNED in set(rows["mixture"]) else [])]


def _average(field: str = "overall_avg") -> alt.Y:
    return alt.Y(f"{field}:Q", title=f"{AVERAGE}, {F1}", scale=alt.Scale(zero=False))


def shots(tables: Tables, setup: Setup) -> Chart | None:
    """The overall average by number of shots, a panel for each mixture."""
    rows = rows_of.systems(tables, setup)
    if rows["shots"].nunique() < 2:
        return None
    bounded = rows["low"].notna().any()
    columns = SYSTEM | {"overall_avg": AVERAGE} | ({"low": "From", "high": "To"} if bounded else {})
    columns |= {"overall_n": "Benchmarks"}
    by = marks("model", "Model", setup["models"])
    x = alt.X("shots:O", title="Shots", axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.4))
    base = alt.Chart().encode(x=x, color=by["color"])
    layers = [base.mark_line(strokeWidth=1.75).encode(y=_average().aggregate("mean"))]
    layers += [base.mark_rule(opacity=0.6).encode(y=_average("low"), y2="high:Q")] if bounded else []
    layers += [points(base.encode(y=_average()), columns, rows, shape=by["shape"])]
    text = "A line is a model, a panel a mixture. Panels cover different benchmarks, and each has a scale of its own."
    text += " Bars are confidence intervals." if bounded else ""
    spec = panels(layers, "mixture", _mixtures(setup, rows), rows, y="independent")
    used = ["matrix", "intervals"] if bounded else ["matrix"]
    return Chart("shots", "What demonstrations change", text, used, columns, rows, spec)


def domains(tables: Tables, setup: Setup) -> Chart | None:
    """The general against the literary average of every system, a panel for each number of shots."""
    rows, used = rows_of.domains(tables, setup)
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
    systems = points(base, columns, rows, **marks("mixture", "Mixture", _mixtures(setup, rows)))
    text = (
        "A point is a system, a panel a number of shots. On the dashed line both domains score alike; a specialist "
        "lies off it, on the side of the domain that it trains on."
    )
    spec = panels([diagonal, systems], "panel", [f"{n}-shot" for n in sorted(setup["shots"])], rows, height=340)
    return Chart("domains", "Balance between the domains", text, used, columns, rows, spec)


def sizes(tables: Tables, setup: Setup) -> Chart | None:
    """The overall average by size, for families with several sizes."""
    rows = rows_of.sizes(rows_of.systems(tables, setup))
    if rows.empty:
        return None
    columns = {"family": "Family", "millions": "Million parameters"} | SYSTEM | {"overall_avg": AVERAGE}
    axis = alt.Axis(format=",~r", values=sorted(rows["millions"].unique()), labelOverlap=True)
    x = alt.X("millions:Q", title="Million parameters", scale=alt.Scale(type="log", padding=16), axis=axis)
    by = marks("family", "Family", rows["family"])
    base = alt.Chart().encode(x=x, color=by["color"])
    dash = alt.StrokeDash("shots:O", title="Shots")
    lines = base.mark_line(strokeWidth=1.75).encode(y=_average().aggregate("mean"), strokeDash=dash)
    systems = points(base.encode(y=_average()), columns, rows, shape=by["shape"])
    text = (
        "Models of one name, up to its version, by the number of parameters that the name tells (logarithmic axis); a "
        "panel is a mixture and has a scale of its own."
    )
    spec = panels([lines, systems], "mixture", _mixtures(setup, rows), rows, y="independent")
    return Chart("sizes", "Scaling within a family", text, ["matrix"], columns, rows, spec)


def tests(tables: Tables, setup: Setup) -> Chart | None:
    """Differences of overall averages with their intervals, a panel for each family of tests."""
    rows = rows_of.tests(tables, setup)
    if rows.empty:
        return None
    columns = {"family": "Family", "pair": "Pair", "difference": "Difference × 100", "low": "From", "high": "To"}
    columns |= {"p_holm": "p (Holm)", "verdict": "Verdict"}
    by = marks("verdict", None, rows_of.VERDICTS, range=["#2f81d6", "#8b949e"])  # both show on light and on dark
    base = alt.Chart().encode(y=alt.Y("pair:N", title=None, sort=None), color=by["color"])
    x = alt.X("low:Q", title=f"Difference, {F1}")
    zero = alt.Chart().mark_rule(strokeDash=[3, 3], color="gray").encode(x=alt.datum(0))
    spans = base.mark_rule(strokeWidth=1.75).encode(x=x, x2="high:Q")
    pairs = points(base.encode(x="difference:Q"), columns, rows, shape=by["shape"])
    text = (
        "Differences of averages and their intervals; comparisons.csv has those of each benchmark. Right of the dashed "
        "line the system behind the arrow scores more. p-values are adjusted for the tests of a family (Holm). "
        f"Condition: {setup['headline_condition']}."
    )
    spec = panels([zero, spans, pairs], "family", rows["family"].unique(), rows, y="independent")
    return Chart("tests", "Which differences hold", text, ["comparisons"], columns, rows, spec)


def efficiency(tables: Tables, setup: Setup) -> Chart | None:
    """The overall average by each known cost, and the frontier."""
    rows = rows_of.efficiency(tables, setup)
    if rows.empty:
        return None
    columns = {"cost": "Cost", "amount": "Amount"} | SYSTEM | {"overall_avg": AVERAGE, "pareto": "Pareto-optimal"}
    label = "replace(format(datum.value, '~s'), 'G', 'B')"  # a billion parameters
    axis = alt.Axis(labelExpr=label, tickCount=3, labelOverlap=True)
    x = alt.X("amount:Q", title=None, scale=alt.Scale(type="log", padding=12), axis=axis)
    base = alt.Chart().encode(x=x, y=_average())
    frontier = base.transform_filter("datum.pareto == 'yes'")
    frontier = frontier.mark_line(interpolate="step-after", strokeWidth=1.5, color="gray")
    systems = points(base, columns, rows, **marks("model", "Model", setup["models"]))
    text = (
        "Systems over the most benchmarks, by what they cost (logarithmic axes). On the grey line stand those whose "
        "average nothing cheaper reaches."
    )
    spec = panels([frontier, systems], "cost", COSTS.values(), rows, x="independent")
    return Chart("efficiency", "What a score costs", text, ["matrix", "efficiency"], columns, rows, spec)


def validity(tables: Tables, setup: Setup) -> Chart | None:
    """Shares of answers outside the label list and of empty ones, a panel for each condition."""
    rows = rows_of.validity(tables, setup)
    columns = {"condition": "Condition", "systems": "Systems", "answers": "Answers", "share": "Share, %", "n": "Scores"}
    x = alt.X("share:Q", title="Share, %", stack="zero", axis=alt.Axis(tickCount=5))
    stacked = bars(x, "systems", rows, marks("answers", None, rows_of.ANSWERS.values())["color"])
    stacked = stacked.encode(order=alt.Order("answers:N", sort="descending"))
    text = (
        "Plain means over the systems of a model and over all benchmarks, also those that a mixture does not train on. "
        "An answer outside the label list counts as a wrong positive, an empty one as negative."
    )
    spec = panels([stacked], "condition", setup["conditions"], rows)
    title = "Answers outside the label list, and empty ones"
    return Chart("validity", title, text, ["scores"], columns, rows, spec)


def training(tables: Tables, setup: Setup) -> Chart | None:
    """Training and validation loss by epoch, a panel for each model."""
    if "training_log" not in tables:
        return None
    rows = tables["training_log"]
    columns = SYSTEM | {"step": "Step", "epoch": "Epoch", "what": "Loss of", "loss": "Loss"}
    logarithmic = rows["loss"].min() > 0  # a loss of exactly 0 has no logarithm
    scale = alt.Scale(type="log" if logarithmic else "linear", zero=False, nice=False)
    by = marks("mixture", "Mixture", _mixtures(setup, rows))
    base = alt.Chart().encode(
        x=alt.X("epoch:Q", title="Epoch", axis=alt.Axis(format="~r", tickCount=4)),
        y=alt.Y("loss:Q", title="Loss", scale=scale, axis=alt.Axis(format="~r", tickCount=5)),
        color=by["color"],
    )
    lines = base.transform_filter("datum.what == 'training'").mark_line(strokeWidth=1.25)
    lines = lines.encode(strokeDash=alt.StrokeDash("shots:O", title="Shots"), detail="seed:N")
    after = points(base.transform_filter("datum.what == 'validation'"), columns, rows, shape=by["shape"])
    text = "Lines: training loss. Points: validation loss after an epoch, which selects nothing."
    text += " The scale is logarithmic." if logarithmic else ""
    spec = panels([lines, after], "model", setup["models"], rows)
    return Chart("training", "Loss by epoch", text, ["training_log"], columns, rows, spec)


def mixtures(tables: Tables, setup: Setup) -> Chart | None:
    """Training rows of each mixture by benchmark."""
    if "mixtures" not in tables:
        return None
    rows = rows_of.mixtures(tables["mixtures"], setup)
    columns = {"mixture": "Mixture", "title": "Benchmark", "domain": "Domain", "rows": "Training rows"}
    columns |= {"percent": "Share, %"}
    x = alt.X("rows:Q", title="Training rows", axis=alt.Axis(format="~s", tickCount=4))
    by = marks("domain", "Domain", sorted(set(rows["domain"])))
    spec = panels([bars(x, "title", rows, by["color"])], "mixture", setup["mixtures"], rows)
    title = "What the mixtures are made of"
    return Chart("mixtures", title, "Rows of the train split.", ["mixtures"], columns, rows, spec)
