"""One real cell, short: real weights from the package index, the real CoNLL04, the workflow as a user runs it."""

import json
import os
from pathlib import Path

import pytest
import yaml

REALDATA = os.environ.get("MIXTUNE_REALDATA")


@pytest.mark.network
@pytest.mark.realdata
@pytest.mark.skipif(not REALDATA, reason="MIXTUNE_REALDATA is not set: no real benchmark files here")
def test_a_short_real_cell_learns_conll04(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    (project / "data").mkdir()
    (project / "data" / "conll04").symlink_to(Path(REALDATA) / "conll04")
    example = Path(__file__).resolve().parents[2] / "docs" / "examples" / "conll04.yaml"
    overlay = yaml.safe_load((project / "demo.yaml").read_text())
    for section, values in yaml.safe_load(example.read_text()).items():
        overlay.setdefault(section, {}).update(values)
    overlay["matrix"]["untuned"] = False
    overlay["mixtures"]["conll04"]["max_rows"] = 320
    overlay["training"] |= {"batch_size": 2, "learning_rate": 0.001, "validation_rows": 8}
    overlay["prediction"] |= {"test_rows": 60, "max_new_tokens": 8}
    (project / "tiny.yaml").write_text(yaml.safe_dump(overlay))
    system = "SmolLM2-135M-Instruct/conll04/0-shot/seed-42"
    project.snakemake("--set-threads", "finetune=2", "predict=2", "--", f"results/scores/{system}.json")
    scores = json.loads((project / "results" / "scores" / f"{system}.json").read_text())["scores"]
    score = scores["generic"]["conll04"]
    assert score["n"] == 60
    assert score["micro_f1"] > 0.5, score  # a majority guess gives 0.25
