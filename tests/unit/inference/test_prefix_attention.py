"""Loss, gradients and batches of training: the same as one row at a time, shared prefix or not."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    SmolLM3Config,
    TrainerCallback,
    TrainingArguments,
)

from mixtune.devices.compute import Device
from mixtune.prompts.prefix import SHORTEST, common_prefix
from mixtune.training import packing
from mixtune.training.loss import answer_loss, micro_batches
from mixtune.training.packing import ATTENTION, pack, packs
from mixtune.training.trainer import AnswerTrainer

CPU = Device("cpu", torch.float32, "a test says so")
EOS, VOCABULARY = 2, 64
CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "smollm3": SmolLM3Config}
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
    "eos_token_id": EOS,
    "pad_token_id": EOS,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(params=CONFIGS)
def model(request):
    """A random model in float32 whose every parameter matters, biases and norms included."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[request.param](**SHAPE), dtype=torch.float32)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def rows(number: int, shared: int, seed: int = 0) -> list[dict]:
    """Rows of mixed lengths which share their first `shared` ids; answers of one to four ids, the last EOS."""
    dice = random.Random(seed)
    ids = [dice.randrange(3, VOCABULARY) for _ in range(shared)]
    made = []
    for place in range(number):
        answer = [dice.randrange(3, VOCABULARY) for _ in range(place % 4)] + [EOS]
        question = [dice.randrange(3, VOCABULARY) for _ in range(dice.randrange(1, 12))]
        made.append({"input_ids": [*ids, place + 3, *question, *answer], "answer": len(answer)})
    return made


def plain_loss(model, rows) -> torch.Tensor:
    """The mean over all answer tokens, one row at a time, without padding, cache or batch."""
    total, tokens = torch.zeros(()), 0
    for row in rows:
        ids, answer = torch.tensor(row["input_ids"]), row["answer"]
        logits = model(input_ids=ids[None]).logits[0, -answer - 1 : -1]
        total = total + torch.nn.functional.cross_entropy(logits, ids[-answer:], reduction="sum")
        tokens += answer
    return total / tokens


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def step_gradients(model, batches) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of a step taken in these micro-batches."""
    items = sum(row["answer"] for batch in batches for row in batch)
    model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = answer_loss(model, batch) / items
        loss.backward()
        total += loss.item()
    return total, {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def assert_equals_one_row_at_a_time(model, data, batches):
    expected_loss = plain_loss(model, data)
    expected = gradients(model, expected_loss)
    if packs(model.config):
        model.set_attn_implementation(ATTENTION)
    loss, found = step_gradients(model, batches)
    assert loss == pytest.approx(expected_loss.item(), abs=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.fixture(params=["cpu's own", "torch's"])
def attention(request, monkeypatch):
    """Both ways to attend: the one for CPUs, and the one for GPUs, which runs on a CPU as well."""
    if request.param == "torch's":
        monkeypatch.setattr(packing._Attend, "apply", torch_attention)


def torch_attention(query, key, value, mask, scaling):
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
    )


@pytest.mark.parametrize("shared", [20, 5, 0], ids=["shared", "too-short-to-share", "nothing-to-share"])
def test_loss_and_gradients_equal_one_row_at_a_time(model, attention, shared):
    data = rows(5, shared)
    assert pack(data)["layout"].shared == (shared if shared >= SHORTEST else 0)
    assert_equals_one_row_at_a_time(model, data, [data])


def test_micro_batches_add_up_to_the_mean_over_the_step(model):
    """Not a mean of means: answers have one to four tokens."""
    data = rows(6, 18)
    assert_equals_one_row_at_a_time(model, data, [data[:1], data[1:4], data[4:]])


@pytest.mark.parametrize("config", [Gemma2Config, MistralConfig])
def test_a_model_with_a_window_is_trained_row_by_row(config):
    """Rows are longer than the window; Gemma2 caps its scores, too."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config(**SHAPE, head_dim=8, sliding_window=8), dtype=torch.float32)
    assert not packs(model.config)
    data = rows(4, 18)
    assert_equals_one_row_at_a_time(model.train(), data, [data])


def test_pad_is_eos(model):
    """The end of turn bears the loss although the tokenizer pads with its id: nothing is padded."""
    data = [{"input_ids": [*range(3, 21), extra, EOS], "answer": 1} for extra in (30, 31)]
    data.append({"input_ids": [*range(3, 21), 32, 33, 34, 35, EOS], "answer": 3})
    batch = pack(data)
    assert batch["labels"].tolist() == [EOS, EOS, 34, 35, EOS]
    assert_equals_one_row_at_a_time(model, data, [data])


