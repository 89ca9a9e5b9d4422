from pathlib import Path

import yaml

from mixtune.publishing.licences import KNOWN, Licence, resolve_licence


def test_the_shipped_models_have_licences():
    root = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
    found = {name: resolve_licence(entry["hub"]["id"], None, None)[0] for name, entry in root["models"].items()}
    assert not [name for name, licence in found.items() if licence.unknown]
    assert found["Llama-3.2-3B-Instruct"].id == "llama3.2"
    assert found["Qwen2.5-3B-Instruct"].name == "qwen-research"
    assert resolve_licence("owner/other", None, None) == (Licence("other"), [])
    assert {licence.id for licence in KNOWN.values()} == {"apache-2.0", "other", "llama3.2"}


def test_the_config_overrides_the_card_and_conflicts_are_listed():
    name, stated = "Qwen/Qwen2.5-0.5B-Instruct", {"id": "mit", "name": "", "link": ""}
    assert resolve_licence(name, None, stated) == (Licence("mit"), ["mixtune's list: apache-2.0"])
    own = Licence("other", "own", "https://example.org")
    assert resolve_licence(name, own, stated) == (own, ["its model card: mit", "mixtune's list: apache-2.0"])
    assert resolve_licence(name, Licence("apache-2.0"), None) == (Licence("apache-2.0"), [])
