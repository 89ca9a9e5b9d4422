"""Fine-tune the adapter of one cell."""

import argparse
import os
from pathlib import Path

from mixtune.errors import NOT_FOR_TUNING, run
from mixtune.training.settings import FinetuneSettings


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=FinetuneSettings.parse, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--rendered", type=Path, required=True, help="manifest")
    parser.add_argument("--micro-tokens", type=int, required=True, help="per forward pass")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)

    # Imported here, after `run` has blocked the modules that these do not need.
    import torch

    from mixtune.devices.compute import choose_device
    from mixtune.training.finetune import finetune

    torch.set_num_threads(args.threads)
    finetune(
        args.settings,
        args.model,
        args.rendered,
        args.manifest,
        device=choose_device(os.environ.get("MIXTUNE_DEVICE")),
        micro_tokens=args.micro_tokens,
    )


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
