"""Errors by hand: confused labels, strata that add up to the scores, and samples that are the same for all systems."""

import random

import pandas as pd
import pytest

from mixtune.artifacts.manifests import write_json, write_manifest
from mixtune.data.files import write_examples
from mixtune.errors import UserError
from mixtune.evaluation.scoring import negative_words, score
from mixtune.inference.predictions import write_predictions
from mixtune.reports.settings import AnalyseErrorsSettings
from mixtune.reports.tables.errors import COLUMNS, analyse_errors, tabulate_errors
from tests.unit.reports.score_files import experiment

LABELS = ["kill", "live_in", "work_for", "none"]


@pytest.fixture
def toy(make_example, tmp_path):
    """A benchmark of eight test rows: label, words of the text, characters between the mentions."""
    rows = [
        ("kill", 3, 1),
        ("kill", 3, 1),
        ("live_in", 20, 30),
        ("live_in", 20, 30),
        ("live_in", 300, 30),
        ("work_for", 3, 1),
        ("none", 3, 1),
        ("none", 3, 1),
    ]
    folder = tmp_path / "benchmarks" / "toy"
    folder.mkdir(parents=True)
    test = []
    for number, (label, words, between) in enumerate(rows):
        text = f"Ann{' ' * between}Bob" + " is" * (words - 2)
        test.append(make_example(number, text, "Ann", "Bob", id=f"toy/test/{number}", split="test", relation=label))
    test.append(make_example(8, "Ann Bob is", "Ann B", "nn Bo", id="toy/test/8", split="test", relation="none"))
    test.append(make_example(9, "Ann is", "Ann", "Bob", id="toy/test/9", split="test", relation="work_for"))
    train = [make_example(n, "Ann Bob", "Ann", "Bob", relation="kill" if n < 12 else "live_in") for n in range(13)]
    write_examples(folder / "test.parquet", test)
    write_examples(folder / "train.parquet", train)
    write_json(folder / "labels.json", {"labels": LABELS, "negative": "none"})
    return folder


GOLD = ["kill", "kill", "live_in", "live_in", "live_in", "work_for", "none", "none", "none", "work_for"]
RAW = ["Kill", "live_in", "LIVE_IN", "murder", "Murder", "", "kill", "None", "", "live_in"]


@pytest.fixture
def system(tmp_path):
    """Writes a system's predictions and its score file: `system(name, raw, condition="schema")`."""

    def make(name, raw=RAW, condition="schema", gold=GOLD, order=None):
        order = order or range(len(gold))
        ids = [f"toy/test/{n}" for n in order]
        folder = tmp_path / "predictions" / name
        answers = [(raw[n], None) for n in order]
        golds = {f"toy/test/{n}": label for n, label in enumerate(gold)}
        write_predictions(folder / condition / "toy.parquet", ids, golds, answers, LABELS)
        found = score(gold, raw, negative_words("none", "benchmark"), LABELS)
        facts = {
            "system": name,
            "kind": "cell",
            "model": "m",
            "mixture": "x",
            "shots": 0,
            "variant": "default",
            "seed": 1,
        }
        return {**facts, "negatives": "benchmark", "scores": {condition: {"toy": found}}}, folder

    return make


def bins(table, stratum):
    part = table[table["stratum"] == stratum]
    return {row.bin: (row.n, row.tp, row.fp, row.fn) for row in part.itertuples()}


def test_strata_worked_by_hand(toy, system):
    table = tabulate_errors([system("a")], {"toy": toy}, 5)["strata"]
    # Right are rows 0 and 2; wrong positives 1, 3, 4, 6, 9; missed ones 1, 3, 4, 5, 9.
    assert bins(table, "words of the text") == {
        "0 to 15": (7, 1, 3, 3),
        "16 to 31": (2, 1, 1, 1),
        "256 and more": (1, 0, 1, 1),
    }
    assert bins(table, "characters between the mentions") == {
        "0 to 24": (5, 1, 2, 2),
        "25 to 49": (3, 1, 2, 2),
        "overlapping": (1, 0, 0, 0),
        "unknown": (1, 0, 1, 1),
    }
    assert bins(table, "answer") == {
        "in the schema": (6, 2, 3, 2),
        "outside the schema": (2, 0, 2, 2),
        "empty": (2, 0, 0, 1),
    }
    # kill has 12 rows in train, live_in one; work_for, and murder, which is no label, have none.
    assert bins(table, "rows of the label in train") == {
        "0": (2, 0, 2, 2),
        "1 to 9": (3, 1, 2, 2),
        "10 to 99": (2, 1, 1, 1),
    }
    kill = table[(table["stratum"] == "rows of the label in train") & (table["bin"] == "10 to 99")].iloc[0]
    assert kill["micro_f1"] == pytest.approx(2 / (2 + 1 + 1))
    assert table["micro_f1"].iloc[0] == pytest.approx(2 * 1 / (2 * 1 + 3 + 3))


