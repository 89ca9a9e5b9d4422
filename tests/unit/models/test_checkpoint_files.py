"""Files of weights: what is loaded, what is missing or damaged, and how many parameters there are."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from mixtune.errors import UserError
from mixtune.models.checkpoint_files import count_parameters, read_tensors
from tests.fixtures.checkpoints import (
    EMBEDDING,
    LAYER,
    PARAMETERS,
    ROWS,
    WIDTH,
    weights,
    write_checkpoint,
    write_shards,
)

INDEX, FIRST, SECOND = (
    "model.safetensors.index.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
)


def refused(folder):
    with pytest.raises(UserError) as error:
        read_tensors(folder)
    return str(error.value)


def test_the_tensors_of_all_files_are_read(tmp_path):
    tensors = read_tensors(write_shards(tmp_path))
    assert {name: (t.dtype, t.shape, t.path.name) for name, t in tensors.items()} == {
        EMBEDDING: ("F16", (ROWS, WIDTH), FIRST),
        LAYER: ("F16", (8, WIDTH), SECOND),
    }


@pytest.mark.parametrize("keep", [0, 4, 40, -1], ids=str)
def test_a_truncated_file_is_named(tmp_path, keep):
    path = write_checkpoint(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert f"{path}: incomplete safetensors file (" in refused(tmp_path)


def test_a_file_that_is_too_long_is_named(tmp_path):
    path = write_checkpoint(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"\0")
    assert f"{path}: incomplete safetensors file (" in refused(tmp_path)


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    path = write_checkpoint(tmp_path) / "model.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert f"{path}: a pointer of Git LFS, not the file itself; run `git lfs pull`" in refused(tmp_path)


def test_a_missing_file_of_the_index_is_named(tmp_path):
    (write_shards(tmp_path) / SECOND).unlink()
    assert f"1 of 2 files of {INDEX} are missing ({SECOND!r}); fetch or copy them" in refused(tmp_path)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "sub/model.safetensors"])
def test_a_file_outside_the_folder_is_never_opened(tmp_path, name):
    write_checkpoint(tmp_path)
    folder = write_shards(tmp_path / "folder")
    (folder / INDEX).write_text(json.dumps({"weight_map": {EMBEDDING: name}}))
    assert f"names {name!r}, which is no file of this folder" in refused(folder)


@pytest.mark.parametrize("content", ["", "{}", '{"weight_map": []}', '{"weight_map": {"a": 7}}'])
def test_an_index_that_is_none_is_named(tmp_path, content):
    (write_shards(tmp_path) / INDEX).write_text(content)
    assert f"{INDEX}" in refused(tmp_path)


def test_a_tensor_that_only_the_index_names_is_named(tmp_path):
    save_file({"other": np.zeros(2)}, write_shards(tmp_path) / SECOND)
    assert f"{tmp_path / SECOND} lacks {LAYER!r}, which {INDEX} names" in refused(tmp_path)


def test_weights_under_another_name_are_not_loaded(tmp_path):
    path = write_checkpoint(tmp_path) / "model.safetensors"
    path.rename(tmp_path / "consolidated.safetensors")
    assert f"{tmp_path} holds neither model.safetensors nor {INDEX}" in refused(tmp_path)


def test_parameters_are_counted_as_transformers_loads_them(tmp_path):
    assert count_parameters(write_shards(tmp_path)) == PARAMETERS
    assert count_parameters(write_checkpoint(tmp_path)) == PARAMETERS  # which has priority over an index
    save_file(weights(), tmp_path / "consolidated.safetensors")
    assert count_parameters(tmp_path) == PARAMETERS


def test_buffers_are_no_parameters(tmp_path):
    buffers = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2, np.float32),
        "embeddings.position_ids": np.zeros((1, 9), np.int64),
        "h.0.attn.bias": np.ones((1, 1, 9, 9), np.float32),  # the causal mask of GPT-2
        "h.0.attn.masked_bias": np.array(-1e4, np.float32),
    }
    assert count_parameters(write_checkpoint(tmp_path, weights(**buffers))) == PARAMETERS
    assert count_parameters(write_checkpoint(tmp_path, weights(**{"h.0.attn.bias": np.ones(9)}))) == PARAMETERS + 9


def test_a_tied_matrix_counts_once_however_it_is_stored(tmp_path):
    head = weights()[EMBEDDING]
    assert count_parameters(write_checkpoint(tmp_path, weights(**{"lm_head.weight": head}))) == PARAMETERS
    other = head + np.eye(ROWS, WIDTH, dtype=head.dtype)
    assert count_parameters(write_checkpoint(tmp_path, weights(**{"lm_head.weight": other}))) == PARAMETERS + head.size
