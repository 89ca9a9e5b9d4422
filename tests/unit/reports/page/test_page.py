"""What the page embeds, cuts down and names as missing; tests/browser tries it in a browser."""

import json
import re

import altair as alt
import pandas as pd
import pytest
import vl_convert

from mixtune.errors import UserError
from mixtune.reports.experiment import setup_of
from mixtune.reports.page import details
from mixtune.reports.page.charts import draw_all
from mixtune.reports.page.inputs import TABLES, read_tables
from mixtune.reports.page.page import page as write_page
from mixtune.reports.settings import PageSettings
from mixtune.reports.tables import matrix as matrices
from mixtune.reports.tables import scores as tables

SETTINGS = {
    "templates": {},
    "setup": {
        "models": ["NA", "Tiny-135M"],
        "mixtures": [
            {"name": "gentune", "benchmarks": ["gids"]},
            {"name": "mixtune", "benchmarks": ["gids", "pg_fiction"]},
        ],
        "shots": [0, 2],
        "variants": ["default"],
        "seeds": [42],
        "conditions": ["generic", "schema"],
        "benchmarks": [
            {"name": "gids", "title": "GIDS", "domain": "general"},
            {"name": "pg_fiction", "title": "PG-Fiction", "domain": "literary"},
        ],
        "headline_condition": "schema",
        "caps": {"test_rows": 16, "max_rows": {"mixtune": 2000}},
        "domains": {},
        "sample": [],
        "released": [],
        "names": {},
    },
}
SETUP = setup_of(PageSettings.model_validate(SETTINGS).setup)
LABEL = {"support": 4, "tp": 2, "fp": 1, "fn": 2, "precision": 2 / 3, "recall": 0.5, "f1": 4 / 7}


def one(f1):
    ratios = dict.fromkeys(["precision", "recall", "micro_f1", "macro_f1", "accuracy"], f1)
    counts = {"n": 8, "tp": 2, "fp": 1, "fn": 2}
    return {**counts, **ratios, "out_of_schema": 0.25, "empty": 0.0, "per_class": {"NA": LABEL, "</script>": LABEL}}


def file(model, mixture, shots, general, literary):
    scores = {c: {"gids": one(general), "pg_fiction": one(literary)} for c in ("generic", "schema")}
    system = f"{model}/{mixture}/{shots}-shot/seed-42"
    return {
        "system": system, "kind": "cell", "model": model, "mixture": mixture, "shots": shots,
        "variant": "default", "seed": 42,
        "negatives": "benchmark", "scores": scores,
    }  # fmt: skip


FILES = [
    file("NA", "gentune", 0, 0.5, 0.25),
    file("NA", "gentune", 2, 0.75, 0.25),
    file("NA", "mixtune", 0, 0.5, 0.5),
    file("Tiny-135M", "mixtune", 2, 0.625, 0.75),
]


@pytest.fixture
def folder(tmp_path):
    """The tables of these scores, as the workflow writes them."""
    place = tmp_path / "reports" / "tables"
    place.mkdir(parents=True)
    long = tables.scores(FILES)
    frames = {"matrix": matrices.matrix(long, SETUP), "transfer": matrices.transfer(long, SETUP), "scores": long}
    for name, frame in (frames | {"per_class": tables.per_class(FILES)}).items():
        frame.to_csv(place / f"{name}.csv", index=False)
    return tmp_path


def page(folder, *more, logs=()):
    files = [*sorted((folder / "reports/tables").glob("*.csv")), *more]
    write_page(PageSettings.model_validate(SETTINGS), files, logs, folder / "reports" / "index.html")
    return (folder / "reports" / "index.html").read_text(encoding="utf-8")


def embedded(text):
    return json.loads(re.search(r'<script type="application/json" id="embedded">(.*?)</script>', text)[1])


def column(table, name):
    values = table["columns"][name]
    return [values["of"][at] for at in values["at"]] if isinstance(values, dict) else values


def test_the_page_holds_the_tables_and_says_what_is_missing(folder):
    text = page(folder)
    data = embedded(text)
    assert column(data["tables"]["matrix"], "model") == [*["NA"] * 3, "Tiny-135M"] * 2
    assert column(data["tables"]["matrix"], "pg_fiction")[:4] == [None, None, 0.5, 0.75]
    assert column(data["tables"]["per_class"], "label")[:2] == ["</script>", "NA"]
    absent = set(re.findall(r"<li><code>(\w+)\.csv</code>", text))
    assert absent == TABLES.keys() - {"matrix", "transfer", "scores", "per_class"}
    for name in ("matrix", "transfer", "scores", "per_class"):
        assert data["files"][name]["href"] == f"tables/{name}.csv"
        assert f'<a href="tables/{name}.csv">' in text


def test_the_same_tables_give_the_same_page(folder):
    assert page(folder) == page(folder)


def test_the_first_screen_says_what_was_run_and_what_is_best(folder):
    words = re.sub(r"<[^>]+>|\s+", " ", page(folder))
    words = re.sub(r" +", " ", words)
    assert "2 base models × 2 training mixtures × 2 numbers of shots × 1 seed: 4 cells, each evaluated on 2" in words
    assert "Best overall average 68.8 Tiny-135M mixtune 2-shot F1 × 100, mean of 2 benchmarks." in words
    assert "Best general average 75.0 NA gentune 2-shot F1 × 100, mean of 1 benchmark." in words
    assert "Best literary average 75.0 Tiny-135M mixtune 2-shot" in words
    assert "at most 16 per benchmark" in words
    assert "These are not benchmark results" not in words


