"""Training: packed rows against Transformers' Trainer as it is commonly used, and the memory of both.

The other side is what tutorials show: PEFT's LoRA on the same base, padded micro-batches of 4 with 2 accumulation
steps, labels of -100 everywhere but on the answer, logits of all positions. On a CPU both sides have their NF4
values dequantised once: bitsandbytes' own layers would be slower still there.
"""

import json
import subprocess
import sys
import tempfile
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import Trainer, TrainingArguments

from mixtune.models.qlora import add_adapter, load_base
from mixtune.models.settings import LoraSettings
from mixtune.training.loss import micro_batches
from mixtune.training.packing import ATTENTION, pack
from mixtune.training.trainer import AnswerTrainer

from .common import DEVICE, LORA, WEIGHTS, base_folder, matmul_rate, mixed, plain_base, ratio, show

ROWS = 48  # six steps of eight
PAD = 2
MICRO_TOKENS = 1024


def arguments(folder: str, **more: Any) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        learning_rate=1e-4,
        num_train_epochs=1,
        optim="adamw_torch",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        use_cpu=DEVICE.name == "cpu",
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **more,
    )


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Right-padded ids, mask, and labels of -100 everywhere but on the answer."""
    width = max(len(row["input_ids"]) for row in rows)
    ids, mask, labels = (torch.full((len(rows), width), fill) for fill in (PAD, 0, -100))
    for place, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[place, :length] = torch.tensor(row["input_ids"])
        mask[place, :length] = 1
        labels[place, length - row["answer"] : length] = ids[place, length - row["answer"] : length]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def mine(rows, folder: str):
    model = add_adapter(load_base(base_folder(), DEVICE), LoraSettings(**LORA))
    model.config.use_cache = False
    model.set_attn_implementation(ATTENTION)

    def run():
        options = arguments(folder, per_device_train_batch_size=8)
        AnswerTrainer(device=DEVICE, micro_tokens=MICRO_TOKENS, model=model, args=options, train_dataset=rows).train()

    return run


def theirs(rows, folder: str):
    lora = LoraConfig(
        r=LORA["r"], lora_alpha=LORA["alpha"], target_modules=LORA["targets"], lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    model = get_peft_model(plain_base(), lora)
    model.config.use_cache = False

    def run():
        options = arguments(
            folder,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            bf16=DEVICE.dtype == torch.bfloat16,
        )
        Trainer(model=model, args=options, train_dataset=rows, data_collator=collate).train()

    return run


SIDES = {"mine": mine, "theirs": theirs}


def status(key: str) -> int:
    """VmRSS or VmHWM of this process in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))


def memory(side: str, shots: int) -> None:
    """In a process of its own: print the peak of memory above the loaded model, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        rows = mixed(16, shots)
        run = SIDES[side](rows, folder)
        if DEVICE.name == "cuda":
            torch.cuda.reset_peak_memory_stats()
            loaded = torch.cuda.memory_allocated()
            run()
            print(torch.cuda.max_memory_allocated() - loaded)
            return
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak counts from here
        loaded = status("VmRSS")
        run()
        print(status("VmHWM") - loaded)


def main() -> None:
    rate = matmul_rate()
    for shots, target in ((0, 1.8), (2, 1.5)):
        rows = mixed(ROWS, shots)
        with tempfile.TemporaryDirectory() as folder:
            sides = [make(rows, folder) for make in SIDES.values()]
            value, seconds = ratio(*sides)
        show(f"train_generic_{shots}shot", round(value, 2), target, examples_per_second=round(ROWS / seconds, 2))
        if shots == 0:
            steps = [rows[start : start + 8] for start in range(0, ROWS, 8)]
            passes = [batch for step in steps for batch in micro_batches(step, MICRO_TOKENS)]
            tokens = sum(pack(batch)["input_ids"].numel() for batch in passes)
            # Forward, and gradients of activations: two multiply-adds per weight and token, two operations each.
            show("train_matmul_share", round(4 * WEIGHTS * tokens / seconds / rate, 2), 0.4, tokens=tokens)
    for shots, target in ((0, 0.4), (2, 0.5)):
        peaks = []
        for side in SIDES:
            command = [sys.executable, "-m", "perf.training", side, str(shots)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            peaks.append(int(output.split()[-1]))
        show(f"train_memory_{shots}shot", round(peaks[0] / peaks[1], 2), target, False, bytes=peaks)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        memory(sys.argv[1], int(sys.argv[2]))
    else:
        main()
        print(json.dumps({"dtype": str(DEVICE.dtype)}))
