"""Answer every benchmark's test rows without a model."""

import argparse
import json
from pathlib import Path

from mixtune.baselines.floors import predict_floors
from mixtune.data.files import folders
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--benchmarks", type=Path, required=True, help="all.json, beside their folders")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="files to write")
    parser.add_argument("--manifests", type=Path, nargs="+", required=True, help="files to write")
    args = parser.parse_args(argv)
    predict_floors(args.settings, list(folders(args.benchmarks).values()), args.predictions, args.manifests)


if __name__ == "__main__":
    run(main)
