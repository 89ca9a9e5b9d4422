"""Prediction: shared beginnings and tries against `generate` as it is commonly used, on nine label sets.

The other side takes prompts in file order, in batches of 8, padded on the left, and calls
`generate(max_new_tokens=16)`, with `prefix_allowed_tokens_fn` over the same trie for `constrained`. Its model is
the same: equal NF4 values dequantised once, PEFT's LoRA with the same adapter, bf16 where the CPU has it.
"""

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from peft import PeftModel

from mixtune.data import REGISTRY
from mixtune.inference.answering import answer, constrained_answerer, greedy_answerer
from mixtune.inference.decoder import TOKEN_BUDGET, Decoder, batches, label_trie
from mixtune.models.qlora import load_adapter, load_base
from mixtune.prompts.prefix import common_prefix
from mixtune.training.settings import FinetuneSettings
from mixtune.training.trainer import tune

from .common import (
    DEVICE,
    LORA,
    ROOT,
    WEIGHTS,
    base_folder,
    benchmark,
    matmul_rate,
    mixed,
    plain_base,
    ratio,
    rendered,
    renderer,
    show,
)

ROWS = 48  # of each benchmark
THEIR_EVERY = 3  # the other side answers every third: its rows per second do not depend on how many there are
NEW = 16


def adapter(corpus: str | None = None) -> Path:
    """A short tuning on all corpora, so that answers end where a tuned model's do; or a thorough one on one corpus."""
    folder = ROOT / "scratch" / "perf" / f"adapter-{DEVICE.name}-{corpus or 'all'}"
    if not (folder / "adapter_model.safetensors").is_file():
        rows, epochs = (rendered(corpus, "train", None, "generic", 0, True), 2) if corpus else (mixed(240, 0), 1)
        settings = FinetuneSettings(
            epochs=epochs,
            learning_rate=1e-3 if corpus else 2e-3,
            warmup=0.1,
            weight_decay=0.01,
            batch_size=4,
            seed=1,
            lora=LORA,
        )
        options = {"settings": settings, "device": DEVICE, "micro_tokens": 1024}
        with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as checkpoints:
            tune(base_folder(), "base", rows, [], folder, Path(checkpoints), **options)
    return folder


class Mine:
    def __init__(self, tuned: Path) -> None:
        model = load_adapter(load_base(base_folder(), DEVICE), tuned)
        self.decoder = Decoder(model, DEVICE, renderer().stop_ids, 0, NEW)

    def predict(self, prompts, labels=None) -> list[str]:
        """Texts, by the function that the workflow predicts with."""
        answerer = constrained_answerer(labels, exact=False) if labels else greedy_answerer(renderer().tokenizer)
        with tempfile.TemporaryDirectory() as parts:
            found = answer(prompts, Path(parts), lambda: self.decoder, answerer, TOKEN_BUDGET[DEVICE.name])
        return [text for text, _ in found]

    def prefill(self, prompts) -> int:
        """Run prompts without an answer; returns how many tokens the model saw."""
        shared = common_prefix(sorted(prompts))
        prefix, rests = self.decoder.compute_prefix(prompts[0][:shared]), [prompt[shared:] for prompt in prompts]
        for batch in batches([len(rest) for rest in rests], TOKEN_BUDGET[DEVICE.name]):
            self.decoder.choose_labels([rests[i] for i in batch], label_trie([[1], [3]]), prefix)
        return shared + sum(map(len, rests))


class Theirs:
    def __init__(self) -> None:
        self.model = PeftModel.from_pretrained(plain_base(), adapter()).eval()

    def predict(self, prompts, labels=None) -> list[str]:
        tokenizer, stop, texts = renderer().tokenizer, renderer().stop_ids, []
        trie = label_trie(list(labels.values())) if labels else None
        for start in range(0, len(prompts), 8):
            batch = prompts[start : start + 8]
            width = max(map(len, batch))
            ids = torch.tensor([[stop[0]] * (width - len(prompt)) + prompt for prompt in batch], device=DEVICE.name)
            mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch]

            def allowed(_, so_far, width=width):
                node = trie
                for token in so_far[width:].tolist():
                    node = node.get(token, {})
                return list(node) or stop

            with torch.no_grad(), DEVICE.autocast():
                out = self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.tensor(mask, device=DEVICE.name),
                    do_sample=False,
                    max_new_tokens=NEW if trie is None else max(map(len, labels.values())),
                    eos_token_id=stop,
                    pad_token_id=stop[0],
                    prefix_allowed_tokens_fn=allowed if trie else None,
                )
            texts += tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
        return texts


