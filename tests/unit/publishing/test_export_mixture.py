import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from mixtune.artifacts.manifests import is_complete, read_json, write_json
from mixtune.data.build_mixture import build_mixture
from mixtune.data.files import read_examples, write_examples
from mixtune.data.registry import REGISTRY
from mixtune.data.settings import BuildMixtureSettings
from mixtune.errors import UserError
from mixtune.prompts.chat_template import Renderer
from mixtune.prompts.messages import sample_demonstrations
from mixtune.prompts.rendering import render
from mixtune.publishing.export_mixture import Pool, conversation, export_mixture
from mixtune.publishing.settings import ExportMixtureSettings

SYSTEM = (
    "You are a relation extraction system. Be concise and direct. Output ONLY the relation type that holds between "
    "the two mentioned entities. Do not output any explanation, punctuation, or extra text — only the label."
)
STATED = {"id": "other", "name": "Own | terms", "link": ""}
SPLITS = ["train_0", "eval_0", "test_0", "train_2", "eval_2", "test_2"]
ROWS = {"web": (40, 8, 12), "news": (20, 4, 6), "tales": (10, 2, 5)}  # of train, validation and test
LOAD = """\
import json, sys
from datasets import load_dataset

splits = load_dataset(sys.argv[1])
facts = {
    name: {"rows": len(rows), "columns": rows.column_names, "turns": list(rows.features["messages"].feature)}
    for name, rows in splits.items()
}
print(json.dumps({"splits": facts, "first": splits["train_2"][0]}))
"""


def loaded(folder: Path, home: Path) -> dict:
    """What `datasets.load_dataset` makes of a folder, in a process that cannot reach the hub."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    run = subprocess.run([sys.executable, "-c", LOAD, folder], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture
def example(make_example):
    def make(benchmark: str, split: str, number: int):
        text = f"Ann of {benchmark}\n{split} met  Bo {number}."
        return make_example(
            number, text, "Ann", f"Bo {number}", id=f"{benchmark}/{split}/{number}", benchmark=benchmark, split=split,
            relation="met" if number % 2 else "knew_of",
        )  # fmt: skip

    return make


@pytest.fixture
def folders(tmp_path, example) -> list[Path]:
    """Prepared benchmarks with the rows of ROWS, and a mixture of them all."""
    made = []
    for name, sizes in ROWS.items():
        made.append(tmp_path / "benchmarks" / name)
        for split, size in zip(("train", "validation", "test"), sizes, strict=True):
            write_examples(made[-1] / f"{split}.parquet", [example(name, split, n) for n in range(size)])
        write_json(made[-1] / "manifest.json", {"files": {}, **({"licence": STATED} if name == "tales" else {})})
    mixed = BuildMixtureSettings(mixture="own", domains={}, balance="natural", max_rows=60, data_seed=42)
    build_mixture(mixed, [folder / "manifest.json" for folder in made], tmp_path / "own" / "manifest.json")
    return made


def source(name: str, **changed) -> dict:
    facts = {"name": name, "title": name.capitalize(), "origin": "hub", "hub": f"some/{name}_copy"}
    return facts | {"licence": "MIT", "redistributable_as": "mit", "licensed": False, "language": "en"} | changed


def settings(**changed) -> ExportMixtureSettings:
    """Web may be passed on under MIT, News may not, and nobody knows of Tales."""
    sources = [
        source("web"),
        source("news", licence="LDC <b>| all rights", redistributable_as="", origin="path", hub=""),
        source("tales", licence="", redistributable_as=""),
    ]
    facts = {"mixture": "own", "balance": "natural", "max_rows": 60, "data_seed": 42, "shots": [0, 2]}
    return ExportMixtureSettings.model_validate(facts | {"sources": sources} | changed)


def changed_sources(change) -> ExportMixtureSettings:
    return settings(sources=[one.model_dump() | change(one.name) for one in settings().sources])


def licensed(*names: str) -> ExportMixtureSettings:
    return changed_sources(lambda name: {"licensed": name in names})


@pytest.fixture
def exported(folders, tmp_path):
    def run(chosen: ExportMixtureSettings | None = None, name: str = "out") -> Path:
        benchmarks = [folder / "manifest.json" for folder in folders]
        export_mixture(
            chosen or settings(), tmp_path / "own/manifest.json", benchmarks, tmp_path / name / "manifest.json"
        )
        return tmp_path / name

    return run


def rows(folder: Path, split: str) -> list[dict]:
    return pq.read_table(folder / f"data/{split}-00000-of-00001.parquet").to_pylist()


def sources_of(folder: Path) -> dict[str, set[str]]:
    return {split: {row["benchmark"] for row in rows(folder, split)} for split in SPLITS}


def card(folder: Path) -> tuple[dict, str]:
    """The card's metadata and its text."""
    _, metadata, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(metadata), text


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n\n")[2].partition("\n## ")[0]