def test_sample_corpora_are_warned_of(folder):
    settings = PageSettings.model_validate({"templates": {}, "setup": SETTINGS["setup"] | {"sample": ["gids"]}})
    output = folder / "reports" / "index.html"
    write_page(settings, sorted((folder / "reports/tables").glob("*.csv")), [], output)
    words = " ".join(output.read_text(encoding="utf-8").split())
    assert "<strong>These are not benchmark results.</strong> The data of GIDS are small sample corpora." in words


def test_nothing_is_fetched_and_nothing_else_may_run(folder):
    text = page(folder)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy
    text = re.sub(r"<script.*?</script>", "<script></script>", text, flags=re.DOTALL)
    assert not re.findall(r'<(?:script|link|img|iframe)[^>]* (?:src|href)="', text)
    assert not re.findall(r"@import|url\(", re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1])


def test_a_table_that_is_not_whole_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match=r"matrix\.csv: missing table, which the page requires"):
        read_tables([folder / "reports/tables/scores.csv"])
    (tmp_path / "published.csv").write_text("model,mixture\nNA,gentune\n")
    with pytest.raises(UserError, match=r"published\.csv: missing column\(s\) shots, variant, seed"):
        page(folder, tmp_path / "published.csv")
    (tmp_path / "strange.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"strange\.csv: unknown table; must be one of matrix, scores"):
        page(folder, tmp_path / "strange.csv")


def test_null_label(tmp_path):
    """Labels that look like numbers or missing values stay what they are."""
    header = ",".join(TABLES["confusion"].columns)
    (tmp_path / "confusion.csv").write_text(
        f"{header}\ns,m,x,0,default,42,schema,gids,NA,1.50,7\ns,m,x,0,default,,schema,gids,,nan,8\n"
    )
    for name in ("matrix", "scores"):
        (tmp_path / f"{name}.csv").write_text(",".join(TABLES[name].columns) + "\n")
    frame = read_tables(tmp_path.glob("*.csv"))["confusion"]
    assert frame[["gold", "predicted"]].values.tolist() == [["NA", "1.50"], ["", "nan"]]
    assert frame["count"].tolist() == [7, 8]
    assert frame["seed"].isna().tolist() == [False, True]


def example(text, head, tail, **offsets):
    return {"text": text, "head": head, "tail": tail, **offsets}


def test_what_is_behind_a_score_is_cut_down_as_the_page_says(folder):
    found = read_tables((folder / "reports/tables").glob("*.csv"))
    keys = {
        "system": FILES[0]["system"],
        "model": "NA",
        "mixture": "gentune",
        "shots": 0,
        "variant": "default",
        "seed": 42,
    }
    keys |= {"condition": "schema", "benchmark": "gids"}
    invented = [{**keys, "label": f"L{n}", **LABEL, "support": 0, "fp": n} for n in range(20)]
    wrong = [{**keys, "gold": "a", "predicted": f"L{n}", "count": n} for n in range(30)]
    errors = [
        {**keys, "id": f"gids/test/{n}", **example("Ada Bob", "Ada", "Bob"), "gold": "a", "predicted": "b"}
        for n in range(9)
    ]
    cut = details.score_details(
        found | {"per_class": pd.DataFrame(invented), "confusion": pd.DataFrame(wrong), "errors": pd.DataFrame(errors)}
    )
    assert set(cut["per_class"]["label"]) == {f"L{n}" for n in range(12, 20)}
    assert list(cut["confusion"]["count"]) == list(range(29, 9, -1))
    assert len(cut["errors"]) == details.ERRORS
    place = cut["errors"]["score"].unique()
    assert len(place) == 1
    assert found["scores"].iloc[place[0]][list(keys)].to_dict() == keys
    more = pd.DataFrame([{**row, "system": FILES[1]["system"], "shots": 2} for row in errors])
    again = details.score_details(found | {"errors": pd.concat([pd.DataFrame(errors), more])})["errors"]
    drawn = [set(ids) for _, ids in again.groupby("score")["id"]]
    assert len(drawn) == 2 and drawn[0] == drawn[1]


def test_training_logs_are_drawn_with_the_cell_that_their_path_names(folder):
    log = folder / "results/adapters/NA/mixtune/2-shot/seed-42/training_log.csv"
    log.parent.mkdir(parents=True)
    log.write_text(
        "step,epoch,loss,learning_rate,grad_norm,eval_loss\n1,0.5,2.0,0.1,1,\n2,1.0,1.5,0.1,1,\n2,1.0,,,,1.25\n"
    )
    data = embedded(page(folder, logs=[log]))
    chart = next(chart for chart in data["charts"] if chart["id"] == "training")
    assert column(chart["table"], "loss") == [2.0, 1.5, 1.25]
    assert column(chart["table"], "what") == ["training", "training", "validation"]
    assert column(chart["table"], "mixture") == ["mixtune"] * 3
    assert data["files"]["training_log"]["href"] == "../results/adapters/NA/mixtune/2-shot/seed-42/training_log.csv"


def test_charts_are_of_the_version_that_is_bundled(folder):
    assert alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0] == vl_convert.get_vegalite_versions()[-1]
    found = read_tables((folder / "reports/tables").glob("*.csv"))
    assert {chart.id for chart in draw_all(found, SETUP)} == {"shots", "domains", "validity"}
