"""Training rows: the mixture's order, label masks, what is cut, equal bytes."""

from collections import Counter

import numpy as np
import pytest

from mixtune.artifacts.manifests import file_sha256, is_complete, read_json
from mixtune.data.files import read_examples
from mixtune.prompts.chat_template import RenderError


def facts(rows) -> dict:
    """What a manifest records of rows of which nothing was cut."""
    lengths = [len(row["input_ids"]) for row in rows]
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
    tokens = {name: int(np.quantile(lengths, share)) for name, share in quantiles.items()}
    return {"rows": len(rows), "longest": max(lengths), "tokens": tokens}


def test_training_rows_are_the_mixtures_in_its_order(prepared, train, tmp_path):
    _, mixture = prepared
    rows = train(tmp_path)
    assert len(rows["train"]) == 40
    assert len(rows["validation"]) == 12
    for split in rows:
        examples = read_examples(mixture / f"{split}.parquet")[: len(rows[split])]
        assert [row["id"] for row in rows[split]] == [example.id for example in examples]
        assert {example.benchmark for example in examples} == {"conll04", "gids"}


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


def test_the_training_manifest_records_files_counts_and_template(train, renderer, tmp_path):
    rows = train(tmp_path)
    manifest = read_json(tmp_path / "manifest.json")
    assert manifest == {
        "files": {f"{split}.parquet": file_sha256(tmp_path / f"{split}.parquet") for split in rows},
        "rendered": {split: facts(rows[split]) for split in rows},
        "template_hash": renderer.template_hash,
    }
    assert is_complete(tmp_path / "manifest.json")


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
        # The lengths in the manifest are those before the cut.
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
    with pytest.raises(RenderError, match=r"^training\.max_length: .*; raise it"):
        train(tmp_path, max_length=250)
    assert not list(tmp_path.iterdir())