def test_the_counts_of_every_stratum_add_up_to_the_score(toy, system):
    rng = random.Random(1)
    choices = [*LABELS, "Kill", "", "other", "NONE", "not a label"]
    for number in range(20):
        raw = [rng.choice(choices) for _ in GOLD]
        file, folder = system(f"s{number}", raw)
        table = tabulate_errors([(file, folder)], {"toy": toy}, 5)["strata"]
        whole = file["scores"]["schema"]["toy"]
        for stratum, part in table.groupby("stratum"):
            sums = part[["tp", "fp", "fn"]].sum().to_dict()
            assert sums == {key: whole[key] for key in ("tp", "fp", "fn")}, stratum
            wanted = whole["n"] - 3 if stratum == "rows of the label in train" else whole["n"]  # three are negative
            assert part["n"].sum() == wanted


def test_confused_pairs_are_counted_whatever_their_spelling(toy, system):
    table = tabulate_errors([system("a")], {"toy": toy}, 2)["confusion"]
    found = table[["gold", "predicted", "count", "share"]].itertuples(index=False, name=None)
    # Six answers are wrong; of the pairs that are there once, the first by label is shown.
    assert list(found) == [("live_in", "murder", 2, 2 / 6), ("kill", "live_in", 1, 1 / 6)]


def test_errors_are_sampled_by_id_and_hold_what_is_needed_to_judge_them(toy, system):
    tables = tabulate_errors(
        [system("a"), system("b", order=range(9, -1, -1)), system("c", raw=["kill"] * 10)], {"toy": toy}, 3
    )
    assert {name: list(table.columns) for name, table in tables.items()} == COLUMNS
    errors = tables["errors"]
    drawn = {name: list(part["id"]) for name, part in errors.groupby("system")}
    assert drawn["a"] == drawn["b"]  # whatever the order of the predictions
    assert len(drawn["a"]) == len(set(drawn["a"])) == 3
    wrong = {f"toy/test/{n}" for n in (1, 3, 4, 5, 6, 9)}
    assert set(drawn["a"]) <= wrong
    everything = tabulate_errors([system("a"), system("c", raw=["kill"] * 10)], {"toy": toy}, 99)["errors"]
    order = list(everything.loc[everything["system"] == "a", "id"])
    assert set(order) == wrong and order[:3] == drawn["a"]
    other = list(everything.loc[everything["system"] == "c", "id"])
    assert [id for id in other if id in wrong and id != "toy/test/1"] == [id for id in order if id in other]
    row = everything[(everything["system"] == "a") & (everything["id"] == "toy/test/4")].iloc[0]
    assert (row["gold"], row["predicted"], row["raw"], row["head"], row["tail"]) == (
        "live_in",
        "Murder",
        "Murder",
        "Ann",
        "Bob",
    )
    assert row["text"].startswith("Ann") and row["text"].count(" is") == 298


def test_joined_by_row_order(toy, system):
    """Predictions are joined by id: an order of their own changes nothing, and a strange id is refused."""
    (one, two) = (
        tabulate_errors([system("a", order=order)], {"toy": toy}, 9) for order in (None, [3, 1, 2, 0, 9, 8, 7, 6, 5, 4])
    )
    pd.testing.assert_frame_equal(one["strata"], two["strata"])
    pd.testing.assert_frame_equal(one["errors"], two["errors"])
    with pytest.raises(UserError, match="'toy/test/10' not found in the benchmark's test split"):
        tabulate_errors([system("a", raw=[*RAW, "kill"], gold=[*GOLD, "kill"])], {"toy": toy}, 9)


def test_a_system_without_errors_has_strata_alone(toy, system):
    tables = tabulate_errors([system("a", raw=GOLD)], {"toy": toy}, 9)
    assert len(tables["confusion"]) == len(tables["errors"]) == 0
    assert set(tables["strata"].loc[tables["strata"]["bin"] != "overlapping", "micro_f1"]) == {1.0}


def test_markdown_shows_the_headline_condition_and_texts_as_they_are(toy, system, tmp_path):
    file, folder = system("a", ["<b>|x|</b>"] * 10)
    file["scores"] |= system("a", ["none"] * 10, condition="generic")[0]["scores"]
    write_json(tmp_path / "scores" / "a.json", file)
    for made in (folder, toy):
        write_manifest(made / "manifest.json", list(made.rglob("*.parquet")))
    gathered = toy.parent / "all.json"
    write_json(gathered, {"benchmarks": {"toy": ""}})
    benchmarks = [{"name": "toy", "title": "Toy <b>", "domain": "general"}]
    settings = AnalyseErrorsSettings(setup=experiment(benchmarks=benchmarks), limit=4, systems=["a"])
    analyse_errors(settings, tmp_path / "scores", folder.parent, gathered, tmp_path)
    pages = {name: (tmp_path / f"{name}.md").read_text(encoding="utf-8") for name in COLUMNS}
    assert all("## Toy &lt;b&gt;" in page and "<b>" not in page for page in pages.values())
    assert pages["errors"].count("| &lt;b&gt;\\|x\\|&lt;/b&gt; |\n") == 3  # of ten, of which the CSV file holds four
    assert "| a | live_in | &lt;b&gt;\\|x\\|&lt;/b&gt; | 3 | 0.3000 |" in pages["confusion"]
    assert "| system | outside the schema |\n| --- | ---: |\n| a | 0.0000 |" in pages["strata"]
    rows = pd.read_csv(tmp_path / "errors.csv", keep_default_na=False)
    assert list(rows["condition"]) == ["generic"] * 4 + ["schema"] * 4
    assert set(rows["raw"]) == {"none", "<b>|x|</b>"}
