"""Fine-tune an encoder on each benchmark in turn, so that the libraries are loaded once."""

import argparse
import os
from pathlib import Path

from mixtune.baselines.settings import FinetuneEncoderSettings
from mixtune.data.files import folders
from mixtune.errors import NOT_FOR_TUNING, run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=FinetuneEncoderSettings.parse, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, in the folder of the benchmarks")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--manifests", type=Path, nargs="+", required=True, help="to write, …/{benchmark}/seed-N/…")
    args = parser.parse_args(argv)

    # Imported after `run` has excluded the modules that they would load in vain.
    import torch

    from mixtune.baselines.finetune_encoder import finetune_encoder
    from mixtune.devices.compute import choose_device

    torch.set_num_threads(args.threads)
    device = choose_device(os.environ.get("MIXTUNE_DEVICE"))
    finetune_encoder(args.settings, args.model, folders(args.benchmarks), args.manifests, device=device)


if __name__ == "__main__":
    run(main, without=NOT_FOR_TUNING)
