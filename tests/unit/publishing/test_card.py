"""Adapter cards: the program on them runs and asks what was trained, every number is one on disk, terms are told."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import metadata_load

from mixtune.artifacts.manifests import write_json, write_manifest
from mixtune.evaluation.scoring import score
from mixtune.models.qlora import Device, add_adapter, load_base
from mixtune.models.settings import LoraSettings
from mixtune.prompts.chat_template import Renderer, folder_renderer
from mixtune.prompts.rendering import render
from mixtune.publishing.card import adapter_name, write_card
from mixtune.publishing.licences import KNOWN, Licence, licence_of
from mixtune.publishing.snippet import DEMONSTRATIONS, QUERY, snippet

FLOAT32 = Device("cpu", torch.float32, "a test says so")
LABELS = ["Work_For", "Kill", "OrgBased_In", "Live_In", "Located_In"]  # CoNLL04's
LLAMA = (
    "Llama 3.2 is licensed under the Llama 3.2 Community License, Copyright © Meta Platforms, Inc. All Rights Reserved."
)
RUN = {
    "base_model": "maker/tiny",
    "base_model_commit": None,
    "template_hash": "a" * 64,
    "settings": {
        "epochs": 2.0, "learning_rate": 1e-05, "warmup": 0.03, "weight_decay": 0.01, "batch_size": 8, "seed": 7,
        "lora": {"r": 64, "alpha": 128, "dropout": 0.05, "targets": ["q_proj", "v_proj"]},
    },
    "device": "NVIDIA <H100> | 80GB", "dtype": "torch.bfloat16", "micro_tokens": 4096, "seconds": 3723.4,
    "peak_gpu_bytes": 3 * 2**30, "versions": {"torch": "2.9", "peft": "0.21"},
    "steps": 1234, "train_loss": 0.12345, "validation_loss": None, "examples": 9876, "trainable_parameters": 4567890,
}  # fmt: skip
CITATION = """\
title: mixtune
version: 0.1.0
authors: [{name: The mixtune developers}]
references:
  - title: "Sub-Billion, Super-Frontier"
    authors: [{family-names: Doe, given-names: Ann}, {name: Others}]
    identifiers: [{type: other, value: "arXiv:2606.22606"}]
"""


def benchmark(name: str, **changed) -> dict:
    return {"name": name, "title": name.capitalize(), "dataset": f"some/{name}", "sample": False} | changed


def source(name: str, **changed) -> dict:
    facts = {"name": name, "title": name.capitalize(), "origin": "hub", "hub": f"some/{name}"}
    return facts | {"licence": "MIT", "redistributable_as": "mit", "asked_for": False} | changed


def settings(**changed) -> dict:
    return {
        "model": "tiny", "mixture": "own", "shots": 2, "namespace": None, "condition": "generic", "max_length": 1024,
        "max_new_tokens": 8, "test_rows": None, "sources": [source("web"), source("news", licence="LDC | <b>", hub="")],
        "benchmarks": [benchmark("web"), benchmark("tales", title="Tales <i>|")],
    } | changed  # fmt: skip


def conversation(shots: int, make_example):
    """The card's question as an example, and its demonstrations as the only ones that may be drawn."""
    text, head, tail = QUERY
    shown = [make_example(n, *demo[:3], relation=demo[3]) for n, demo in enumerate(DEMONSTRATIONS[:shots], 1)]
    return make_example(0, text, head, tail), shown


def expected_ids(renderer: Renderer, shots: int, condition: str, make_example) -> list[int]:
    """The prompt's ids by the code that renders training rows: its demonstrations may come in another order."""
    example, shown = conversation(shots, make_example)
    options = {"condition": condition, "shots": shots, "max_length": 4096, "training": False}
    for seed in range(50):
        [row] = render(renderer, [example], {"toy": shown}, {"toy": LABELS}, seed=seed, **options)
        text = renderer.tokenizer.decode(row.input_ids)
        places = [text.index(demo.text) for demo in shown]
        if places == sorted(places):
            return row.input_ids
    raise AssertionError("the order of the card was never drawn")


@pytest.fixture
def bases(tmp_path_factory, tiny_tokenizer, tiny_model):
    """Makes base models with adapters, as a cell leaves them: `bases(template)` gives the two folders."""

    def make(template: str):
        folder = tmp_path_factory.getbasetemp() / f"card-{template}"
        if not folder.exists():
            base = tiny_model(tiny_tokenizer(template), folder / "base", name="maker/tiny").parent
            torch.manual_seed(1)
            model = add_adapter(load_base(base, FLOAT32), LoraSettings(**RUN["settings"]["lora"]))
            model.save_pretrained(folder / "adapter", save_embedding_layers=False)
            folder_renderer(base).tokenizer.save_pretrained(folder / "adapter")
        return folder / "base", folder / "adapter"

    return make


def execute(code: str, base, adapter) -> tuple[dict, str]:
    """Run a card's program as a reader would, with this machine's folders in it: its variables, what it printed."""
    code = code.replace('"maker/tiny"', repr(str(base))).replace('"path/to/tiny-re_own-2-shot"', repr(str(adapter)))
    code = code.replace('"path/to/tiny-re_own-0-shot"', repr(str(adapter)))
    variables, printed = {}, io.StringIO()
    with redirect_stdout(printed):
        exec(code, variables)
    return variables, printed.getvalue()


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("template", ["chatml", "llama", "gemma", "smollm3", "qwen3"])
def test_the_program_runs_with_the_prompt_that_was_trained(bases, template, shots, make_example):
    base, adapter = bases(template)
    renderer = folder_renderer(base)
    code = snippet(settings(shots=shots), RUN, f"tiny-re_own-{shots}-shot", renderer)
    variables, printed = execute(code, base, adapter)
    assert variables["inputs"]["input_ids"][0].tolist() == expected_ids(renderer, shots, "generic", make_example)
    assert variables["output"].shape[1] <= variables["inputs"]["input_ids"].shape[1] + 8
    assert printed.endswith("\n")


