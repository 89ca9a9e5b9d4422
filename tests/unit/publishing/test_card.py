"""Model cards: every number is one on disk, licences are named. Their programs: see test_snippet.py."""

import re

import pytest
from huggingface_hub import metadata_load

from mixtune.artifacts.hub_card import read_licence
from mixtune.artifacts.manifests import write_json, write_manifest
from mixtune.evaluation.scoring import score
from mixtune.publishing.card import adapter_name, card
from mixtune.publishing.licences import Licence
from mixtune.publishing.settings import CardSettings
from tests.unit.publishing.cards import RUN, benchmark, settings, source

LLAMA = (
    "Llama 3.2 is licensed under the Llama 3.2 Community License, Copyright © Meta Platforms, Inc. All Rights Reserved."
)
CITATION = """\
title: mixtune
version: 0.1.0
authors: [{name: The mixtune developers}]
references:
  - title: "Sub-Billion, Super-Frontier"
    authors: [{family-names: Doe, given-names: Ann}, {name: Others}]
    identifiers: [{type: other, value: "arXiv:2606.22606"}]
"""


SCORED = {
    condition: {
        name: score(gold, said, frozenset(), ["a", "b"]) for name, gold, said in (
            ("web", ["a", "b", "a"], said), ("tales", ["a", "b"], ["a", "a"])
        )
    }
    for condition, said in (("generic", ["a", "c", ""]), ("schema", ["a", "b", "a"]))
}  # fmt: skip


MIT = {"id": "mit", "name": "", "link": ""}
OTHER = {"id": "other", "name": "Web's own", "link": ""}


@pytest.fixture
def written(tmp_path, bases):
    """Writes a card from files: `written(settings, name of the base)` gives its metadata, its text and the NOTICE."""

    def write(chosen: CardSettings | None = None, name: str = "maker/tiny", readme: str = "") -> tuple[dict, str, str]:
        base, _ = bases("chatml")
        model, adapter = tmp_path / "model.json", tmp_path / "adapter"
        folder = tmp_path / "base"
        folder.mkdir(exist_ok=True)
        for path in base.iterdir():
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        (folder / "README.md").write_text(readme)
        write_json(model, {"name": name, "folder": str(folder), "licence": read_licence(folder), "files": {}})
        write_json(adapter / "run_card.json", RUN | {"base_model": name})
        write_manifest(adapter / "manifest.json", [adapter / "run_card.json"])
        mixture = {
            "composition": {"train": {"web": {"rows": 70, "share": 1.0}}},
            "licences": {"blog": OTHER, "web": MIT},
        }
        write_json(tmp_path / "mixture.json", mixture)
        system = {
            "system": "s",
            "kind": "cell",
            "model": "tiny",
            "mixture": "own",
            "shots": 2,
            "variant": "default",
            "seed": 7,
        }
        write_json(tmp_path / "scores.json", {**system, "negatives": "paper", "scores": SCORED})
        (tmp_path / "CITATION.cff").write_text(CITATION)
        card(
            chosen or settings(), adapter / "manifest.json", model, tmp_path / "mixture.json", tmp_path / "scores.json",
            tmp_path / "CITATION.cff", adapter / "README.md",
        )  # fmt: skip
        text = (adapter / "README.md").read_text(encoding="utf-8")
        return metadata_load(adapter / "README.md"), text.split("---\n", 2)[2], (adapter / "NOTICE").read_text()

    return write


