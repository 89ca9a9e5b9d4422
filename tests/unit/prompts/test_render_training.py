"""Rendered files: what a mixture's rows and a benchmark's test rows become on disk, and what the manifest tells."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtune.artifacts.manifests import file_sha256, is_whole, read_json
from mixtune.data.build_mixture import build_mixture
from mixtune.data.files import read_examples, write_examples
from mixtune.data.prepare_benchmark import prepare, write_prepared
from mixtune.data.sampling import sample_examples
from mixtune.data.settings import BuildMixtureSettings
from mixtune.prompts.files import Rendered, read_rendered, write_rendered
from mixtune.prompts.messages import question
from mixtune.prompts.render_training import render_prompts, render_training
from mixtune.prompts.rendering import Renderer, RenderError
from mixtune.resources import resource

BENCHMARKS = ["conll04", "gids"]
TRAINING = {"shots": 1, "condition": "generic", "max_length": 10_000, "validation_rows": 12, "data_seed": 42}
PROMPTS = {"shots": 1, "max_length": 10_000, "test_rows": 10, "data_seed": 42}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The sample corpora of two benchmarks, and a mixture of both."""
    root = tmp_path_factory.mktemp("prepared")
    folders = [root / "benchmarks" / name for name in BENCHMARKS]
    for folder in folders:
        shares = {"validation": 0.1, "test": 0.2}
        write_prepared(
            prepare(folder.name, resource("sample", folder.name), expect="sample", shares=shares, seed=42), folder
        )
    settings = {
        "mixture": "toy",
        "domains": dict.fromkeys(BENCHMARKS, "general"),
        "balance": "natural",
        "max_rows": 40,
        "data_seed": 42,
    }
    manifests = [folder / "manifest.json" for folder in folders]
    build_mixture(BuildMixtureSettings(**settings), manifests, root / "mixture" / "manifest.json")
    return folders, root / "mixture"


@pytest.fixture(scope="module")
def renderer(tiny_tokenizer):
    return Renderer(tiny_tokenizer("chatml"))


@pytest.fixture
def train(prepared, renderer):
    folders, mixture = prepared

    def make(output, **changes):
        render_training(TRAINING | changes, renderer, mixture, folders, output)
        return {split: read_rendered(output / f"{split}.parquet") for split in ("train", "validation")}

    return make


@pytest.fixture
def ask(prepared, renderer):
    folders, _ = prepared

    def make(output, renderer=renderer, conditions=("generic", "schema"), folders=folders, **changes):
        paths = [output / condition / f"{folder.name}.parquet" for condition in conditions for folder in folders]
        render_prompts(PROMPTS | changes, renderer, folders, paths, output / "manifest.json")
        return {f"{path.parent.name}/{path.stem}": read_rendered(path) for path in paths}

    return make


def facts(rows) -> dict:
    """What a manifest tells of rows of which nothing was cut."""
    lengths = [len(row["input_ids"]) for row in rows]
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
    tokens = {name: int(np.quantile(lengths, share)) for name, share in quantiles.items()}
    return {"rows": len(rows), "longest": max(lengths), "tokens": tokens}


def turns(renderer, row) -> list[list[str]]:
    """Role and content of each turn of a ChatML row."""
    text = renderer.tokenizer.decode(row["input_ids"])
    return [turn.partition("<|im_end|>")[0].split("\n", 1) for turn in text.split("<|im_start|>")[1:]]


def test_a_file_holds_these_columns_and_comes_back_as_it_was(tmp_path):
    rows = [Rendered("a", [1, 2, 300], 2, "", 3), Rendered("b", [4], 0, "text", 9), Rendered("c", [5, 6], 1, "text", 5)]
    facts = write_rendered(tmp_path / "new" / "rows.parquet", rows)
    assert facts == {"rows": 3, "longest": 3, "tokens": {"p50": 5, "p90": 8, "p99": 8, "max": 9}, "text cut": 2}
    table = pq.read_table(tmp_path / "new" / "rows.parquet")
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    ids = pa.list_(pa.int32())
    assert kinds == {"id": pa.string(), "input_ids": ids, "answer": pa.int32(), "cut": pa.string()}
    assert read_rendered(tmp_path / "new" / "rows.parquet") == [
        {"id": "a", "input_ids": [1, 2, 300], "answer": 2, "cut": ""},
        {"id": "b", "input_ids": [4], "answer": 0, "cut": "text"},
        {"id": "c", "input_ids": [5, 6], "answer": 1, "cut": "text"},
    ]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows.parquet"]


def test_a_file_without_rows_is_a_file(tmp_path):
    assert write_rendered(tmp_path / "rows.parquet", []) == {"rows": 0, "longest": 0, "tokens": {}}
    assert read_rendered(tmp_path / "rows.parquet") == []