def test_a_row_is_the_prompt_the_demonstrations_and_the_label(example, folders):
    train = read_examples(folders[0] / "train.parquet")
    row = conversation(train[3], train, 2, 42)
    assert [demo.id for demo in sample_demonstrations(train[3], train, 2, 42)] == ["web/train/10", "web/train/14"]
    assert row == {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": "Sentence: Ann of web train met Bo 10.\nEntity 1: Ann\nEntity 2: Bo 10\nRelation:",
            },
            {"role": "assistant", "content": "knew_of"},
            {
                "role": "user",
                "content": "Sentence: Ann of web train met Bo 14.\nEntity 1: Ann\nEntity 2: Bo 14\nRelation:",
            },
            {"role": "assistant", "content": "knew_of"},
            {
                "role": "user",
                "content": "Sentence: Ann of web train met Bo 3.\nEntity 1: Ann\nEntity 2: Bo 3\nRelation:",
            },
            {"role": "assistant", "content": "met"},
        ],
        "relation": "met",
        "benchmark": "web",
        "id": "web/train/3",
    }


def test_without_shots_a_row_is_three_turns(example):
    row = conversation(example("web", "test", 1), [], 0, 42)
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]


def test_fine_tuning_reads_the_same_conversations(exported, folders, tmp_path, tiny_tokenizer):
    folder, renderer = exported(), Renderer(tiny_tokenizer())
    pools = {path.name: read_examples(path / "train.parquet") for path in folders}
    options = {"condition": "generic", "seed": 42, "max_length": 4096, "training": True}
    mixed = read_examples(tmp_path / "own/train.parquet")
    for shots in (0, 2):
        found = {row["id"]: row for row in rows(folder, f"train_{shots}")}
        assert len(found) > 30
        rendered = render(renderer, mixed, pools, dict.fromkeys(pools, ()), shots=shots, **options)
        for row in (one for one in rendered if one.id in found):
            *prompt, answer = found[row.id]["messages"]
            ids = renderer.encode([renderer.text(prompt)])[0] + renderer.answer(answer["content"])
            assert ids == row.input_ids


def test_splits_hold_the_mixtures_rows_and_the_benchmarks_test_rows_in_their_order(exported, folders, tmp_path):
    folder = exported(licensed("news", "tales"))
    mixture = {split: read_examples(tmp_path / f"own/{split}.parquet") for split in ("train", "validation")}
    tests = [one for path in folders for one in read_examples(path / "test.parquet")]
    assert (len(mixture["train"]), len(mixture["validation"]), len(tests)) == (60, 14, 23)
    for shots in (0, 2):
        for split, wanted in (("train", mixture["train"]), ("eval", mixture["validation"]), ("test", tests)):
            found = rows(folder, f"{split}_{shots}")
            assert [row["id"] for row in found] == [one.id for one in wanted]
            assert {len(row["messages"]) for row in found} == {3 + 2 * shots}
            assert all(row["messages"][-1] == {"role": "assistant", "content": row["relation"]} for row in found)


def test_demonstrations_come_from_train_of_the_same_benchmark(exported):
    for row in rows(exported(licensed("news", "tales")), "test_2"):
        for turn in row["messages"][1:5:2]:
            assert turn["content"].startswith(f"Sentence: Ann of {row['benchmark']} train met Bo ")


@pytest.mark.parametrize("with_card", [True, False], ids=["with card", "by file names alone"])
def test_datasets_loads_the_folder_offline(exported, tmp_path, with_card):
    folder = exported()
    if not with_card:
        (folder / "README.md").unlink()
    found = loaded(folder, tmp_path / "home")
    assert found["splits"] == {
        split: {
            "rows": len(rows(folder, split)),
            "columns": ["messages", "relation", "benchmark", "id"],
            "turns": ["role", "content"],
        }
        for split in SPLITS
    }
    assert found["first"] == rows(folder, "train_2")[0]


def test_datasets_takes_no_rows_of_an_earlier_export_from_its_cache(exported, tmp_path):
    """It caches a folder with a card by the folder's name and the card's `configs`, not by what the files hold."""
    loaded(exported(licensed("news", "tales")), tmp_path / "home")
    folder = exported()
    found = loaded(folder, tmp_path / "home")["splits"]
    assert {split: facts["rows"] for split, facts in found.items()} == {s: len(rows(folder, s)) for s in SPLITS}


def test_licensed_rows_stay_out_and_the_card_says_so_with_numbers(exported):
    folder = exported()
    assert set(map(frozenset, sources_of(folder).values())) == {frozenset({"web"})}
    metadata, text = card(folder)
    assert metadata["license"] == ["mit"]
    train = [row["benchmark"] for row in pq.read_table(folder.parent / "own/train.parquet").to_pylist()]
    news, tales = train.count("news"), train.count("tales")
    left_out = section(text, "Excluded rows")
    assert (
        "| source | licence | train | eval | test |\n"
        "| --- | --- | ---: | ---: | ---: |\n"
        f"| News | LDC &lt;b&gt;\\| all rights | {news} | 4 | 6 |\n"
        f"| Tales | Own \\| terms (by its hub copy) | {tales} | 2 | 5 |\n"
        f"| all |  | {news + tales} | 6 | 11 |\n"
    ) in left_out
    assert "`export: {licensed: [news, tales]}`" in left_out
    assert "News" not in text.replace(left_out, "")
    assert "Do not publish" not in text
    assert read_json(folder / "manifest.json")["rows"]["test"] == {"web": 12}


