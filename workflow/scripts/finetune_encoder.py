"""Tune an encoder on the train split of each benchmark, one after the other: the libraries are loaded once for all."""

import argparse
import json
import os
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import NOT_FOR_TUNING, run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifests", type=Path, nargs="+", required=True, help="to write, …/{benchmark}/seed-N/…")
    args = parser.parse_args(argv)

    # Here, since `run` tells first what these need not load.
    import torch

    from mixtune.baselines.finetune_encoder import finetune_encoder
    from mixtune.devices.compute import choose_device

    torch.set_num_threads(args.threads)
    device, benchmarks = choose_device(os.environ.get("MIXTUNE_DEVICE")), folders(args.benchmarks)
    for manifest in args.manifests:
        finetune_encoder(args.settings, args.model, benchmarks[manifest.parents[1].name], manifest, device=device)


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
