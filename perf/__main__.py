"""Speed as ratios: `make perf` prints one JSON line a figure, both sides measured in this run.

A random model of SmolLM2-135M's shape on the CPU: speed does not depend on what the weights say.
"""

import json
import random
import statistics
import time
from collections.abc import Callable

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mixtune.decoding import Decoder
from mixtune.losses import Collator, answer_logits, answer_loss
from mixtune.models import choose_device
from mixtune.prefixes import common_prefix

DEVICE = choose_device("cpu")
SHAPE = LlamaConfig(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1_536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    tie_word_embeddings=True,
)


def report(figure: str, mine: Callable, baseline: Callable, target: float, rounds: int = 3) -> None:
    """Print how many times faster `mine` is than `baseline`: the median of rounds, the two in turn."""
    mine(), baseline()
    ratios = []
    for _ in range(rounds):
        times = []
        for side in (mine, baseline):
            begin = time.perf_counter()
            side()
            times.append(time.perf_counter() - begin)
        ratios.append(times[1] / times[0])
    value = round(statistics.median(ratios), 2)
    print(json.dumps({"figure": figure, "value": value, "target": target, "higher_is_better": True}), flush=True)


def prompts(shared: int, own: int, count: int) -> list[list[int]]:
    """Random prompts of `shared` equal and about `own` different tokens."""
    dice = random.Random(0)
    first = [dice.randrange(10, 49_000) for _ in range(shared)]
    return [first + [dice.randrange(10, 49_000) for _ in range(own + dice.randrange(20))] for _ in range(count)]


def main() -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(SHAPE).eval()
    decoder = Decoder(model, DEVICE, [2], 0, max_new_tokens=6)
    asked = prompts(850, 60, 16)  # as REBEL in the condition schema
    shared = common_prefix(asked)

    def with_prefix():
        decoder.answers([prompt[shared:] for prompt in asked], decoder.prefix(asked[0][:shared]))

    report(
        "predict: shared prefix vs whole prompts (850 + 70 tokens, 16 rows)",
        with_prefix,
        lambda: decoder.answers(asked),
        3,
    )

    rows = [{"input_ids": prompt, "answer": 5} for prompt in prompts(52, 50, 4)]  # as 0-shot training rows

    def step(share: bool):
        batch = Collator(0, share)(rows)
        with DEVICE.autocast():
            logits = answer_logits(model, batch, batch["labels"].shape[1] + 1)
        answer_loss(logits, batch["labels"]).backward()
        model.zero_grad()

    figure = "train: shared prefix vs whole rows (52 + 60 tokens, 4 rows)"
    report(figure, lambda: step(True), lambda: step(False), 1.2)


if __name__ == "__main__":
    main()
