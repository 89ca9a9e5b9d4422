"""Every architecture: training loss, gradients and answers equal plain forward passes, by whichever way is taken."""

import random

import pytest
import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from mixtune.devices.compute import Device
from mixtune.errors import UserError
from mixtune.inference.decoder import Decoder, label_trie
from mixtune.models.compatibility import check_config
from mixtune.models.qlora import load_adapter, load_base
from mixtune.training.loss import answer_loss, check_packing
from tests.fixtures.architectures import NAMES, NOT_CAUSAL, NOT_TINY, REFUSED, tiny_config
from tests.fixtures.models import END, VOCABULARY, random_model
from tests.unit.training.tuning import tune

CPU = Device("cpu", torch.float32, "a test says so")
NEW = 3
# Common architectures of small models: the fast ways must be taken.
FAST = {
    "cohere2", "gemma", "gemma3_text", "glm4", "gpt_neox", "granite", "helium", "llama", "ministral", "mistral",
    "nemotron", "olmo2", "olmo3", "opt", "phi", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3",
    "stablelm", "starcoder2",
}  # fmt: skip
rng = random.Random(0)
BEGINNING = [rng.randrange(3, VOCABULARY) for _ in range(20)]  # longer than windows and chunks
TAILS = [[rng.randrange(3, VOCABULARY) for _ in range(length)] for length in (1, 3, 12, 7, 5, 9, 2, 11)]
LABELS = [[5, END], [5, 6, 7, END], [5, 6, 8, END], [9, 5, END]]
ROWS = [{"input_ids": [*BEGINNING, *tail, 5, END], "answer": 2} for tail in TAILS[:4]]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


def reference(model, tail) -> list[int]:
    ids = [*BEGINNING, *tail]
    options = {"use_cache": False} if model.config.model_type == "blt" else {}  # whose config suffices for no cache
    for _ in range(NEW):
        with torch.no_grad():
            best = int(model(input_ids=torch.tensor([ids]), **options).logits[0, -1].argmax())
        if best == END:
            break
        ids.append(best)
    return ids[len(BEGINNING) + len(tail) :]


def step(model) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = answer_loss(model, ROWS)
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_CAUSAL])
def test_answers_losses_and_gradients_are_those_of_plain_passes(name):
    model = random_model(tiny_config(name)).eval()
    expected, (loss, gradients) = [reference(model, tail) for tail in TAILS], step(model)
    decoder = Decoder(model, CPU, [END], 0, NEW)
    prefix = decoder.compute_prefix(BEGINNING)
    assert decoder.generate(TAILS, prefix) == expected
    if decoder.check.passed:
        assert decoder.generate([[*BEGINNING, *tail] for tail in TAILS]) == expected
    found = [choice.ids for choice in decoder.choose_labels(TAILS[:2], label_trie(LABELS), prefix)]
    exact = [choice.ids for choice in decoder.choose_labels_exactly(TAILS[:2], label_trie(LABELS), prefix)]
    assert {tuple(ids) for ids in found + exact} <= {tuple(label) for label in LABELS}
    packing = check_packing(model, CPU)
    packed_loss, packed_gradients = step(model)
    assert packed_loss == pytest.approx(loss, rel=1e-5)
    assert packed_gradients.keys() == gradients.keys()
    for parameter, gradient in packed_gradients.items():
        scale = gradients[parameter].abs().max().item()
        torch.testing.assert_close(gradient, gradients[parameter], rtol=1e-3, atol=1e-3 * scale + 1e-5)
    if name in FAST:
        assert decoder.check.passed and packing.passed
        assert len({tuple(answer) for answer in expected}) > 2  # or equal answers would show nothing


@pytest.mark.parametrize(
    "name", ["deepseek_v3", "falcon_h1", "gemma3", "gpt2", "gpt_oss", "lfm2", "llama4_text", "qwen3_next", "stablelm"]
)
def test_a_model_of_any_architecture_is_tuned_in_nf4_and_predicted(name, tmp_path):
    random_model(tiny_config(name)).to(torch.bfloat16).save_pretrained(tmp_path / "base")
    lora = {"r": 4, "alpha": 8, "dropout": 0.0, "targets": "all-linear"}
    outcome = tune(tmp_path / "base", tmp_path, epochs=1, lora=lora)
    assert outcome["train_loss"] < 10
    model = load_adapter(load_base(tmp_path / "base", CPU), tmp_path / "adapter")
    expected = [reference(model, tail) for tail in TAILS]
    decoder = Decoder(model, CPU, [END], 0, NEW)
    assert decoder.generate(TAILS, decoder.compute_prefix(BEGINNING)) == expected


@pytest.mark.parametrize("name", NOT_CAUSAL)
def test_models_that_are_not_causal_are_refused(name):
    with pytest.raises(UserError, match="it is not causal"):
        Decoder(random_model(tiny_config(name)).eval(), CPU, [END], 0, NEW)


@pytest.mark.parametrize("name", REFUSED)
def test_architectures_that_cannot_be_used_are_refused_by_their_config(name):
    published, reason = REFUSED[name]
    with pytest.raises(UserError, match=rf"{name}.* is no causal language model that can be used: {reason}"):
        check_config({"model_type": name, "architectures": [published]}, "models")


def test_every_architecture_is_tried_or_has_a_reason():
    assert {*NAMES, *NOT_TINY, *REFUSED} == MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.keys()
    assert all(NOT_TINY.values())
