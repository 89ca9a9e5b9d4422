"""Tune one cell's adapter."""

import argparse
import json
import os
from pathlib import Path

from mixtune.errors import NOT_FOR_TUNING, run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--rendered", type=Path, required=True, help="manifest")
    parser.add_argument("--micro-tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)

    # Here, since `run` tells first what these need not load.
    import torch

    from mixtune.devices.compute import choose_device
    from mixtune.training.finetune import finetune_cell

    torch.set_num_threads(args.threads)
    finetune_cell(
        args.settings,
        args.model,
        args.rendered,
        args.manifest,
        device=choose_device(os.environ.get("MIXTUNE_DEVICE")),
        micro_tokens=args.micro_tokens,
    )


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
