"""Predict every benchmark's test rows with the encoder fine-tuned on it."""

import argparse
import os
from pathlib import Path

from mixtune.baselines.settings import PredictEncoderSettings
from mixtune.data.files import folders
from mixtune.errors import NOT_FOR_TUNING, run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PredictEncoderSettings.parse, required=True)
    parser.add_argument("--tuned", type=Path, nargs="+", required=True, help="manifests, …/{benchmark}/seed-N/…")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)

    # Imported after `run` has excluded the modules that they would load in vain.
    import torch

    from mixtune.baselines.predict_encoder import predict_encoder
    from mixtune.devices.compute import choose_device

    torch.set_num_threads(args.threads)
    device, benchmarks = choose_device(os.environ.get("MIXTUNE_DEVICE")), folders(args.benchmarks)
    predict_encoder(args.settings, args.tuned, benchmarks, args.predictions, args.manifest, device=device)


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
