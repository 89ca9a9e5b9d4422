from pathlib import Path

import yaml

from mixtune.publishing.licences import KNOWN, licence_of


def test_the_shipped_models_have_licences(tmp_path):
    root = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
    found = {name: licence_of(entry["hub"]["id"], tmp_path) for name, entry in root["models"].items()}
    assert not [name for name, licence in found.items() if licence.unknown]
    assert found["Llama-3.2-3B-Instruct"].id == "llama3.2"
    assert found["Qwen2.5-3B-Instruct"].name == "qwen-research"
    assert licence_of("owner/other", tmp_path).unknown
    assert {licence.id for licence in KNOWN.values()} == {"apache-2.0", "other", "llama3.2"}
