"""Jobs and runs that are killed -9 at random moments: what is started again ends as if nothing had happened."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from mixtune.reports.markdown import markdown
from tests.chaos.kills import EVERYTHING, overlay, torment

LOGS = Path(__file__).resolve().parents[2] / "logs"


@pytest.mark.chaos
def test_killed_runs_end_as_undisturbed_ones(shipped, tiny, tmp_path, request):
    """`make chaos` sets more kills, and keeps the table."""
    chosen, kills = request.config.getoption("kills", None), request.config.getoption("kills", None) or 5
    undisturbed = shipped.copy(tmp_path / "undisturbed")
    (undisturbed / "tiny.yaml").write_text(yaml.safe_dump(overlay(tiny)), encoding="utf-8")
    project = undisturbed.copy(tmp_path / "killed")
    undisturbed.snakemake(*EVERYTHING)
    rows = torment(project, undisturbed, kills=kills, seed=request.config.getoption("kills_seed", 0))
    table = pd.DataFrame(rows).round({"after": 1, "repeated": 1})
    if chosen:
        LOGS.mkdir(exist_ok=True)
        table.to_csv(LOGS / "chaos.csv", index=False)
        (LOGS / "chaos.md").write_text(markdown(table, digits=1), encoding="utf-8")
    print(markdown(table, digits=1))
    print(f"{len(table)} kills; {table['repeated'].sum():.0f} s of work repeated; files lost: {table['lost'].sum()}")
    assert len(table) == kills
    assert not table["lost"].any()