def test_training_rows_are_the_mixtures_in_its_order(prepared, train, tmp_path):
    _, mixture = prepared
    rows = train(tmp_path)
    assert len(rows["train"]) == 40
    assert len(rows["validation"]) == 12
    for split in rows:
        examples = read_examples(mixture / f"{split}.parquet")[: len(rows[split])]
        assert [row["id"] for row in rows[split]] == [example.id for example in examples]
        assert {example.benchmark for example in examples} == set(BENCHMARKS)


def test_null_label(prepared, train, tmp_path):
    _, mixture = prepared
    relation = {
        example.id: example.relation
        for split in ("train", "validation")
        for example in read_examples(mixture / f"{split}.parquet")
    }
    rows = [row for split in train(tmp_path).values() for row in split]
    answers = [bytes(row["input_ids"][-row["answer"] : -1]).decode() for row in rows]
    assert answers == [relation[row["id"]] for row in rows]
    assert {row["input_ids"][-1] for row in rows} == {258}
    assert "NA" in answers
    assert not {"None", "none", "nan", ""} & set(answers)


@pytest.mark.parametrize("limit", [0, 1, 5, 10_000])
def test_validation_rows_limit_validation_alone(prepared, train, tmp_path, limit):
    _, mixture = prepared
    everything = [example.id for example in read_examples(mixture / "validation.parquet")]
    rows = train(tmp_path, validation_rows=limit)
    assert [row["id"] for row in rows["validation"]] == everything[:limit]
    assert len(rows["train"]) == 40


def test_the_training_manifest_tells_files_counts_and_template(train, renderer, tmp_path):
    rows = train(tmp_path)
    manifest = read_json(tmp_path / "manifest.json")
    assert manifest == {
        "files": {f"{split}.parquet": file_sha256(tmp_path / f"{split}.parquet") for split in rows},
        "rendered": {split: facts(rows[split]) for split in rows},
        "template_hash": renderer.template_hash,
    }
    assert is_whole(tmp_path / "manifest.json")


def test_what_was_cut_is_counted(train, tmp_path):
    whole = train(tmp_path / "whole")
    lengths = sorted(len(row["input_ids"]) for row in train(tmp_path / "none", shots=0)["train"])
    limit = lengths[-3]  # two rows are too long even without their demonstration
    rows = train(tmp_path / "cut", max_length=limit)
    found = read_json(tmp_path / "cut" / "manifest.json")["rendered"]
    for split in rows:
        cuts = Counter(row["cut"] for row in rows[split])
        too_long = sum(len(row["input_ids"]) > limit for row in whole[split])
        assert cuts["demonstrations"] + cuts["text"] == too_long
        counts = {f"{what} cut": n for what, n in cuts.items() if what}
        # The lengths told are those before the cut.
        assert found[split] == facts(rows[split]) | {"tokens": facts(whole[split])["tokens"]} | counts
    assert found["train"]["text cut"] == 2
    assert found["train"]["demonstrations cut"] > 2
    assert found["train"]["longest"] <= limit


