"""The job that writes the tables of scores and the README."""

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.reports.aggregate import aggregate
from mixtune.reports.settings import AggregateSettings
from mixtune.reports.tables.files import read_table
from tests.unit.reports.score_files import BASE, F1, experiment, file_of


def test_scores_on_disk_become_tables_and_a_readme(tmp_path):
    files = {file["system"]: file for file in (file_of("gentune", F1), file_of("untuned", BASE))}
    for system, file in files.items():
        write_json(tmp_path / "scores" / f"{system}.json", file)
    interval = {"system": "small/gentune/0-shot/seed-42", "condition": "schema", "benchmark": "gids"}
    interval |= {
        "metric": "micro_f1",
        "value": 0.75,
        "low": 0.5,
        "high": 1.0,
        "sd": None,
        "seeds": 1,
        "n": 8,
        "units": 8,
    }
    arm = {"arm": "small/gentune/0-shot", "systems": [interval["system"]], "cluster": False, "level": 0.9}
    write_json(tmp_path / "intervals.json", [arm | {"resamples": 100, "intervals": [interval]}])
    readme, settings = tmp_path / "reports/README.md", AggregateSettings(setup=experiment(), systems=list(files))
    aggregate(settings, tmp_path / "scores", [tmp_path / "intervals.json"], readme)
    text = readme.read_text(encoding="utf-8")
    assert "| small | gentune | 0 | 0.5000 | 0.750 [0.500, 1.000] |" in text
    assert "90 % confidence interval" in text and "100 resamples of its rows" in text
    tables = readme.parent / "tables"
    assert read_table(tables / "matrix.csv")["mixture"].tolist() == ["untuned", "gentune"]
    assert len(read_table(tables / "scores.csv")) == 6 and len(read_table(tables / "transfer.csv")) == 1
    card = read_json(tables / "run_card.json")
    assert card["rule"] == "aggregate" and card["seeds"] == {"training": [42]}
    assert len(card["inputs"]) == 3 and len(card["files"]) == 2 * 5
