"""Tune an encoder on the train split of one benchmark."""

import argparse
import json
import os
from pathlib import Path

import torch

from mixtune.compute import choose_device
from mixtune.encoders import finetune_encoder
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmark", type=Path, required=True, help="manifest")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    device = choose_device(os.environ.get("MIXTUNE_DEVICE"))
    finetune_encoder(args.settings, args.model, args.benchmark.parent, args.manifest, device=device)


if __name__ == "__main__":
    run(main)