def test_logits_are_computed_where_answers_are_and_nowhere_else(model):
    seen = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model.set_attn_implementation(ATTENTION)
    data = rows(5, 20)
    answer_loss(model, data)
    assert seen == [(1, sum(row["answer"] for row in data), VOCABULARY)]


def test_packed_rows_hold_what_they_share_once():
    beginning = list(range(10, 10 + SHORTEST))
    data = [
        {"input_ids": [*beginning, 5, 6, 7, 8, EOS], "answer": 2},
        {"input_ids": [*beginning, 9, 8, 7, EOS], "answer": 3},
    ]
    batch = pack(data)
    assert batch["input_ids"].tolist() == [[*beginning, 5, 6, 7, 8, EOS, 9, 8, 7, EOS]]
    assert batch["position_ids"].tolist() == [[*range(16), 16, 17, 18, 19, 20, 16, 17, 18, 19]]
    assert batch["labels"].tolist() == [8, EOS, 8, 7, EOS]
    assert batch["logits_to_keep"].tolist() == [18, 19, 21, 22, 23]  # each predicts the token behind it
    layout = batch["layout"]
    assert layout.shared == SHORTEST
    assert layout.places.tolist() == [[16, 17, 18, 19, 20], [21, 22, 23, 24, 24]]
    assert layout.valid.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]  # of ten places, the last is a tail
    seen = (layout.mask(torch.float32) == 0).tolist()
    assert seen == [[True] * (SHORTEST + n) + [False] * (5 - n) for n in range(1, 6)]


def test_an_answer_is_never_part_of_the_shared_prefix():
    same = {"input_ids": [*range(3, 3 + SHORTEST + 4), EOS], "answer": 3}
    batch = pack([same, same])
    # The last prompt token stays too: it predicts the answer's first.
    assert batch["layout"].shared == SHORTEST + 1
    assert batch["input_ids"].tolist() == [same["input_ids"] + same["input_ids"][SHORTEST + 1 :]]


def test_micro_batches_hold_so_many_tokens_and_the_shortest_rows_come_first():
    data = [{"input_ids": [1] * length, "answer": 1} for length in (7, 3, 50, 4, 5)]
    lengths = [[len(row["input_ids"]) for row in batch] for batch in micro_batches(data, 12)]
    assert lengths == [[3, 4, 5], [7], [50]]
    assert [len(batch) for batch in micro_batches(data, 1000)] == [5]


class Gradients(TrainerCallback):
    """Keeps the gradients of the one step taken."""

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        self.kept = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("micro_tokens", [1, 60, 1000])
def test_a_step_of_the_trainer_is_the_mean_over_its_answer_tokens(tmp_path, model, micro_tokens):
    data, validation = rows(4, 18, seed=1), rows(7, 18, seed=2)
    expected = plain_loss(model, data)
    expected_gradients = gradients(model, expected)
    expected_validation = plain_loss(model, validation).item()
    model.zero_grad()
    model.set_attn_implementation(ATTENTION)
    seen = Gradients()
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=4,
        learning_rate=0.0,
        max_grad_norm=0.0,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    trainer = AnswerTrainer(
        device=CPU,
        micro_tokens=micro_tokens,
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=validation,
        callbacks=[seen],
    )
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(expected.item(), abs=1e-5)
    for name, gradient in seen.kept.items():
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=1e-4, atol=1e-5)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected_validation, abs=1e-5)


ids = st.lists(st.integers(0, 3), min_size=1, max_size=30)


@given(st.lists(ids, min_size=1, max_size=5), st.lists(st.integers(0, 3), max_size=40))
def test_common_prefix_is_shared_by_all_and_leaves_one_of_each(tails, beginning):
    sequences = [beginning + tail for tail in tails]
    shared = common_prefix(sequences)
    assert all(sequence[:shared] == sequences[0][:shared] for sequence in sequences)
    assert shared < min(map(len, sequences))
    longest = 0
    while longest < min(map(len, sequences)) - 1 and len({sequence[longest] for sequence in sequences}) == 1:
        longest += 1
    assert shared == (longest if longest >= SHORTEST and len(sequences) > 1 else 0)


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (LlamaConfig(), True),
        (Qwen2Config(), True),
        (Qwen2Config(use_sliding_window=True, max_window_layers=1), False),
        (SmolLM3Config(), True),
        (MistralConfig(sliding_window=None), True),
        # These two say that they slide by `sliding_window` alone, without `layer_types`.
        (MistralConfig(sliding_window=4096), False),
        (Phi3Config(sliding_window=2047, pad_token_id=0), False),
        (Gemma2Config(), False),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, bool) else str(value),
)
def test_models_with_sliding_windows_are_not_packed(config, shares):
    assert packs(config) is shares
