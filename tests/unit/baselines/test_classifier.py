"""An encoder's classifier, tiny and random: its logits, and fine-tuning that is killed and undisturbed."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from mixtune.baselines import classifier
from mixtune.baselines.classifier import MarkerClassifier, classify, load_encoder, load_tokenizer
from mixtune.baselines.entity_markers import encode
from mixtune.errors import UserError
from tests.unit.baselines.encoders import BF16, FLOAT32, LABELS, STEPS, bytes_of, ending, tuned


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def test_the_states_where_the_markers_begin_are_classified():
    class Echo(torch.nn.Module):
        """An encoder whose states are the ids."""

        config = SimpleNamespace(hidden_size=1, hidden_dropout_prob=0.0)

        def forward(self, input_ids, attention_mask):
            return SimpleNamespace(last_hidden_state=input_ids[..., None].float())

    model = MarkerClassifier(Echo(), 2)
    model.classifier = torch.nn.Identity()
    ids = torch.tensor([[5, 6, 7, 8], [1, 2, 3, 0]])
    places = {"head": torch.tensor([1, 2]), "tail": torch.tensor([3, 0])}
    output = model(ids, torch.ones_like(ids), **places)
    assert output["logits"].tolist() == [[6, 8], [3, 1]]
    assert "loss" not in output
    loss = model(ids, torch.ones_like(ids), **places, labels=torch.tensor([1, 0]))["loss"]
    by_hand = torch.tensor([1 / (1 + torch.e**-2.0)]).log().neg()  # each row is 2 ahead in its own class
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_a_row_is_classified_alike_alone_and_padded(model, rows):
    tokenizer, _ = load_tokenizer(model.parent)
    encoded, _ = encode(tokenizer, rows(9), 64)
    torch.manual_seed(0)
    classifying = MarkerClassifier(load_encoder(model.parent), 3).eval()
    together = classify(classifying, tokenizer, encoded, LABELS, FLOAT32)
    for row, (label, confidence) in zip(encoded, together, strict=True):
        [(alone, probability)] = classify(classifying, tokenizer, [row], LABELS, FLOAT32)
        assert (alone, probability) == (label, pytest.approx(confidence, abs=1e-6))


def test_the_limit_is_the_tokenizers_or_else_the_encoders(tmp_path, model):
    assert load_tokenizer(model.parent)[1] == 2046  # RoBERTa keeps two positions for itself
    folder = shutil.copytree(model.parent, tmp_path / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 512}))
    assert load_tokenizer(folder)[1] == 512


@pytest.mark.parametrize("pad", [None, "[PAD]"])
def test_without_a_pad_token_that_has_an_embedding_another_pads(tmp_path, model, rows, pad):
    tokenizer, _ = load_tokenizer(model.parent)
    encoded, _ = encode(tokenizer, rows(9), 64)
    tokenizer.pad_token = pad
    folder = shutil.copytree(model.parent, tmp_path / "model")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    classifying = MarkerClassifier(load_encoder(folder), 3).eval()
    results = [
        classify(classifying, load_tokenizer(path)[0], encoded, LABELS, FLOAT32) for path in (folder, model.parent)
    ]
    assert results[0] == results[1]


def test_an_encoder_that_is_a_pickle_is_never_loaded(tmp_path, model):
    shutil.copy(model.parent / "config.json", tmp_path)
    torch.save(load_file(model.parent / "model.safetensors"), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_encoder(tmp_path)


def test_an_encoder_is_never_initialised_at_random(tmp_path, model):
    folder = shutil.copytree(model.parent, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    masked = {f"roberta.{name}": weight for name, weight in weights.items() if "pooler" not in name}
    save_file(masked | {"lm_head.bias": torch.zeros(9)}, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = load_encoder(folder)  # a masked language model: its head is left out, and no pooler is needed
    assert torch.equal(loaded.embeddings.word_embeddings.weight, weights["embeddings.word_embeddings.weight"])
    del masked["roberta.encoder.layer.1.output.dense.weight"]
    save_file(masked, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 matrices are missing, e\.g\. 'encoder\.layer\.1\.output\.dense\.weight'"):
        load_encoder(folder)


# Tuning, killed and undisturbed


@pytest.fixture(scope="module")
def reference(model, rows, tmp_path_factory):
    """The folder of an undisturbed run, and its facts."""
    folder = tmp_path_factory.mktemp("reference")
    return folder, tuned(folder, model, rows(18))


def test_same_seed_same_bytes_whatever_drew_before(model, rows, reference, tmp_path):
    folder, facts = reference
    torch.manual_seed(99)
    assert tuned(tmp_path, model, rows(18), checkpoint_seconds=1e9) == facts
    assert bytes_of(tmp_path / "encoder") == bytes_of(folder / "encoder")
    assert (facts["steps"], facts["examples"]) == (STEPS, 18)


def test_another_seed_gives_other_weights(model, rows, reference, tmp_path):
    tuned(tmp_path, model, rows(18), seed=2)
    for name in ("model.safetensors", "classifier.safetensors"):
        assert (tmp_path / "encoder" / name).read_bytes() != (reference[0] / "encoder" / name).read_bytes()


@pytest.mark.parametrize(
    ("step", "moment", "resumed"),
    [(1, "on_step_end", None), (4, "on_step_end", 3), (6, "on_save", 6), (STEPS, "on_train_end", STEPS)],
)
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    model, rows, reference, tmp_path, capsys, step, moment, resumed
):
    with ending(step, moment):
        tuned(tmp_path, model, rows(18))
    assert not (tmp_path / "encoder").exists()
    capsys.readouterr()
    facts = tuned(tmp_path, model, rows(18))
    assert (f"resuming from {tmp_path}/checkpoints/checkpoint-{resumed}\n" in capsys.readouterr().out) is bool(resumed)
    assert (facts, bytes_of(tmp_path / "encoder")) == (reference[1], bytes_of(reference[0] / "encoder"))


def test_in_bf16_a_killed_run_ends_with_the_same_weights(model, rows, tmp_path):
    tuned(tmp_path / "whole", model, rows(18), device=BF16)
    with ending(7):
        tuned(tmp_path / "parts", model, rows(18), device=BF16)
    tuned(tmp_path / "parts", model, rows(18), device=BF16)
    assert bytes_of(tmp_path / "parts" / "encoder") == bytes_of(tmp_path / "whole" / "encoder")


def test_a_short_run_writes_no_checkpoint(model, rows, tmp_path):
    with ending(STEPS):
        tuned(tmp_path, model, rows(18), checkpoint_seconds=classifier.CHECKPOINT_SECONDS)
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_run_that_diverges_says_so_and_leaves_nothing(model, rows, tmp_path):
    with pytest.raises(UserError, match=r"diverged: .*training\.encoder\.learning_rate"):
        tuned(tmp_path, model, rows(18), learning_rate=1e30, warmup=0.0)
    assert not (tmp_path / "encoder").exists()
    assert not (tmp_path / "checkpoints").exists()


def test_an_encoder_that_is_not_saved_as_it_was_tuned_is_an_error(model, rows, tmp_path, monkeypatch):
    def spoil(tensors, path):
        save_file({name: tensor + 1 for name, tensor in tensors.items()}, path)

    monkeypatch.setattr(classifier, "save_file", spoil)
    with pytest.raises(UserError, match=r"encoder is not what was tuned: 2 tensors differ .* classifier\.1\.bias;"):
        tuned(tmp_path, model, rows(2))
