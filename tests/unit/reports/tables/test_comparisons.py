"""The job that writes the table of paired tests; tests/unit/evaluation/test_intervals.py has the tests themselves."""

import pandas as pd

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.evaluation import paired_tests
from mixtune.evaluation.settings import CompareSettings
from mixtune.reports.tables.comparisons import compare


def test_the_job_writes_csv_with_all_digits_and_markdown_with_intervals(tmp_path, monkeypatch):
    values = dict.fromkeys(paired_tests.COLUMNS, 1 / 3) | {"low": 0.25, "high": 0.5, "p_holm": 0.00001}
    monkeypatch.setattr(paired_tests, "compare", lambda *_: pd.DataFrame([values]))
    for path in ("predictions/a", "benchmarks/gids"):
        write_json(tmp_path / path / "manifest.json", {"files": {}})
    write_json(tmp_path / "benchmarks/all.json", {"benchmarks": {"gids": ""}})
    settings = CompareSettings(
        benchmarks={"gids": "general"}, negatives="benchmark", resamples=10, level=0.9, cluster=False, comparisons=[],
        systems={"a": ["schema"]},
    )  # fmt: skip
    table = tmp_path / "comparisons.csv"
    compare(settings, tmp_path / "predictions", tmp_path / "benchmarks/all.json", table)
    assert pd.read_csv(table)["difference"].tolist() == [1 / 3]
    text = table.with_suffix(".md").read_text(encoding="utf-8")
    assert "| 0.333 [0.250, 0.500] |" in text and "| &lt; 0.0001 |" in text
    card = read_json(tmp_path / "run_card_comparisons.json")
    assert card["rule"] == "compare" and len(card["inputs"]) == 2
