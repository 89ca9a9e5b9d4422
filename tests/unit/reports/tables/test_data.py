"""Tables of what the data is like, the terminal's view of it, and the figure."""

import json

import pandas as pd
import pytest

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.cli import main
from mixtune.data import REGISTRY
from mixtune.data.build_mixture import build_mixture
from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.data.settings import BuildMixtureSettings
from mixtune.reports.figures.data import draw
from mixtune.reports.latex.typeset import data as typeset_data
from mixtune.reports.tables import data as audits
from mixtune.reports.tables.files import read_table
from mixtune.resources import resource

NAMES = ["gids", "conll04"]
DOMAINS = dict.fromkeys(NAMES, "general")


def test_every_split_of_every_benchmark_has_a_row(folders):
    table = audits.data(folders, DOMAINS)
    assert list(table["benchmark"]) == ["gids"] * 3 + ["conll04"] * 3
    assert list(table["split"]) == ["train", "validation", "test"] * 2
    numbers = read_json(folders[0] / "audit.json")["splits"]["test"]
    row = table.iloc[2]
    assert row["rows"] == numbers["rows"]
    assert row["labels"] == len(numbers["labels"])
    assert row["negatives"] == numbers["labels"]["NA"]
    assert row["ceiling"] == numbers["inputs"]["ceiling"]
    assert row["counts"] == "; ".join(f"{n} × {reason}" for reason, n in sorted(numbers["counts"].items()))
    assert pd.isna(table.iloc[0]["rows_in_train"])


def test_a_warning_is_in_the_row_of_its_split(folders):
    audit = read_json(folders[0] / "audit.json") | {"warnings": ["test has 1 example", "train has 2 examples"]}
    assert [row["warnings"] for row in audits.splits(audit)] == ["train has 2 examples", "", "test has 1 example"]
    assert audits.format_audit(audit).endswith("  warning: test has 1 example\n  warning: train has 2 examples")


def test_texts_of_a_mixture_that_a_test_split_has_are_counted(folders, tmp_path):
    settings = {"mixture": "m", "domains": DOMAINS, "balance": "natural", "max_rows": 10_000, "data_seed": 1}
    manifests = [folder / "manifest.json" for folder in folders]
    build_mixture(BuildMixtureSettings(**settings), manifests, tmp_path / "m" / "manifest.json")
    leaky = tmp_path / "leaky"
    leaky.mkdir()
    (leaky / "train.parquet").write_bytes((folders[1] / "test.parquet").read_bytes())
    table = audits.overlap([tmp_path / "m", leaky], folders).set_index(["mixture", "benchmark"])
    assert table.loc["m"]["shared_rows"].sum() == 0
    assert table.loc["leaky", "gids"]["share"] == 0
    assert table.loc["leaky", "conll04"]["share"] == 1
    rows = read_json(folders[1] / "audit.json")["splits"]["test"]["rows"]
    assert table.loc["leaky", "conll04"]["shared_rows"] == rows


def test_lengths_name_model_use_shots_and_cuts(tmp_path):
    tokens = {"p50": 5, "p90": 8, "p99": 8, "max": 9}
    training = tmp_path / "rendered/small/training/mixtune/2-shot/manifest.json"
    prompts = tmp_path / "rendered/small/prompts/0-shot/manifest.json"
    write_json(training, {"rendered": {"train": {"rows": 3, "longest": 9, "tokens": tokens, "text cut": 1}}})
    write_json(prompts, {"rendered": {"schema/gids": {"rows": 2, "longest": 9, "tokens": tokens}}})
    rows = audits.lengths([training, prompts]).to_dict("records")
    same = {"model": "small", **tokens, "demonstrations_cut": 0}
    assert rows == [
        same | {"use": "training", "shots": 2, "what": "mixtune/train", "rows": 3, "text_cut": 1},
        same | {"use": "prompts", "shots": 0, "what": "schema/gids", "rows": 2, "text_cut": 0},
    ]


def test_the_figure_has_a_row_for_each_benchmark(folders):
    setup = {"benchmarks": {name: {"title": REGISTRY[name].title} for name in NAMES}, "sample": NAMES}
    figure = draw({"data": audits.data(folders, DOMAINS)}, setup)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["GIDS", "CoNLL04"]
    assert len(figure.axes) == 4
    assert figure.texts[0].get_text() == "Sample corpora: no evidence about the benchmarks."


def test_the_command_shows_prepared_benchmarks(folders, capsys):
    main(["audit", "--results", str(folders[0].parent), "gids"])
    out = capsys.readouterr().out
    assert out.startswith("gids\n")
    assert "conll04" not in out
    assert f"{read_json(folders[0] / 'audit.json')['splits']['train']['rows']:,}" in out
    main(["audit", "--results", str(folders[0].parent)])
    assert {"gids", "conll04"} <= set(capsys.readouterr().out.split())


def test_the_command_audits_files_that_no_run_has_seen(capsys):
    folder = str(resource("sample", "gids"))
    with pytest.raises(SystemExit, match="officially 1,864 examples"):
        main(["audit", "gids", "--path", folder])
    main(["audit", "gids", "--path", folder, "--expect", "any"])
    assert "warning: test has 58 examples of 5 labels, officially 5,663" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--results", "nowhere"], "audit not found: nowhere; run the workflow first"),
        (["--results", "nowhere", "gids"], "audit not found: nowhere/gids/audit.json"),
        (["--path", "x"], "--path needs exactly one benchmark"),
    ],
)
def test_the_command_says_what_is_missing(arguments, message):
    with pytest.raises(SystemExit, match=message):
        main(["audit", *arguments])


def test_audits_are_json_all_through(folders):
    audit = read_json(folders[0] / "audit.json")
    assert json.loads(json.dumps(audit)) == audit


@pytest.fixture
def held_out(tmp_path):
    """An evaluation-only benchmark, prepared."""
    (tmp_path / "held_out").mkdir()
    (tmp_path / "test.csv").write_text("text,entity1,entity2,relation\nAnn met Bo.,Ann,Bo,met\n")
    options = {"shares": {}, "seed": 1, "evaluation_only": True, "given_labels": ["met"]}
    write_prepared(prepare("held_out", tmp_path, **options), tmp_path / "held_out")
    return tmp_path / "held_out"


def test_a_train_split_that_is_not_there_is_in_the_table_the_figure_and_the_terminal(folders, held_out):
    table = audits.data([*folders, held_out], {**DOMAINS, "held_out": "literary"})
    train, _, test = table[table["benchmark"] == "held_out"].to_dict("records")
    assert (train["rows"], train["warnings"][:16]) == (0, "train has no row")
    assert test["rows"] == 1 and pd.isna(test["rows_in_train"])
    assert "warning: train has no rows: the benchmark is evaluation-only" in audits.format_audit(
        read_json(held_out / "audit.json")
    )
    setup = {"benchmarks": {name: {"title": name} for name in table["benchmark"]}, "sample": [], "names": {}}
    rows = draw({"data": table}, setup).axes[0]
    assert 0 < rows.get_xlim()[0] <= 1
    assert rows.collections[0].get_offsets().mask[-1].any()  # no marker for no rows


def test_no_share_of_a_train_split_that_is_not_there_is_typeset(folders, held_out, tmp_path):
    path = tmp_path / "data.csv"
    audits.data([*folders, held_out], {**DOMAINS, "held_out": "literary"}).to_csv(path, index=False)
    setup = {"benchmarks": {}, "sample": [], "names": {}, "caps": {"test_rows": None}}
    line = next(line for line in typeset_data({"data": read_table(path)}, setup).splitlines() if "held" in line)
    assert line.count("--") == 1
