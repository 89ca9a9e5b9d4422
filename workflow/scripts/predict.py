"""Predict with one system for all conditions and benchmarks; the base model and its adapter are loaded once."""

import argparse
import os
from pathlib import Path

from mixtune.data.files import folders
from mixtune.errors import NOT_FOR_TUNING, run
from mixtune.inference.settings import PredictSettings


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PredictSettings.parse, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--adapter", type=Path, nargs="?", help="manifest; none for an untuned base model")
    parser.add_argument("--prompts", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of their folders")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)

    # Imported here, after `run` has blocked the modules that these do not need.
    import torch

    from mixtune.devices.compute import choose_device
    from mixtune.inference.predict import predict

    torch.set_num_threads(args.threads)
    predict(
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
