"""Adapters that exist, cards of those that were tuned, and uploads, as a user of the workflow meets them."""

import json
import re
import shutil

import pytest
import torch
from huggingface_hub import metadata_load
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.upload_hub import serving

TUNED = "tiny/gentune/0-shot/seed-42"
RELEASED = "tiny/gentune/0-shot"


@pytest.fixture
def released(project, tiny):
    """The project with an adapter, saved by plain PEFT, for one of its cells; this cell's own results are gone."""
    torch.manual_seed(1)
    options = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), LoraConfig(**options))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn_like(parameter)
    model.save_pretrained(project / "data/adapter")
    for path in (f"results/adapters/{TUNED}", f"results/predictions/{TUNED}"):
        for file in sorted((project / path).rglob("*.*")):
            file.unlink()
    (project / f"results/scores/{TUNED}.json").unlink()
    adapters = {"gentune": {0: {"origin": "path", "path": "data/adapter"}}}
    project.configure({"models": {"tiny": {"adapters": adapters}}})
    return project


def test_a_cell_with_an_adapter_that_exists_is_evaluated_and_not_tuned(released):
    project = released
    planned = project.planned()
    assert (planned["fetch_adapter"], planned["predict"], planned["score"], planned["aggregate"]) == (1, 1, 1, 1)
    assert planned["finetune"] == planned["render_training"] == planned["card"] == 0
    project.snakemake()
    manifest = json.loads((project / f"results/released/{RELEASED}/manifest.json").read_text())
    assert sorted(manifest["files"]) == ["adapter_config.json", "adapter_model.safetensors"]
    assert len(manifest["warnings"]) == 1  # plain PEFT names the folder of its base
    log = (project / f"logs/predict/{TUNED}.log").read_text()
    assert re.search(
        r"warning: results/released/tiny/gentune/0-shot does not record which chat template .* using '", log
    )
    scores = json.loads((project / f"results/scores/{TUNED}.json").read_text())
    assert {condition: len(found) for condition, found in scores["scores"].items()} == {"generic": 9, "schema": 9}
    report = (project / "reports/README.md").read_text()
    assert f"Evaluated with released adapters, not tuned here: {RELEASED}" in report
    assert not (project / f"results/adapters/{TUNED}/README.md").exists()
    assert project.planned() == {}


def test_its_predictions_are_those_of_the_adapter_and_follow_its_weights(released):
    project = released
    project.snakemake(f"results/scores/{TUNED}.json")
    answers = (project / f"results/predictions/{TUNED}/generic/conll04.parquet").read_bytes()
    twin = project / "results/predictions/tiny/gentune/2-shot/seed-42/generic/conll04.parquet"
    assert answers != twin.read_bytes()
    (project / "data/adapter/adapter_config.json").write_text(
        (project / "data/adapter/adapter_config.json").read_text().replace('"lora_alpha": 4', '"lora_alpha": 16')
    )
    assert project.planned(f"results/scores/{TUNED}.json") == {"fetch_adapter": 1, "predict": 1, "score": 1}


def test_a_mixture_that_nothing_is_tuned_on_is_not_built(released):
    project = released
    both = {shots: {"origin": "path", "path": "data/adapter"} for shots in (0, 2)}
    project.configure({"models": {"tiny": {"adapters": {"gentune": both}}}})
    (project / "results/mixtures/gentune/manifest.json").unlink()
    assert project.planned()["build_mixture"] == 0


def test_an_adapter_that_exists_is_no_other_cells(released):
    output = released.snakemake("results/released/tiny/littune/0-shot/manifest.json", status=1).output
    assert "MissingRuleException" in output


def test_a_missing_adapter_says_what_to_do(released):
    project = released
    (project / "data/adapter/adapter_model.safetensors").unlink()
    output = project.snakemake(f"results/released/{RELEASED}/manifest.json", status=1).output
    assert (
        "data/adapter holds no adapter_model.safetensors"
        in (project / f"logs/fetch_adapter/{RELEASED}.log").read_text()
    )
    assert "Traceback" not in output