def agreement(figure: str, tuned: Path, corpora: Iterable[str], rows: int | None) -> None:
    """The share of equal answers, against `generate` on whole prompts one at a time, both with the workflow's model.

    Where a model is undecided, rounding decides: the same prompt twice in a batch goes through other kernels than
    alone, and `generate` does not agree with itself, either. That share is printed next to ours.
    """
    mine, model = Mine(tuned), load_adapter(load_base(base_folder(), DEVICE), tuned)
    stop, equal = renderer().stop_ids, {"mine": [], "generate": []}
    options = {"do_sample": False, "max_new_tokens": NEW, "eos_token_id": stop, "pad_token_id": stop[0]}

    def plain(prompt, copies: int) -> str:
        ids = torch.tensor([prompt] * copies, device=DEVICE.name)
        with torch.no_grad(), DEVICE.autocast():
            out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **options)
        return renderer().tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True)

    for condition in ("schema", "generic"):
        for name in corpora:
            prompts = [row["input_ids"] for row in rendered(name, "test", rows, condition, 0, False)]
            for prompt, answered in zip(prompts, mine.predict(prompts), strict=True):
                alone = plain(prompt, 1)
                equal["mine"].append(answered == alone)
                equal["generate"].append(plain(prompt, 2) == alone)
    facts = {"rows": len(equal["mine"]), "dtype": str(DEVICE.dtype)}
    show(figure, round(statistics.mean(equal["mine"]), 4), 0.99, **facts)
    show(f"{figure}_of_generate_with_itself", round(statistics.mean(equal["generate"]), 4), 0.99, **facts)


def main(rounds: int = 3) -> None:
    mine, theirs, matmul = Mine(adapter()), Theirs(), matmul_rate()
    prompts = [row["input_ids"] for row in rendered("tacred", "test", 60, "schema", 0, False)]
    mine.prefill(prompts)
    begin = time.perf_counter()
    tokens = mine.prefill(prompts)
    share = 2 * WEIGHTS * tokens / (time.perf_counter() - begin) / matmul
    show("predict_prefill_matmul_share", round(share, 2), 0.5, tokens=tokens)
    for condition, mean_target, targets in (
        ("schema", 3.5, {"rebel": 7}),
        ("constrained", 3.0, {}),
        ("generic", 1.6, {}),
    ):
        values = []
        for name in REGISTRY:
            prompt = "schema" if condition == "constrained" else condition
            prompts = [row["input_ids"] for row in rendered(name, "test", ROWS, prompt, 0, False)]
            labels = None
            if condition == "constrained":
                labels = {label: renderer().answer(label) for label in REGISTRY[name].labels or benchmark(name).labels}
            some = prompts[::THEIR_EVERY]
            value, seconds = ratio(
                lambda: mine.predict(prompts, labels),  # noqa: B023
                lambda: theirs.predict(some, labels),  # noqa: B023
                rounds,
            )
            values.append(value * len(prompts) / len(some))
            target = targets.get(name, mean_target)
            rate = round(len(prompts) / seconds, 2)
            show(f"predict_{condition}_{name}", round(values[-1], 2), target, rows_per_second=rate)
        show(f"predict_{condition}_mean", round(statistics.mean(values), 2), mean_target)
    agreement("predict_agreement", adapter("conll04"), ["conll04"], None)
    agreement("predict_agreement_hardly_tuned", adapter(), REGISTRY, 8)


if __name__ == "__main__":
    main()
    print(json.dumps({"dtype": str(DEVICE.dtype)}))