def table(text: str, title: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by their first cell (and second, where one is no key)."""
    lines = text.partition(f"## {title}\n")[2].splitlines()
    rows = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in lines if line.startswith("| ")]
    return rows


def test_the_metadata_are_those_of_a_peft_adapter(written):
    metadata, text, _ = written()
    results = metadata.pop("model-index")
    assert metadata == {
        "base_model": "maker/tiny",
        "base_model_relation": "adapter",
        "datasets": ["some/web"],
        "language": ["en"],
        "library_name": "peft",
        "license": "other",
        "pipeline_tag": "text-generation",
        "tags": ["relation-extraction", "lora", "mixtune"],
    }
    assert [entry["name"] for entry in results] == ["tiny-re_own-2-shot"]
    assert "\n# tiny-re_own-2-shot\n" in text


def test_the_language_is_that_of_the_sources_or_left_out(written):
    for languages, expected in ((["en", "de"], ["de", "en"]), (["en", ""], None)):
        names = zip(("web", "news"), languages, strict=True)
        chosen = settings(sources=[source(name, language=language) for name, language in names])
        assert written(chosen)[0].get("language") == expected


def test_every_measured_score_is_in_the_metadata_and_in_the_table(written):
    metadata, text, _ = written()
    indexed = {}
    for result in metadata["model-index"][0]["results"]:
        for metric in result["metrics"]:
            condition = metric["name"].rpartition(" ")[2]
            indexed[result["dataset"]["name"], condition] = (
                result["dataset"]["type"], result["dataset"]["args"]["rows"], metric["value"]
            )  # fmt: skip
    shown = {(row[0], row[1]): row[2:] for row in table(text, "Evaluation")[2:6]}
    assert len(indexed) == len(shown) == 4
    for condition, by_benchmark in SCORED.items():
        for name, title, escaped in (("web", "Web", "Web"), ("tales", "Tales <i>|", "Tales &lt;i&gt;\\|")):
            one = by_benchmark[name]
            assert indexed[title, condition] == (f"some/{name}", one["n"], round(one["micro_f1"], 4))
            numbers = [one[key] for key in ("precision", "recall", "micro_f1", "macro_f1", "out_of_schema", "empty")]
            assert shown[escaped, condition] == [str(one["n"]), *(f"{number:.4f}" for number in numbers)]
    assert SCORED["generic"]["web"]["micro_f1"] != SCORED["schema"]["web"]["micro_f1"]
    assert "the paper's wider set of labels" in text


def test_an_adapter_on_all_linear_layers_is_described(written, monkeypatch):
    monkeypatch.setitem(RUN["settings"]["lora"], "targets", "all-linear")
    rows = dict(table(written()[1], "Training")[2:15])
    assert rows["LoRA"] == "rank 64, alpha 128, dropout 0.05, on all linear layers but the head"


def test_the_training_table_is_the_run_card(written):
    _, text, _ = written()
    rows = dict(table(text, "Training")[2:15])
    assert rows["LoRA"] == "rank 64, alpha 128, dropout 0.05, on q_proj, v_proj"
    assert rows["learning rate"] == "1e-05, linear decay after 3% warm-up"
    assert rows["epochs, steps, rows"] == "2, 1,234, 9,876"
    assert rows["trainable parameters"] == "4,567,890"
    assert rows["training loss, validation loss"] == "0.1235, none"
    assert rows["prompt"] == "condition generic, 2 demonstrations"
    assert rows["seed"] == "7"
    assert rows["device"] == "NVIDIA &lt;H100&gt; \\| 80GB, bfloat16, 3,723 seconds, 3.0 GiB at most"
    data = table(text, "Data")
    assert ["Web", "MIT", "some/web", "70"] in data
    assert ["News", "LDC \\| &lt;b&gt;", "local files", "0"] in data


def test_sample_corpora_are_no_benchmarks_anywhere_on_the_card(written):
    chosen = [benchmark("web"), benchmark("tales", sample=True, dataset="tales-sample-corpus")]
    metadata, text, _ = written(settings(benchmarks=chosen))
    assert "> **Scores on Tales are not benchmark results.**" in text
    assert "Scores on Tales are not benchmark results" in text.partition("## Limitations")[2]
    assert {(row[0], row[1]) for row in table(text, "Evaluation")} >= {("Tales (sample corpus)", "schema")}
    sets = {(r["dataset"]["type"], r["dataset"]["name"]) for r in metadata["model-index"][0]["results"]}
    assert sets == {("some/web", "Web"), ("tales-sample-corpus", "Tales (sample corpus)")}
    assert "sample corpora" not in written()[1]


def test_a_cap_on_test_rows_is_on_the_card(written):
    assert "Test rows: a sample of at most 1,000 per benchmark." in written(settings(test_rows=1000))[1]
    assert "Test rows: all." in written()[1]


def test_llama_derivatives_say_so_in_name_card_and_notice(written):
    metadata, text, notice = written(settings(model="my-3b"), name="meta-llama/Llama-3.2-3B-Instruct")
    assert metadata["license"] == "llama3.2"
    assert metadata["model-index"][0]["name"] == "Llama-my-3b-re_own-2-shot"
    assert text.lstrip().startswith("# Llama-my-3b-re_own-2-shot\n\n**Built with Llama**\n")
    assert notice == f"{LLAMA}\n"
    assert LLAMA in text.partition("## Licence")[2]
    named = settings(model="Llama-3.2-3B-Instruct")
    assert adapter_name(named, Licence("llama3.2")) == "Llama-3.2-3B-Instruct-re_own-2-shot"


def test_a_licence_that_is_not_known_is_said_to_be(written):
    metadata, text, notice = written()
    assert metadata["license"] == "other"
    assert "**The licence of the base model is unknown.**" in text
    assert notice == ("This adapter is derived from maker/tiny and is under the licence of that model: unknown.\n")
    assert "Built with Llama" not in text


def test_the_licence_on_disk_goes_before_the_known_one(written, tmp_path):
    card = "---\nlicense: other\nlicense_name: my-own\nlicense_link: https://example.org/a_b|c\n---\n"
    metadata, text, notice = written(name="Qwen/Qwen2.5-0.5B-Instruct", readme=card)
    assert [metadata[key] for key in ("license", "license_name", "license_link")] == [
        "other", "my-own", "https://example.org/a_b|c"
    ]  # fmt: skip
    assert "my-own (https://example.org/a_b\\|c)" in text
    assert "unknown" not in text + notice
    assert written(name="Qwen/Qwen2.5-0.5B-Instruct", readme="---\n: [\n---\n")[0]["license"] == "apache-2.0"


def test_software_and_paper_are_cited(written):
    citation = written()[1].partition("## Citation")[2]
    assert "@software{mixtune,\n  title = {{mixtune}},\n  author = {{The mixtune developers}},\n" in citation
    assert "  title = {{Sub-Billion, Super-Frontier}},\n  author = {Doe, Ann and {Others}},\n" in citation
    assert "  eprint = {2606.22606},\n" in citation
    assert "{}" not in citation


def test_the_same_files_give_the_same_card(written):
    assert written() == written()


def test_statements_of_licences_that_differ_are_shown(written, capsys):
    own = Licence("other", "own | terms", "")
    chosen = settings(licence=own, sources=[source("web"), source("blog"), source("blog", title="New", licence="")])
    metadata, text, notice = written(chosen, readme="---\nlicense: mit\n---\n")
    assert (metadata["license"], metadata["license_name"]) == ("other", "own | terms")
    assert "licence of that model: own | terms." in notice
    assert "**Statements of the base model's licence differ**: own \\| terms is used here; its model card: mit." in text
    assert "warning: licence of maker/tiny: own | terms is used; its model card: mit" in capsys.readouterr().err
    licences = {row[0]: row[1] for row in table(text, "Data")[2:5]}
    assert licences == {
        "Web": "MIT",
        "Blog": "MIT; its hub copy states Web's own",
        "New": "Web's own (by its hub copy)",
    }