def test_a_card_has_the_scores_on_disk_and_follows_them(whole_run, tmp_path):
    project = whole_run[0].copy(tmp_path / "project")
    card = project / f"results/adapters/{TUNED}/README.md"
    metadata = metadata_load(card)
    assert metadata["model-index"][0]["name"] == "tiny-re_gentune-0-shot"
    scores = json.loads((project / f"results/scores/{TUNED}.json").read_text())["scores"]
    values = [metric["value"] for result in metadata["model-index"][0]["results"] for metric in result["metrics"]]
    assert sorted(values) == sorted(round(one["micro_f1"], 4) for by in scores.values() for one in by.values())
    run = json.loads((project / f"results/adapters/{TUNED}/run_card.json").read_text())
    text = card.read_text()
    assert f"| 1, {run['steps']}, {run['examples']} |" in text
    assert "> **Scores on TACRED, SemEval-2010 Task 8," in text
    assert "**The licence of the base model is unknown.**" in text


def test_a_card_makes_no_prediction_stale_and_survives_one(project):
    card = project / f"results/adapters/{TUNED}/README.md"
    card.unlink()
    assert project.planned() == {"card": 1}
    project.snakemake()
    written = card.read_text()
    project.configure({"prediction": {"max_new_tokens": 5}})
    project.snakemake(f"results/scores/{TUNED}.json")
    assert card.read_text() == written
    assert project.planned()["finetune"] == 0


def test_a_base_models_licence_reaches_the_card(project, tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("---\nlicense: llama3.2\n---\n")
    project.configure({"models": {"tiny": {"path": str(tmp_path / "model")}}})
    project.snakemake(f"results/adapters/{TUNED}/README.md")
    folder = project / f"results/adapters/{TUNED}"
    assert "**Built with Llama**" in (folder / "README.md").read_text()
    assert (folder / "NOTICE").read_text().startswith("Llama 3.2 is licensed under the Llama 3.2 Community License")
    assert metadata_load(folder / "README.md")["model-index"][0]["name"] == "Llama-tiny-re_gentune-0-shot"


def test_what_is_exported_or_published_makes_no_result_stale(project):
    project.configure({"export": {"licensed": ["tacred"]}, "publish": {"private": False}})
    assert project.planned() == {}


def test_publish_uploads_nothing_in_a_dry_run_and_everything_otherwise(project):
    project.configure({"publish": {"namespace": "me", "adapters": [TUNED], "mixtures": ["gentune"]}})
    with serving() as hub:
        there = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": None, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
        output = project.snakemake("publish", HF_TOKEN=None, **there).output
        assert "me/tiny-re_gentune-0-shot (model, private, licence other)" in output
        assert "me/re_gentune (dataset, private, licence apache-2.0)" in output
        assert hub.requests == []
        project.configure({"publish": {"dry_run": False}})
        output = project.snakemake("publish", status=1, HF_TOKEN=None, **there).output
        assert "HF_TOKEN: not set" in output
        output = project.snakemake("publish", HF_TOKEN="hf_secret", **there).output
    files = hub.repositories["model", "me/tiny-re_gentune-0-shot"]["files"]
    folder = project / f"results/adapters/{TUNED}"
    assert sorted(files) == sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    assert all(files[name] == (folder / name).read_bytes() for name in files)
    assert 'adapter = "me/tiny-re_gentune-0-shot"' in files["README.md"].decode()
    data = hub.repositories["dataset", "me/re_gentune"]["files"]
    assert {name.partition("/")[0] for name in data} == {"README.md", "data"}
    assert "hf_secret" not in output + (project / "logs/publish.log").read_text()
    assert "Nothing to be done" in project.snakemake("publish", "-n").output
    assert "publish" not in project.planned()  # no part of `all`


def test_publishing_licensed_rows_is_refused(project):
    tacred = {"origin": "path", "path": "resources/sample/tacred", "expect": "any"}
    project.configure(
        {
            "benchmarks": {"tacred": tacred},
            "export": {"licensed": ["tacred"]},
            "publish": {"namespace": "me", "mixtures": ["gentune"]},
        }
    )
    output = project.snakemake("publish", status=1).output
    assert "holds rows of tacred, whose licence does not permit redistribution" in output
