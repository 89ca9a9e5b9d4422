"""Loss, gradients and batches of training: the same as one row at a time, shared prefix or not."""

import random

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    SmolLM3Config,
    TrainerCallback,
    TrainingArguments,
)

from mixtune.prompts.prefix import SHORTEST
from mixtune.training import packing
from mixtune.training.loss import answer_loss, micro_batches
from mixtune.training.packing import ATTENTION, pack
from mixtune.training.trainer import AnswerTrainer
from tests.fixtures.models import END, VOCABULARY, random_model, tiny_shape
from tests.unit.training.tuning import FLOAT32

CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "smollm3": SmolLM3Config}


@pytest.fixture(params=CONFIGS)
def model(request):
    return random_model(CONFIGS[request.param](**tiny_shape()))


def rows(number: int, shared: int, seed: int = 0) -> list[dict]:
    """Rows of mixed lengths which share their first `shared` ids; answers of one to four ids, the last END."""
    rng = random.Random(seed)
    ids = [rng.randrange(3, VOCABULARY) for _ in range(shared)]
    made = []
    for place in range(number):
        answer = [rng.randrange(3, VOCABULARY) for _ in range(place % 4)] + [END]
        question = [rng.randrange(3, VOCABULARY) for _ in range(rng.randrange(1, 12))]
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
    model.set_attn_implementation(ATTENTION)
    loss, found = step_gradients(model, batches)
    assert loss == pytest.approx(expected_loss.item(), abs=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.fixture(params=["cpu's own", "torch's"])
def attention(request, monkeypatch):
    """Both ways to attend: the one for CPUs, and the one for GPUs, which runs on a CPU as well."""
    if request.param == "torch's":
        monkeypatch.setattr(packing._CpuAttention, "apply", torch_attention)


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


def test_rows_longer_than_a_window_are_packed():
    torch.manual_seed(0)
    config = MistralConfig(**tiny_shape(), head_dim=8, sliding_window=8)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    data = rows(4, 18)
    assert_equals_one_row_at_a_time(model.train(), data, [data])


def test_rows_longer_than_what_rotary_embeddings_are_scaled_for_are_not_packed():
    """These depend on the longest row of a forward pass."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "original_max_position_embeddings": 24}
    scaling = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, **factors}
    model = random_model(LlamaConfig(**tiny_shape(), rope_parameters=scaling)).train()
    data = rows(4, 18)
    assert {len(row["input_ids"]) > 24 for row in data} == {True, False}
    assert_equals_one_row_at_a_time(model, data, [data])


def test_pad_is_eos(model):
    """The end of turn bears the loss although the tokenizer pads with its id: nothing is padded."""
    data = [{"input_ids": [*range(3, 21), extra, END], "answer": 1} for extra in (30, 31)]
    data.append({"input_ids": [*range(3, 21), 32, 33, 34, 35, END], "answer": 3})
    batch = pack(data)
    assert batch["labels"].tolist() == [END, END, 34, 35, END]
    assert_equals_one_row_at_a_time(model, data, [data])


def test_logits_are_computed_where_answers_are_and_nowhere_else(model):
    seen = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model.set_attn_implementation(ATTENTION)
    data = rows(5, 20)
    answer_loss(model, data)
    assert seen == [(1, sum(row["answer"] for row in data), VOCABULARY)]


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
        device=FLOAT32,
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