def test_training_files_are_the_same_bytes_again(train, tmp_path):
    train(tmp_path / "one")
    train(tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["manifest.json", "train.parquet", "validation.parquet"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    "change", [{"shots": 0}, {"condition": "schema"}, {"data_seed": 43}, {"max_length": 450}], ids=str
)
def test_training_files_change_with_the_settings(train, tmp_path, change):
    train(tmp_path / "one")
    train(tmp_path / "two", **change)
    assert file_sha256(tmp_path / "one" / "train.parquet") != file_sha256(tmp_path / "two" / "train.parquet")


def test_a_row_that_does_not_fit_leaves_no_manifest(train, tmp_path):
    with pytest.raises(RenderError, match=r"raise training\.max_length"):
        train(tmp_path, max_length=250)
    assert not list(tmp_path.iterdir())


def test_prompts_are_written_for_every_condition_and_benchmark(ask, prepared, renderer, tmp_path):
    rows = ask(tmp_path)
    names = ["generic/conll04", "generic/gids", "schema/conll04", "schema/gids"]
    assert sorted(rows) == names
    assert read_json(tmp_path / "manifest.json") == {
        "files": {f"{name}.parquet": file_sha256(tmp_path / f"{name}.parquet") for name in names},
        "rendered": {name: facts(rows[name]) for name in names},
        "template_hash": renderer.template_hash,
        "stop_ids": renderer.stop_ids,
        "answers": {
            folder.name: {label: renderer.answer(label) for label in labels}
            for folder, labels in ((f, read_json(f / "labels.json")["labels"]) for f in prepared[0])
        },
    }
    assert {row["answer"] for name in names for row in rows[name]} == {0}


def test_prompt_files_are_the_same_bytes_again(ask, tmp_path):
    ask(tmp_path / "one")
    ask(tmp_path / "two")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_prompt_ends_where_the_answer_begins(ask, renderer, tmp_path):
    for row in ask(tmp_path, shots=0, test_rows=None)["generic/gids"]:
        told = turns(renderer, row)
        assert [role for role, _ in told] == ["system", "user", "assistant"]
        assert told[1][1].endswith("\nRelation:")
        assert told[2][1] == ""


def test_the_cap_on_test_rows_is_a_seeded_draw_that_all_conditions_share(prepared, ask, tmp_path):
    folders, _ = prepared
    seeds = {seed: ask(tmp_path / str(seed), data_seed=seed) for seed in (42, 43)}
    smaller = ask(tmp_path / "smaller", test_rows=4)
    for folder in folders:
        test = read_examples(folder / "test.parquet")
        drawn = {seed: [row["id"] for row in rows[f"generic/{folder.name}"]] for seed, rows in seeds.items()}
        assert drawn[42] == [row["id"] for row in seeds[42][f"schema/{folder.name}"]]
        assert drawn[42] == [example.id for example in sample_examples(test, 10, 42)]
        assert drawn[42] != drawn[43]
        assert set(drawn[42]) != {example.id for example in test[:10]}
        assert [row["id"] for row in smaller[f"generic/{folder.name}"]] == drawn[42][:4]


def test_without_a_cap_every_test_row_is_asked(prepared, ask, tmp_path):
    folders, _ = prepared
    rows = ask(tmp_path, test_rows=None)
    for folder in folders:
        everything = sorted(example.id for example in read_examples(folder / "test.parquet"))
        assert len(everything) > 10
        assert sorted(row["id"] for row in rows[f"schema/{folder.name}"]) == everything


def test_cap_leaks(ask, tmp_path):
    # A cap on test rows changes no prompt of those that are left, so the demonstrations' pool is whole.
    everything = ask(tmp_path / "everything", test_rows=None)
    for name, rows in ask(tmp_path / "capped", test_rows=3).items():
        by_id = {row["id"]: row for row in everything[name]}
        assert rows == [by_id[row["id"]] for row in rows]


def test_labels_from_test(prepared, ask, renderer, tmp_path):
    folders, _ = prepared
    copies = []
    for folder in folders:
        copies.append(tmp_path / "benchmarks" / folder.name)
        copies[-1].mkdir(parents=True)
        test = read_examples(folder / "test.parquet")
        write_examples(copies[-1] / "train.parquet", read_examples(folder / "train.parquet"))
        write_examples(copies[-1] / "test.parquet", [e for e in test if e.relation == test[0].relation])
        labels = read_json(folder / "labels.json")
        (copies[-1] / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    rows = ask(tmp_path / "prompts", folders=copies)
    for folder in folders:
        labels = read_json(folder / "labels.json")["labels"]
        for row in rows[f"schema/{folder.name}"]:
            lines = turns(renderer, row)[0][1].split("\n")
            assert lines[1:-1] == labels


def test_demonstrations_from_own_split(prepared, train, ask, renderer, tmp_path):
    folders, _ = prepared
    known = {
        question(example.text, example.head, example.tail): example.group
        for folder in folders
        for example in read_examples(folder / "train.parquet")
    }
    groups = {
        example.id: example.group
        for folder in folders
        for split in ("train", "validation", "test")
        for example in read_examples(folder / f"{split}.parquet")
    }
    trained = train(tmp_path / "training", shots=2)
    asked = ask(tmp_path / "prompts", shots=2, test_rows=None)
    rows = [row for split in (*trained.values(), *asked.values()) for row in split]
    assert {row["id"].split("/")[1] for row in rows} == {"train", "validation", "test"}
    for row in rows:
        shown = [content for role, content in turns(renderer, row)[1:-2] if role == "user"]
        assert len(shown) == 2
        assert groups[row["id"]] not in {known[content] for content in shown}


def test_the_models_context_bounds_a_prompt(ask, tiny_tokenizer, tmp_path):
    whole = ask(tmp_path / "whole", conditions=["generic"])
    limit = min(max(len(row["input_ids"]) for row in rows) for rows in whole.values()) - 1
    narrow = Renderer(tiny_tokenizer("chatml"), context=limit)
    bounded = ask(tmp_path / "bounded", renderer=narrow, conditions=["generic"])
    facts = read_json(tmp_path / "bounded" / "manifest.json")["rendered"]
    assert all(len(row["input_ids"]) <= limit for rows in bounded.values() for row in rows)
    for name, rows in bounded.items():
        cuts = Counter(row["cut"] for row in rows if row["cut"])
        assert cuts.total() == sum(len(row["input_ids"]) > limit for row in whole[name]) > 0
        assert {key: n for key, n in facts[name].items() if key.endswith(" cut")} == {
            f"{what} cut": n for what, n in cuts.items()
        }


def test_a_larger_context_leaves_the_limit_of_the_config(ask, tiny_tokenizer, tmp_path):
    wide = Renderer(tiny_tokenizer("chatml"), context=100_000)
    limited = ask(tmp_path, renderer=wide, max_length=900)
    assert max(len(row["input_ids"]) for rows in limited.values() for row in rows) <= 900


def test_a_prompt_that_does_not_fit_leaves_no_manifest(ask, tmp_path):
    with pytest.raises(RenderError, match=r"raise prediction\.max_length"):
        ask(tmp_path, max_length=250)
    assert not (tmp_path / "manifest.json").exists()
