"""What systems cost, from their run cards."""

from pathlib import Path

import pandas as pd
import pytest

from mixtune.artifacts.manifests import write_json
from mixtune.reports.settings import CompareEfficiencySettings
from mixtune.reports.tables.efficiency import COLUMNS, compare_efficiency, efficiency
from tests.unit.reports.score_files import experiment

TUNED, BARE = "small/mixtune/2-shot/seed-42", "small/untuned/2-shot/seed-0"
KEYS = {"model": "small", "shots": 2, "variant": "default", "condition": "schema"}
SYSTEMS = pd.DataFrame(
    [
        {"system": TUNED, **KEYS, "mixture": "mixtune", "seed": 42, "overall_avg": 0.75, "overall_n": 9},
        {"system": BARE, **KEYS, "mixture": "untuned", "seed": 0, "overall_avg": 0.03, "overall_n": 9},
    ]
)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders by name: of a model of 360 million parameters, its adapter, and two systems' predictions."""
    monkeypatch.chdir(tmp_path)
    model, adapter, tuned, bare = (
        tmp_path / "results" / part / "manifest.json"
        for part in ("models/small", f"adapters/{TUNED}", f"predictions/{TUNED}", f"predictions/{BARE}")
    )
    write_json(model, {"parameters": 360_000_000, "files": {}})
    training = {"trainable_parameters": 8_000, "seconds": 120.5, "examples_per_second": 64.0, "device": "cpu"}
    write_json(adapter.parent / "run_card.json", training | {"peak_gpu_bytes": None, "settings": {"r": 16}})
    (adapter.parent / "adapter_model.safetensors").write_bytes(b"x" * 1234)
    write_json(tuned.parent / "run_card.json", {"seconds": 50.0, "examples_per_second": 12.5, "peak_rss_bytes": 2**31})
    bare.parent.mkdir(parents=True)
    found = {"small": model}, {TUNED: adapter}, {TUNED: tuned, BARE: bare}
    return [{name: path.relative_to(tmp_path).parent for name, path in of.items()} for of in found]


def test_costs_come_from_cards_and_files(folders):
    table = efficiency(SYSTEMS, *folders)
    assert list(table.columns) == COLUMNS
    row = table.iloc[0].dropna().to_dict()
    assert row == {
        **SYSTEMS.iloc[0].to_dict(),
        "base_parameters": 360_000_000,
        "adapter_bytes": 1234,
        "trainable_parameters": 8_000,
        "device": "cpu",
        "seconds": 120.5,
        "examples_per_second": 64.0,
        "prediction_seconds": 50.0,
        "prediction_examples_per_second": 12.5,
        "prediction_peak_rss_bytes": 2**31,
        "f1_per_billion": pytest.approx(0.75 / 0.36),
    }


def test_what_no_card_holds_is_blank(folders):
    row = efficiency(SYSTEMS, *folders).iloc[1].dropna().to_dict()
    assert row == {
        **SYSTEMS.iloc[1].to_dict(),
        "base_parameters": 360_000_000,
        "f1_per_billion": pytest.approx(0.03 / 0.36),
    }
    nothing = efficiency(SYSTEMS, {}, {}, {})
    assert set(nothing.dropna(axis="columns").columns) == set(SYSTEMS.columns)


def test_the_table_holds_the_headline_average_of_each_system(folders, tmp_path):
    averages = {"general_avg": 0.8, "literary_avg": 0.7, "general_n": 7, "literary_n": 2, "missing": "", "flagged": ""}
    matrix = SYSTEMS.drop(columns="system").assign(**averages)
    pd.concat([matrix, matrix.assign(condition="generic", overall_avg=0.5)]).to_csv(tmp_path / "m.csv", index=False)
    scores = pd.concat([SYSTEMS, SYSTEMS, SYSTEMS.assign(condition="generic")]).assign(benchmark="gids")
    scores.to_csv(tmp_path / "s.csv", index=False)
    settings = CompareEfficiencySettings(setup=experiment(), systems=[TUNED, BARE], tuned=[TUNED])
    results, models = Path("results"), [Path("results/models/small/manifest.json")]
    tables = tmp_path / "m.csv", tmp_path / "s.csv"
    compare_efficiency(settings, *tables, models, results / "adapters", results / "predictions", tmp_path)
    table = pd.read_csv(tmp_path / "efficiency.csv")
    assert list(table["system"]) == [TUNED, BARE]
    assert list(table["overall_avg"]) == [0.75, 0.03]
    text = (tmp_path / "efficiency.md").read_text(encoding="utf-8").splitlines()
    assert text[0].startswith("| Model | Mixture | Shots | Base parameters | Adapter bytes | Trainable parameters |")
    assert "Peak gpu bytes" not in text[0]  # on a CPU, no card holds it
    assert text[2].startswith("| small | mixtune | 2 | 360000000 | 1234 | 8000 | cpu | 120.5000 |")
    assert text[2].endswith("| 0.7500 | 9 | 2.0833 |")
