from mixtune.artifacts.manifests import read_json, write_json
from mixtune.reports.audit import audit
from mixtune.reports.settings import AuditSettings
from mixtune.reports.tables.files import read_table

DOMAINS = dict.fromkeys(["gids", "conll04"], "general")


def test_the_job_writes_all_tables(folders, tmp_path):
    rendered = tmp_path / "rendered/small/prompts/0-shot/manifest.json"
    tokens = {"p50": 5, "p90": 8, "p99": 8, "max": 9}
    write_json(rendered, {"files": {}, "rendered": {"schema/gids": {"rows": 2, "tokens": tokens}}})
    audit(AuditSettings(domains=DOMAINS), [folder / "manifest.json" for folder in folders], [], [rendered], tmp_path)
    assert read_table(tmp_path / "data.csv")["benchmark"].tolist() == ["gids"] * 3 + ["conll04"] * 3
    assert read_table(tmp_path / "lengths.csv")["p90"].tolist() == [8]
    card = read_json(tmp_path / "run_card_data.json")
    assert card["rule"] == "audit" and card["settings"]["domains"] == DOMAINS
    names = ("data", "mixtures", "overlap", "lengths")
    assert set(card["files"]) == {f"{name}.{ending}" for name in names for ending in ("csv", "md")}


# mixtune audit
