"""Ask one system every prompt: the base and its adapter are loaded once for all of them."""

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
    parser.add_argument("--adapter", type=Path, nargs="?", help="manifest; none for an untuned base model")
    parser.add_argument("--prompts", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)

    # Here, since `run` tells first what these need not load.
    import torch

    from mixtune.devices.compute import choose_device
    from mixtune.inference.predict import predict_system

    torch.set_num_threads(args.threads)
    predict_system(
        args.settings,
        args.model,
        args.adapter,
        args.prompts,
        folders(args.benchmarks),
        args.predictions,
        args.manifest,
        device=choose_device(os.environ.get("MIXTUNE_DEVICE")),
    )


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