def test_a_clock_is_pinned_only_where_a_template_reads_it(bases):
    for template in ("chatml", "llama", "gemma", "smollm3", "qwen3"):
        code = snippet(settings(), RUN, "name", folder_renderer(bases(template)[0]))
        assert ("strftime_now" in code) is (template == "smollm3")
        assert ("enable_thinking=False" in code) is (template in ("smollm3", "qwen3"))


def test_the_program_of_an_adapter_tuned_with_labels_lists_them(bases, make_example):
    base, adapter = bases("chatml")
    renderer = folder_renderer(base)
    code = snippet(settings(condition="schema"), RUN, "tiny-re_own-2-shot", renderer)
    variables, _ = execute(code, base, adapter)
    assert variables["inputs"]["input_ids"][0].tolist() == expected_ids(renderer, 2, "schema", make_example)


def test_the_program_names_the_repository_and_the_commit(bases):
    renderer = folder_renderer(bases("chatml")[0])
    code = snippet(settings(namespace="me"), RUN | {"base_model_commit": "b" * 40}, "name", renderer)
    assert 'adapter = "me/name"' in code
    assert f'base, revision = "maker/tiny", "{"b" * 40}"' in code


SCORED = {
    condition: {
        name: score(gold, said, frozenset(), ["a", "b"]) for name, gold, said in (
            ("web", ["a", "b", "a"], said), ("tales", ["a", "b"], ["a", "a"])
        )
    }
    for condition, said in (("generic", ["a", "c", ""]), ("schema", ["a", "b", "a"]))
}  # fmt: skip


@pytest.fixture
def written(tmp_path, bases):
    """Writes a card from files: `written(settings, name of the base)` gives its metadata, its text and the NOTICE."""

    def write(chosen: dict | None = None, name: str = "maker/tiny", readme: str = "") -> tuple[dict, str, str]:
        base, _ = bases("chatml")
        model, adapter = tmp_path / "model.json", tmp_path / "adapter"
        folder = tmp_path / "base"
        folder.mkdir(exist_ok=True)
        for path in base.iterdir():
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        (folder / "README.md").write_text(readme)
        write_json(model, {"name": name, "folder": str(folder), "commit": None, "files": {}})
        write_json(adapter / "run_card.json", RUN | {"base_model": name})
        write_manifest(adapter / "manifest.json", [adapter / "run_card.json"])
        write_json(tmp_path / "mixture.json", {"composition": {"train": {"web": {"rows": 70, "share": 1.0}}}})
        system = {"system": "s", "kind": "cell", "model": "tiny", "mixture": "own", "shots": 2, "seed": 7}
        write_json(tmp_path / "scores.json", {**system, "negatives": "paper", "scores": SCORED})
        (tmp_path / "CITATION.cff").write_text(CITATION)
        write_card(
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
        "language": "en",
        "library_name": "peft",
        "license": "other",
        "pipeline_tag": "text-generation",
        "tags": ["relation-extraction", "lora", "mixtune"],
    }
    assert [entry["name"] for entry in results] == ["tiny-re_own-2-shot"]
    assert "\n# tiny-re_own-2-shot\n" in text


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
    assert "the paper's wider set of words" in text


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


def test_a_cap_on_test_rows_is_told(written):
    assert "Test rows: at most 1,000 of each benchmark, drawn." in written(settings(test_rows=1000))[1]
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
    assert "**The licence of the base model is not known to mixtune.**" in text
    assert notice == (
        "This adapter is derived from maker/tiny and under the licence of that model: "
        "one that is not known to mixtune.\n"
    )
    assert "Built with Llama" not in text


def test_the_licence_on_disk_goes_before_the_known_one(written, tmp_path):
    card = "---\nlicense: other\nlicense_name: my-own\nlicense_link: https://example.org/a_b|c\n---\n"
    metadata, text, notice = written(name="Qwen/Qwen2.5-0.5B-Instruct", readme=card)
    assert [metadata[key] for key in ("license", "license_name", "license_link")] == [
        "other", "my-own", "https://example.org/a_b|c"
    ]  # fmt: skip
    assert "my-own (https://example.org/a_b\\|c)" in text
    assert "not known" not in text + notice
    assert written(name="Qwen/Qwen2.5-0.5B-Instruct", readme="---\n: [\n---\n")[0]["license"] == "apache-2.0"


def test_the_shipped_models_have_licences(tmp_path):
    root = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
    found = {name: licence_of(entry["hub"]["id"], tmp_path) for name, entry in root["models"].items()}
    assert not [name for name, licence in found.items() if licence.unknown]
    assert found["Llama-3.2-3B-Instruct"].id == "llama3.2"
    assert found["Qwen2.5-3B-Instruct"].name == "qwen-research"
    assert licence_of("owner/other", tmp_path).unknown
    assert {licence.id for licence in KNOWN.values()} == {"apache-2.0", "other", "llama3.2"}


def test_software_and_paper_are_cited(written):
    citation = written()[1].partition("## Citation")[2]
    assert "@software{mixtune,\n  title = {{mixtune}},\n  author = {{The mixtune developers}},\n" in citation
    assert "  title = {{Sub-Billion, Super-Frontier}},\n  author = {{Doe, Ann} and {Others}},\n" in citation
    assert "  eprint = {2606.22606},\n" in citation
    assert "{}" not in citation


def test_the_same_files_give_the_same_card(written):
    assert written() == written()