def test_licensed_rows_are_exported_on_request_with_a_warning(exported):
    folder = exported(licensed("news"))
    assert set(map(frozenset, sources_of(folder).values())) == {frozenset({"web", "news"})}
    metadata, text = card(folder)
    assert metadata["license"] == ["mit", "other"]
    assert "**Do not publish this folder.** It holds rows of News," in text
    assert "licensed: [tales]" in section(text, "Excluded rows")
    assert (
        section(exported_text := card(exported(licensed("news", "tales"), "all"))[1], "Excluded rows").strip()
        == "None."
    )
    assert "rows of News, Tales," in exported_text


def test_what_was_licensed_once_does_not_stay(exported):
    exported(licensed("news", "tales"))
    folder = exported(settings(shots=[0]))
    assert sorted(path.name for path in (folder / "data").iterdir()) == [
        f"{split}_0-00000-of-00001.parquet" for split in ("eval", "test", "train")
    ]
    assert {row["benchmark"] for row in rows(folder, "train_0")} == {"web"}


def test_sample_corpora_are_exported_whatever_they_imitate(exported):
    folder = exported(changed_sources(lambda name: {"origin": "sample", "hub": ""}))
    assert sources_of(folder)["test_0"] == {"web", "news", "tales"}
    metadata, text = card(folder)
    assert metadata["license"] == ["apache-2.0"]
    assert "**The data of Web, News, Tales are not the benchmarks.**" in text
    assert "| News | news | Apache-2.0 | sample corpus of mixtune |" in section(text, "Licences")
    assert "Do not publish" not in text


def test_the_metadata_names_every_file_of_every_split(exported):
    folder = exported()
    metadata, _ = card(folder)
    assert metadata["pretty_name"] == "own"
    (config,) = metadata["configs"]
    assert config["config_name"] == "default"
    paths = {entry["split"]: entry["path"] for entry in config["data_files"]}
    assert list(paths) == SPLITS
    assert all((folder / path).is_file() for path in paths.values())


def test_the_card_describes_what_it_holds_and_how_it_was_made(exported):
    _, text = card(exported(settings(balance="domain", max_rows=200_000)))
    train = pq.read_table(exported() / "data/train_0-00000-of-00001.parquet").num_rows
    assert f"| Web | {train} | 8 | 12 | 1.0000 | 1.0000 | 1.0000 |\n| all | {train} " in section(text, "Composition")
    assert "| Web | web | MIT | some/web_copy |" in section(text, "Licences")
    made = section(text, "Data set creation")
    assert "at most 200,000, sampled in equal numbers from the general and the literary sources" in made
    assert "Seed of all sampling: 42." in made
    assert 'load_dataset("path/to/own", split="train_0")' in section(text, "Usage")
    assert "arXiv:2606.22606" in section(text, "Citation")
    assert "{" not in text.replace("{licensed: [news, tales]}", "")


def test_the_same_settings_give_the_same_bytes(exported):
    once, again = exported(name="once"), exported(name="again")
    assert (once / "manifest.json").read_bytes() == (again / "manifest.json").read_bytes()
    assert is_complete(once / "manifest.json")
    assert sorted(read_json(once / "manifest.json")["files"]) == sorted(
        ["README.md", *(f"data/{split}-00000-of-00001.parquet" for split in SPLITS)]
    )


def test_batches_do_not_change_the_rows(exported, monkeypatch):
    whole = exported(name="whole")
    monkeypatch.setattr("mixtune.publishing.export_mixture.BATCH", 7)
    parts = exported(name="parts")
    assert pq.ParquetFile(parts / "data/train_2-00000-of-00001.parquet").num_row_groups > 1
    assert all(rows(whole, split) == rows(parts, split) for split in SPLITS)


def test_a_mixture_of_licensed_rows_alone_is_an_error_and_leaves_no_manifest(exported, tmp_path):
    with pytest.raises(UserError, match=r"own has no train row .* \(all are of news, tales, web\); .*export\.licensed"):
        exported(changed_sources(lambda name: {"redistributable_as": ""}))
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_pool_is_the_list_of_its_examples(folders):
    path = folders[1] / "train.parquet"
    assert list(Pool(path)) == read_examples(path)


def test_only_licences_that_say_so_let_rows_be_passed_on():
    assert {name: one.redistributable_as for name, one in REGISTRY.items() if one.redistributable_as} == {
        "re_docred": "mit",
        "rebel": "cc-by-nc-sa-4.0",
        "biographical": "cc-by-sa-4.0",
        "pg_fiction": "mit",
    }


def test_a_file_with_other_rows_than_were_written_is_an_error(exported, tmp_path, monkeypatch):
    write = pq.ParquetWriter.write_table
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda writer, table: write(writer, table[1:]))
    with pytest.raises(UserError, match=r"parquet has other rows than were written \(.*'web': .*\); check the disk"):
        exported()
    assert not list((tmp_path / "out").rglob("*.parquet"))
