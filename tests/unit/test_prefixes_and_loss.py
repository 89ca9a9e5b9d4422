"""Loss, gradients and batches of training: the same as one row at a time, shared prefix or not."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    SmolLM3Config,
    TrainerCallback,
    TrainingArguments,
)

from mixtune.losses import IGNORED, Collator, answer_logits, answer_loss
from mixtune.models import Device
from mixtune.prefixes import SHORTEST, common_prefix, expanded, shares_prefix
from mixtune.training import AnswerTrainer

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


def batch_loss(model, batch, items=None):
    return answer_loss(answer_logits(model, batch, batch["labels"].shape[1] + 1), batch["labels"], items)


@pytest.mark.parametrize(
    ("shared", "share", "prefix"),
    [(20, True, 20), (20, False, None), (5, True, None), (0, True, None)],
    ids=["shared", "not-shared", "too-short-to-share", "nothing-to-share"],
)
def test_loss_and_gradients_equal_one_row_at_a_time(model, shared, share, prefix):
    data = rows(5, shared)
    batch = Collator(EOS, share)(data)
    assert (None if batch["prefix_ids"] is None else batch["prefix_ids"].shape[1]) == prefix
    expected_loss, loss = plain_loss(model, data), batch_loss(model, batch)
    assert loss.item() == pytest.approx(expected_loss.item(), abs=1e-5)
    expected = gradients(model, expected_loss)
    for name, gradient in gradients(model, batch_loss(model, batch)).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("share", [True, False])
def test_padding_is_never_seen(model, share):
    data = rows(4, 18)
    results = [batch_loss(model, Collator(pad, share)(data)).item() for pad in (EOS, 0, 40)]
    assert results == [results[0]] * 3


@pytest.mark.parametrize("share", [True, False])
def test_pad_is_eos(model, share):
    """The end of turn bears the loss although padding has its id."""
    data = [{"input_ids": [*range(3, 21), extra, EOS], "answer": 1} for extra in (30, 31)]
    data.append({"input_ids": [*range(3, 21), 32, 33, 34, 35, EOS], "answer": 3})
    batch = Collator(EOS, share)(data)
    assert batch["labels"].tolist() == [[IGNORED, IGNORED, EOS], [IGNORED, IGNORED, EOS], [34, 35, EOS]]
    logits = answer_logits(model, batch, keep=4)
    logits.retain_grad()
    loss = answer_loss(logits, batch["labels"])
    assert loss.item() == pytest.approx(plain_loss(model, data).item(), abs=1e-5)
    loss.backward()
    # The last prompt or label token learns to say EOS, and EOS, the last position, to say nothing.
    assert (logits.grad[:, -2, EOS] < 0).all()
    assert (logits.grad[:, -1] == 0).all()


def test_collator_pads_left_and_splits_off_what_rows_share():
    beginning = list(range(10, 10 + SHORTEST))
    data = [
        {"input_ids": [*beginning, 5, 6, 7, 8, EOS], "answer": 2},
        {"input_ids": [*beginning, 9, 8, 7, EOS], "answer": 3},
    ]
    batch = Collator(0, share=True)(data)
    assert batch["prefix_ids"].tolist() == [beginning]
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, EOS], [0, 9, 8, 7, EOS]]
    assert batch["attention_mask"].tolist() == [[1] * (SHORTEST + 5), [1] * SHORTEST + [0, 1, 1, 1, 1]]
    assert batch["position_ids"].tolist() == [[16, 17, 18, 19, 20], [15, 16, 17, 18, 19]]
    assert batch["labels"].tolist() == [[IGNORED, 8, EOS], [8, 7, EOS]]


def test_collator_without_sharing():
    data = [{"input_ids": [5, 6, EOS], "answer": 1}, {"input_ids": [9, 8, 7, 6, EOS], "answer": 2}]
    batch = Collator(0, share=True)(data)
    assert batch["prefix_ids"] is None
    assert batch["input_ids"].tolist() == [[0, 0, 5, 6, EOS], [9, 8, 7, 6, EOS]]
    assert batch["attention_mask"].tolist() == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert batch["position_ids"].tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]
    assert batch["labels"].tolist() == [[IGNORED, EOS], [6, EOS]]


def test_an_answer_is_never_part_of_the_shared_prefix():
    same = {"input_ids": [*range(3, 3 + SHORTEST + 4), EOS], "answer": 3}
    batch = Collator(0, share=True)([same, same])
    # The last prompt token stays too: it predicts the answer's first.
    assert batch["prefix_ids"].tolist() == [same["input_ids"][: SHORTEST + 1]]
    assert batch["input_ids"].tolist() == [same["input_ids"][SHORTEST + 1 :]] * 2


def test_micro_batches_add_up_to_the_mean_over_the_step(model):
    """Not a mean of means: answers have one to four tokens."""
    data = rows(6, 18)
    items = sum(row["answer"] for row in data)
    expected = gradients(model, plain_loss(model, data))
    model.zero_grad()
    total = 0.0
    for part in (data[:1], data[1:4], data[4:]):
        loss = batch_loss(model, Collator(EOS, share=True)(part), items)
        loss.backward()
        total += loss.item()
    assert total == pytest.approx(plain_loss(model, data).item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-5)


class Gradients(TrainerCallback):
    """Keeps the gradients of the one step taken."""

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        self.kept = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_a_step_of_the_trainer_is_the_mean_over_its_answer_tokens(tmp_path, model, micro_batch):
    data, validation = rows(4, 18, seed=1), rows(7, 18, seed=2)
    expected = plain_loss(model, data)
    expected_gradients = gradients(model, expected)
    expected_validation = plain_loss(model, validation).item()
    model.zero_grad()
    seen = Gradients()
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=micro_batch,
        gradient_accumulation_steps=4 // micro_batch,
        learning_rate=0.0,
        max_grad_norm=0.0,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
    )
    trainer = AnswerTrainer(
        device=CPU,
        batch_size=4,
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=validation,
        data_collator=Collator(EOS, share=True),
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


@pytest.mark.parametrize("number", [1, 3])
def test_a_cache_is_expanded_and_left_as_it_was(number):
    config = LlamaConfig(**SHAPE)
    model = AutoModelForCausalLM.from_config(config)
    cache = model(input_ids=torch.arange(3, 9)[None], past_key_values=DynamicCache(config=config)).past_key_values
    before = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]
    copy = expanded(cache, number, config)
    model(input_ids=torch.tensor([[9], [10], [11]])[:number], past_key_values=copy)
    assert copy.get_seq_length() == 7
    assert cache.get_seq_length() == 6
    for layer, (keys, values) in zip(cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)


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
def test_models_with_sliding_windows_share_no_prefix(config, shares):
    assert shares_prefix(config) is shares
