"""Prompts of test rows: every condition and benchmark, the cap, own labels and demonstrations, the limit."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest

from mixtune.artifacts.manifests import file_sha256, read_json
from mixtune.data.files import read_examples, write_examples
from mixtune.data.sampling import sample_examples
from mixtune.prompts.chat_template import Renderer, RenderError
from mixtune.prompts.messages import question


def facts(rows) -> dict:
    """What a manifest records of rows of which nothing was cut."""
    lengths = [len(row["input_ids"]) for row in rows]
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
    tokens = {name: int(np.quantile(lengths, share)) for name, share in quantiles.items()}
    return {"rows": len(rows), "longest": max(lengths), "tokens": tokens}


def test_prompts_are_written_for_every_condition_and_benchmark(render_prompts, prepared, renderer, tmp_path):
    rows = render_prompts(tmp_path)
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


def test_prompt_files_are_the_same_bytes_again(render_prompts, tmp_path):
    render_prompts(tmp_path / "one")
    render_prompts(tmp_path / "two")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_prompt_ends_where_the_answer_begins(render_prompts, renderer, tmp_path, turns):
    for row in render_prompts(tmp_path, shots=0, test_rows=None)["generic/gids"]:
        conversation = turns(renderer, row)
        assert [role for role, _ in conversation] == ["system", "user", "assistant"]
        assert conversation[1][1].endswith("\nRelation:")
        assert conversation[2][1] == ""


def test_the_cap_on_test_rows_is_a_seeded_draw_that_all_conditions_share(prepared, render_prompts, tmp_path):
    folders, _ = prepared
    seeds = {seed: render_prompts(tmp_path / str(seed), data_seed=seed) for seed in (42, 43)}
    smaller = render_prompts(tmp_path / "smaller", test_rows=4)
    for folder in folders:
        test = read_examples(folder / "test.parquet")
        drawn = {seed: [row["id"] for row in rows[f"generic/{folder.name}"]] for seed, rows in seeds.items()}
        assert drawn[42] == [row["id"] for row in seeds[42][f"schema/{folder.name}"]]
        assert drawn[42] == [example.id for example in sample_examples(test, 10, 42)]
        assert drawn[42] != drawn[43]
        assert set(drawn[42]) != {example.id for example in test[:10]}
        assert [row["id"] for row in smaller[f"generic/{folder.name}"]] == drawn[42][:4]


def test_without_a_cap_every_test_row_has_a_prompt(prepared, render_prompts, tmp_path):
    folders, _ = prepared
    rows = render_prompts(tmp_path, test_rows=None)
    for folder in folders:
        everything = sorted(example.id for example in read_examples(folder / "test.parquet"))
        assert len(everything) > 10
        assert sorted(row["id"] for row in rows[f"schema/{folder.name}"]) == everything


def test_cap_leaks(render_prompts, tmp_path):
    # A cap on test rows changes no prompt of those that are left, so the demonstrations' pool is whole.
    everything = render_prompts(tmp_path / "everything", test_rows=None)
    for name, rows in render_prompts(tmp_path / "capped", test_rows=3).items():
        by_id = {row["id"]: row for row in everything[name]}
        assert rows == [by_id[row["id"]] for row in rows]


def test_labels_from_test(prepared, render_prompts, renderer, tmp_path, turns):
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
    rows = render_prompts(tmp_path / "prompts", folders=copies)
    for folder in folders:
        labels = read_json(folder / "labels.json")["labels"]
        for row in rows[f"schema/{folder.name}"]:
            lines = turns(renderer, row)[0][1].split("\n")
            assert lines[1:-1] == labels


def test_demonstrations_from_own_split(prepared, train, render_prompts, renderer, tmp_path, turns):
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
    prompts = render_prompts(tmp_path / "prompts", shots=2, test_rows=None)
    rows = [row for split in (*trained.values(), *prompts.values()) for row in split]
    assert {row["id"].split("/")[1] for row in rows} == {"train", "validation", "test"}
    for row in rows:
        shown = [content for role, content in turns(renderer, row)[1:-2] if role == "user"]
        assert len(shown) == 2
        assert groups[row["id"]] not in {known[content] for content in shown}


def test_the_models_context_bounds_a_prompt(render_prompts, tiny_tokenizer, tmp_path):
    whole = render_prompts(tmp_path / "whole", conditions=["generic"])
    limit = min(max(len(row["input_ids"]) for row in rows) for rows in whole.values()) - 1
    narrow = Renderer(tiny_tokenizer("chatml"), context=limit)
    bounded = render_prompts(tmp_path / "bounded", renderer=narrow, conditions=["generic"])
    facts = read_json(tmp_path / "bounded" / "manifest.json")["rendered"]
    assert all(len(row["input_ids"]) <= limit for rows in bounded.values() for row in rows)
    for name, rows in bounded.items():
        cuts = Counter(row["cut"] for row in rows if row["cut"])
        assert cuts.total() == sum(len(row["input_ids"]) > limit for row in whole[name]) > 0
        assert {key: n for key, n in facts[name].items() if key.endswith(" cut")} == {
            f"{what} cut": n for what, n in cuts.items()
        }


def test_a_larger_context_leaves_the_limit_of_the_config(render_prompts, tiny_tokenizer, tmp_path):
    wide = Renderer(tiny_tokenizer("chatml"), context=100_000)
    limited = render_prompts(tmp_path, renderer=wide, max_length=900)
    assert max(len(row["input_ids"]) for rows in limited.values() for row in rows) <= 900


def test_a_prompt_that_does_not_fit_leaves_no_manifest(render_prompts, tmp_path):
    with pytest.raises(RenderError, match=r"^prediction\.max_length: .*; raise it"):
        render_prompts(tmp_path, max_length=250)
    assert not (tmp_path / "manifest.json").exists()


def test_a_zero_shot_benchmark_has_prompts_without_demonstrations_in_spite_of_the_shots(
    render_prompts, prepared, tmp_path
):
    folders, _ = prepared
    shot, plain = render_prompts(tmp_path / "shot", zero_shot=["gids"]), render_prompts(tmp_path / "plain", shots=0)
    assert [row["input_ids"] for row in shot["schema/gids"]] == [row["input_ids"] for row in plain["schema/gids"]]
    assert shot["schema/conll04"] != plain["schema/conll04"]
    empty = tmp_path / "benchmarks" / "gids"  # as prepared of an evaluation-only benchmark
    shutil.copytree(folders[1], empty)
    write_examples(empty / "train.parquet", [])
    again = render_prompts(tmp_path / "again", folders=[empty], zero_shot=["gids"])
    assert again["schema/gids"] == shot["schema/gids"]


def test_an_opened_thought_is_a_warning(render_prompts, tiny_tokenizer, tmp_path, capsys):
    render_prompts(tmp_path / "plain", conditions=["generic"])
    assert "warning" not in capsys.readouterr().out
    source = "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
    source += "{% if add_generation_prompt %}<|im_start|>assistant: <think>{% endif %}"
    render_prompts(tmp_path / "thinking", renderer=Renderer(tiny_tokenizer(source)), conditions=["generic"])
    assert capsys.readouterr().out.startswith("warning: the chat template opens a thought ('<think>') that")
