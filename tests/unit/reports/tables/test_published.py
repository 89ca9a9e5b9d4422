"""The paper's scores next to ours: what may be compared, and that no published value is lost or changed."""

import csv
import math

import matplotlib.text
import pandas as pd
import pytest

from mixtune.data import REGISTRY
from mixtune.evaluation.scoring import domain_averages
from mixtune.reports.figures.published import draw
from mixtune.reports.figures.style import save
from mixtune.reports.settings import ComparePublishedSettings
from mixtune.reports.tables import published
from mixtune.resources import resource
from tests.unit.reports.score_files import experiment

PAPER = resource("paper")
GENERAL = ["tacred", "semeval2010_task8", "conll04", "nyt11", "gids", "re_docred", "rebel"]
LITERARY = ["biographical", "pg_fiction"]
MIXTURES = {
    name: {"benchmarks": benchmarks}
    for name, benchmarks in {"gentune": GENERAL, "littune": LITERARY, "mixtune": GENERAL + LITERARY}.items()
}
SETUP = {"mixtures": MIXTURES, "sample": [], "benchmarks": {}}
LLAMA = "Llama-3.2-3B-Instruct"


def rows(name):
    with (PAPER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(f1, model=LLAMA, mixture="gentune", shots=0, condition="schema", seed=42, kind="cell", **n):
    """Our scores of one system: `f1` by benchmark, on the paper's test rows."""
    system = f"{model}/{mixture}/{shots}-shot/seed-{seed}"
    keys = {
        "system": system,
        "kind": kind,
        "model": model,
        "mixture": mixture,
        "shots": shots,
        "variant": "default",
        "seed": seed,
    }
    return [
        {
            **keys,
            "condition": condition,
            "benchmark": name,
            "n": n.get(name, REGISTRY[name].copied_rows),
            "micro_f1": value,
        }
        for name, value in f1.items()
    ]


def settings(sample, negatives):
    """Settings of the job, for MIXTURES."""
    mixtures = [{"name": name, **mixture} for name, mixture in MIXTURES.items()]
    setup = experiment(mixtures=mixtures, benchmarks=[], sample=sample)
    return ComparePublishedSettings(setup=setup, negatives=negatives)


def compare(*systems, setup=SETUP, negatives="benchmark", intervals=None):
    columns = [
        "system",
        "kind",
        *published.PAPER_KEYS[1:4],
        "variant",
        "seed",
        "condition",
        "benchmark",
        "n",
        "micro_f1",
    ]
    scores = pd.DataFrame([row for system in systems for row in system], columns=columns)
    return published.compare_scores(scores, published.read_published(PAPER), setup, negatives, intervals)


def one(table, benchmark, **keys):
    """The row of a benchmark or average."""
    for key, value in {"benchmark": benchmark, **keys}.items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_our_aggregation_reproduces_every_published_average():
    domains = {name: benchmark.domain for name, benchmark in REGISTRY.items()}
    averages = rows("published_averages.csv")
    assert len(averages) == 30
    for row in averages:
        keys = ("model", "mixture", "shots", "condition")
        cells = {
            cell["benchmark"]: float(cell["micro_f1"])
            for cell in rows("published_f1.csv")
            if cell["system"] == "tuned" and all(cell[key] == row[key] for key in keys)
        }
        found = domain_averages(cells, domains, list(cells))
        for part in ("general", "literary", "overall"):
            wanted = row[f"{part}_avg"]
            assert (found[part]["value"] is None) == (wanted == "")
            if wanted:
                assert found[part]["value"] == pytest.approx(float(wanted), abs=0.00005 + 1e-12)


def test_every_published_score_is_in_the_table_as_it_was_published():
    table = compare(run(dict.fromkeys(GENERAL, 0.5)), run({"tacred": 0.1}, model="another"))
    expected = [
        (row["model"], row["mixture"], row["shots"], row["benchmark"], float(row["micro_f1"]), row["note"])
        for row in rows("published_f1.csv")
    ]
    cells = table[table["benchmark"].isin(REGISTRY)]
    keys = ["model", "mixture", "shots", "benchmark", "published", "note"]
    found = [
        (*texts, "" if pd.isna(shots) else str(shots), *rest)
        for *texts, shots, benchmark, value, note in cells[keys].itertuples(index=False, name=None)
        for rest in [(benchmark, value, note)]
    ]
    assert sorted(found) == sorted(expected)
    averages = table[~table["benchmark"].isin(REGISTRY)]
    assert sorted(averages["published"]) == sorted(
        float(row[f"{part}_avg"])
        for row in rows("published_averages.csv")
        for part in ("general", "literary", "overall")
        if row[f"{part}_avg"]
    )


def test_published_scores_next_to_ours_worked_by_hand():
    f1 = dict.fromkeys(GENERAL, 0.75) | {"tacred": 0.5, "pg_fiction": 0.9}  # the last one is transfer
    table = compare(run(f1))
    row = one(table, "tacred", model=LLAMA, mixture="gentune", shots=0)
    cell = next(row for row in rows("published_f1.csv") if row["model"] == LLAMA and row["benchmark"] == "tacred")
    assert (cell["mixture"], cell["shots"]) == ("gentune", "0")
    assert (row["ours"], row["published"]) == (0.5, float(cell["micro_f1"]))
    assert row["difference"] == pytest.approx(0.5 - float(cell["micro_f1"]))
    assert (row["n"], row["published_n"], row["seed"]) == (15509, 15509, 42)
    overall = one(table, "overall_avg", model=LLAMA, mixture="gentune", shots=0)
    assert overall["ours"] == pytest.approx((6 * 0.75 + 0.5) / 7)
    assert (overall["published"], overall["n"], overall["published_n"]) == (0.8212, 7, 7)
    assert overall["difference"] == pytest.approx((6 * 0.75 + 0.5) / 7 - 0.8212)
    compared = table[table["ours"].notna()]
    assert set(compared["benchmark"]) == {*GENERAL, "general_avg", "overall_avg"}
    assert set(compared["not_compared"]) == set(compared["differs"]) == {""}
    others = table[table["ours"].isna()]
    assert set(others["not_compared"]) == {"no such run of ours"}
    assert others["difference"].isna().all()


def test_only_the_condition_and_shots_that_were_published_are_compared():
    f1 = dict.fromkeys(GENERAL, 0.5)
    assert compare(run(f1, condition="generic"), run(f1, shots=5), run(f1, kind="untuned"))["ours"].isna().all()


def test_each_seed_is_next_to_the_published_score():
    table = compare(run({"gids": 0.25}, seed=1), run({"gids": 0.5}, seed=2))
    gids = table[(table["benchmark"] == "gids") & table["ours"].notna()]
    assert list(zip(gids["seed"], gids["ours"], strict=True)) == [(1, 0.25), (2, 0.5)]
    assert gids["published"].nunique() == 1


def test_thinking_row_zero():
    """The paper's broken rows stay, flagged, in cells and averages alike; so does a 0.0 of ours."""
    table = compare(run(dict.fromkeys(GENERAL + LITERARY, 0.0), model="SmolLM3-3B", mixture="mixtune"))
    broken = table[(table["model"] == "SmolLM3-3B") & (table["mixture"] == "mixtune") & (table["shots"] == 0)]
    assert set(broken["benchmark"]) == {*GENERAL, *LITERARY, "general_avg", "literary_avg", "overall_avg"}
    assert set(broken["published"]) == set(broken["ours"]) == set(broken["difference"]) == {0.0}
    assert all("emitted thinking tokens" in note for note in broken["note"])
    collapsed = table[
        (table["model"] == "Qwen2.5-3B-Instruct") & (table["mixture"] == "gentune") & (table["shots"] == 0)
    ]
    assert all("wrong-schema" in note for note in collapsed["note"])
    assert len(table[table["note"] != ""]) == len(broken) + len(collapsed) == 12 + 9


def test_average_of_what_exists():
    table = compare(run({name: 0.5 for name in GENERAL if name != "tacred"}))
    row = one(table, "overall_avg", model=LLAMA, mixture="gentune", shots=0)
    assert math.isnan(row["ours"]) and math.isnan(row["difference"])
    assert row["not_compared"] == "no score of ours: TACRED"
    assert one(table, "gids", model=LLAMA, mixture="gentune", shots=0)["ours"] == 0.5


def test_a_sample_corpus_is_compared_with_nothing():
    f1 = dict.fromkeys(GENERAL, 0.5)
    tested = compare(run(f1), setup=SETUP | {"sample": ["gids"], "mixtures": {"gentune": {"benchmarks": ["tacred"]}}})
    for name in ("gids", "general_avg", "overall_avg"):
        row = one(tested, name, model=LLAMA, mixture="gentune", shots=0)
        assert math.isnan(row["ours"]) and math.isnan(row["difference"]) and pd.isna(row["n"])
        assert row["not_compared"] == "tuned or tested on sample corpora: GIDS"
    assert one(tested, "nyt11", model=LLAMA, mixture="gentune", shots=0)["ours"] == 0.5
    tuned = compare(run(f1), setup=SETUP | {"sample": ["gids"]})
    assert tuned["ours"].isna().all()
    row = one(tuned, "nyt11", model=LLAMA, mixture="gentune", shots=0)
    assert row["not_compared"] == "tuned or tested on sample corpora: GIDS"
    assert "tuned or tested on sample corpora: GIDS" in published.format_published(tuned, SETUP)


def test_what_differs_from_the_papers_run_is_noted():
    f1 = dict.fromkeys(GENERAL, 0.5)
    table = compare(run(f1, gids=16), setup=SETUP | {"mixtures": {"gentune": {"benchmarks": ["conll04"]}}})
    keys = {"model": LLAMA, "mixture": "gentune", "shots": 0}
    assert one(table, "gids", **keys)["differs"] == "test rows: GIDS; training benchmarks"
    assert (one(table, "gids", **keys)["n"], one(table, "gids", **keys)["published_n"]) == (16, 5663)
    assert one(table, "overall_avg", **keys)["differs"] == "test rows: GIDS; training benchmarks"
    assert one(table, "nyt11", **keys)["differs"] == "training benchmarks"


def test_an_encoder_is_next_to_the_papers_encoder():
    f1 = {"tacred": 0.5, "gids": 0.5}
    system = run(f1, model="roberta-base", mixture="encoder", kind="encoder", condition="any")
    table = compare(system, setup=SETUP | {"sample": ["gids"]})
    row = one(table, "tacred", model="roberta-base")
    assert (row["ours"], row["published"], row["differs"]) == (0.5, 0.645, "")
    row = one(table, "gids", model="roberta-base")  # tuned on its own train split: a sample elsewhere is no matter
    assert row["not_compared"] == "tuned or tested on sample corpora: GIDS"
    assert "encoder" in words(draw({"published": table}, SETUP))


@pytest.mark.parametrize(("name", "published"), [("GPT-5.4", 0.531), ("Claude-Sonnet-4.6", 0.445)])
def test_a_frontier_model_is_next_to_the_papers_of_its_name(name, published):
    system = run({"tacred": 0.5}, model=name, mixture="frontier", kind="frontier", condition="generic")
    found = compare(system)
    (row,) = found[(found["kind"] == "frontier") & (found["benchmark"] == "tacred") & found["ours"].notna()].to_dict(
        "records"
    )
    assert (row["model"], row["condition"], row["ours"], row["published"]) == (name, "generic", 0.5, published)


def test_an_interval_is_next_to_its_value():
    f1 = dict.fromkeys(GENERAL, 0.5)
    (system,) = {row["system"] for row in run(f1)}
    columns = ["system", "condition", "benchmark", "metric", "value", "low", "high"]
    intervals = pd.DataFrame(
        [
            (system, "schema", "gids", "micro_f1", 0.5, 0.4, 0.6),
            (system, "schema", "gids", "macro_f1", 0.5, 0.1, 0.2),
            (system, "schema", "overall_avg", "micro_f1", 0.7, 0.6, 0.8),  # over other benchmarks than the paper's
            (system, "generic", "nyt11", "micro_f1", 0.5, 0.1, 0.2),
        ],
        columns=columns,
    )
    table = compare(run(f1), intervals=intervals)
    inside = table[table["low"].notna()]
    assert [tuple(row) for row in inside[["benchmark", "low", "high"]].to_numpy()] == [("gids", 0.4, 0.6)]


def test_the_table_reads_back_as_it_was_written_and_says_which_words_are_negative(tmp_path):
    table = compare(run(dict.fromkeys(GENERAL, 0.1 + 0.2)), negatives="paper")
    scores = pd.DataFrame(run(dict.fromkeys(GENERAL, 0.1 + 0.2)))
    scores.to_csv(tmp_path / "scores.csv", index=False)
    published.compare_published(settings([], "paper"), tmp_path / "scores.csv", PAPER, tmp_path)
    pd.testing.assert_frame_equal(published.read_scores(tmp_path / "published.csv"), table, check_exact=True)
    text = (tmp_path / "published.md").read_text(encoding="utf-8")
    assert "negative are the paper's wider set" in text
    assert f"| cell | {LLAMA} | gentune | 0 | schema | Overall | 0.3000 | 0.8212 | -0.5212 | 7 | 7 |" in text
    published.compare_published(settings(["rebel"], "benchmark"), tmp_path / "scores.csv", PAPER, tmp_path)
    text = (tmp_path / "published.md").read_text(encoding="utf-8")
    assert "negative are each benchmark's own" in text
    assert "| cell |" not in text and "- 9: tuned or tested on sample corpora: REBEL" in text


def words(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_the_published_figure_has_a_panel_for_each_compared_benchmark():
    table = compare(run(dict.fromkeys(GENERAL, 0.5)), run({"pg_fiction": 0.5}, mixture="littune"))
    figure = draw({"published": table}, SETUP)
    shown = words(figure)
    for title in ("TACRED", "PG-Fiction", "overall average", "gentune 0-shot", "littune 0-shot"):
        assert shown.count(title) == 1
    assert "Biographical" not in shown
    points = figure.axes[0].collections[1].get_offsets()  # of TACRED, behind its interval
    assert points.tolist() == [[100 * one(table[table["ours"].notna()], "tacred")["published"], 50.0]]


def test_a_broken_run_of_the_paper_is_hollow_in_the_figure():
    f1 = dict.fromkeys(GENERAL + LITERARY, 0.5)
    figure = draw({"published": compare(run(f1, model="SmolLM3-3B", mixture="mixtune"))}, SETUP)
    assert figure.axes[0].collections[1].get_facecolor().tolist() == [[1.0, 1.0, 1.0, 1.0]]
    assert any("Hollow: the paper's own run is broken." in word for word in words(figure))


def test_a_published_figure_without_anything_to_compare_says_why(tmp_path):
    figure = draw({"published": compare(run({"gids": 0.5}), setup=SETUP | {"sample": ["gids"]})}, SETUP)
    (text,) = words(figure)
    assert "No score of ours can be compared" in text and "tuned or tested on sample corpora: GIDS" in text
    assert not figure.axes
    for name in ("one", "two"):
        save(figure, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
